"""How results and context changes reach other steps, and what they never touch."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from syncara.core import events as e
from tests.core.build import START, Run, group, step, task


def test_the_result_of_a_step_can_be_read_in_params() -> None:
    """{steps.Name.data...} works for every step, in every string, however nested."""
    run = Run(
        step("Load Users"),
        step(
            "B",
            ["Load Users"],
            params={"first": "{steps.Load Users.data[0].id}", "deep": [{"text": "{steps.Load Users.data[1].id}!"}]},
        ),
    )

    run.succeed("Load Users", [{"id": 7}, {"id": 8}])

    assert {"first": 7, "deep": [{"text": "8!"}]} == run.only(e.StepScheduled).params


def test_a_step_without_placeholders_takes_its_params_from_the_definition() -> None:
    """Nothing is journaled that the definition says already."""
    assert None is Run(step("A", params={"x": 1})).only(e.StepScheduled).params


def test_save_as_puts_the_result_into_the_context() -> None:
    """The key takes the data of the step, null included."""
    run = Run(step("A", save_as="a"), step("B", save_as="b"))

    run.succeed("A", {"x": 1})
    run.succeed("B", None)

    assert {"a": {"x": 1}, "b": None} == run.context


def test_save_as_comes_after_the_changes_of_the_handler() -> None:
    """When both set the same key, the result stays."""
    run = Run(step("A", save_as="x"), context={"x": 0})

    run.succeed("A", "result", changes={"x": "change", "y": 1})

    assert {"x": "result", "y": 1} == run.context


def test_nothing_is_saved_by_a_step_that_failed_or_was_skipped() -> None:
    """save_as needs a result."""
    run = Run(
        step("A", save_as="a", on_error="continue"),
        step("B", ["A"], save_as="b", condition="False"),
        group("G", task("c", save_as="c", condition="False"), after=["A"]),
    )

    run.fail("A")

    assert set() == {"a", "b", "c"} & run.context.keys()


def test_changes_are_committed_with_the_success() -> None:
    """Keys that the handler set and removed reach the context in the transaction that ends the step."""
    run = Run(step("A"), step("B", ["A"], params={"x": "{context.x}"}), context={"x": 1, "gone": 1})

    run.succeed("A", changes={"x": 2}, removed=("gone",))

    assert {"x": 2} == run.context
    assert {"x": 2} == run.only(e.StepScheduled).params


def test_per_key_the_last_commit_wins() -> None:
    """Two steps that ran side by side change the context in the order in which they ended."""
    run = Run(step("A"), step("B"), context={"kept": 0})

    run.succeed("B", changes={"x": "b", "only b": 1})
    run.succeed("A", changes={"x": "a", "only a": 1})

    assert {"kept": 0, "x": "a", "only a": 1, "only b": 1} == run.context


def test_whoever_holds_a_context_holds_a_snapshot() -> None:
    """A change replaces the context; what an attempt was given stays as it was."""
    run = Run(step("A"), step("B"), context={"x": 1})
    held = run.context

    run.succeed("A", changes={"x": 2})

    assert ({"x": 1}, {"x": 2}) == (held, run.context)


def test_nothing_mutates_the_callers_context_or_the_definition() -> None:
    """A run with changes, failures, groups and saved results leaves both as they were given."""
    context: dict[str, Any] = {"list": [1], "user": {"name": "Ada"}}
    before = copy.deepcopy(context)
    run = Run(
        step("A", save_as="list", params={"u": "{context.user}"}),
        group("G", task("a", params={"u": "{context.user}"}), after=["A"]),
        step("B", ["G"], on_error="continue"),
        context=context,
    )
    definition = msgspec.json.encode(run.plan.workflow)

    run.succeed("A", [2], changes={"user": {"name": "Eve"}})
    run.succeed("G/a", [3])
    run.fail("B")

    assert before == context
    assert definition == msgspec.json.encode(run.plan.workflow)


def test_values_are_never_expanded_twice() -> None:
    """A placeholder in a value is text."""
    run = Run(step("A", params={"x": "{context.x}"}), context={"x": "{context.y}", "y": "secret"})

    assert {"x": "{context.y}"} == run.only(e.StepScheduled).params


def test_metadata_of_a_result_is_kept_beside_its_data() -> None:
    """It belongs to the step and does not reach the context."""
    run = Run(step("A", save_as="a"))

    run.succeed("A", 1, metadata={"tokens": 3})

    assert ({"tokens": 3}, {"a": 1}) == (run.node("A").metadata, run.context)


def test_the_journal_alone_holds_the_context() -> None:
    """Context and results are rebuilt from events and from nothing else."""
    run = Run(step("A", save_as="a"), step("B", ["A"]), context={"x": 1})
    run.succeed("A", 1, changes={"y": 2})

    assert {"x": 1, "y": 2, "a": 1} == run.replayed().context
    assert START == run.replayed().started_at
