"""The hash of a plan: what an approval covers, and what then runs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.core.model import Step, Workflow
from syncara.policy.plan import plan_hash
from tests.core.build import step, workflow

FIRST = step("A", handler="log", params={"message": "x", "level": "info"})
SECOND = step("B", ["A"], handler="log", params={"message": "y"})
PLAN = workflow(FIRST, SECOND)
CONTEXT = {"name": "Ana", "n": 1}


def with_step(**fields: Any) -> Workflow:
    return workflow(FIRST, msgspec.structs.replace(SECOND, **fields))


@pytest.mark.parametrize(
    "changed",
    [
        with_step(name="C"),
        with_step(handler="notification"),
        with_step(params={"message": "z"}),
        with_step(params={"message": "y", "level": "info"}),
        with_step(dependencies=()),
        with_step(timeout=301),
        with_step(retry_count=4),
        with_step(retry_delay=6),
        with_step(retry_backoff=3),
        with_step(max_retry_delay=301),
        with_step(condition="1 == 1"),
        with_step(run_when="any_failed"),
        with_step(on_error="continue"),
        with_step(on_crash="ask"),
        with_step(save_as="x"),
        workflow(SECOND, FIRST),
        workflow(FIRST),
        workflow(FIRST, SECOND, step("C")),
        workflow(FIRST, SECOND, global_timeout=1801),
        workflow(FIRST, SECOND, recovery_timeout=301),
        workflow(FIRST, SECOND, max_parallel_steps=6),
        workflow(FIRST, SECOND, auto_retry=False),
        workflow(FIRST, SECOND, chat_id=5),
        workflow(FIRST, SECOND, author="ai"),
    ],
)
def test_whatever_changes_what_runs_changes_the_hash(changed: Workflow) -> None:
    """An approval covers one plan to the letter."""
    assert plan_hash(PLAN, CONTEXT, None) != plan_hash(changed, CONTEXT, None)


@pytest.mark.parametrize(
    ("context", "start_at"), [({}, None), ({**CONTEXT, "n": 2}, None), ({**CONTEXT, "n": "1"}, None), (CONTEXT, 5.0)]
)
def test_the_context_and_the_start_belong_to_the_plan(context: dict[str, Any], start_at: float | None) -> None:
    """The same steps on other data, or at another time, are another plan."""
    assert plan_hash(PLAN, CONTEXT, None) != plan_hash(PLAN, context, start_at)


def test_two_chats_of_the_same_digits_have_two_plans() -> None:
    """5 and "5" are two chats."""
    assert plan_hash(workflow(FIRST, chat_id=5), {}, None) != plan_hash(workflow(FIRST, chat_id="5"), {}, None)


def test_every_field_of_a_step_and_a_workflow_is_in_the_hash_or_left_out_on_purpose() -> None:
    """A field that is added to the model is covered without anybody thinking of it."""
    left_out = {"id", "name", "description", "metadata", "created_at"}
    values: dict[Any, Any] = {bool: False, int: 77, float: 77.5, str: "77", dict[str, Any]: {"a": 77}}
    seen = plan_hash(workflow(FIRST), {}, None)

    for kind in (Workflow, Step):
        for field in msgspec.structs.fields(kind):
            if field.type in values and not (kind is Step and field.name == "id"):
                changes = {field.name: values[field.type]}
                one = msgspec.structs.replace(FIRST, **changes) if kind is Step else FIRST
                definition = workflow(one) if kind is Step else msgspec.structs.replace(workflow(one), **changes)
                same = kind is Workflow and field.name in left_out
                assert same is (seen == plan_hash(definition, {}, None)), field.name


def test_the_same_definition_written_again_is_the_same_plan() -> None:
    """Ids and times made anew, names of things that decide nothing, and the order of keys do not count."""
    first = step("A", handler="log", params={"level": "info", "message": "x"})
    again = Workflow(
        id="wf2",
        name="Another name",
        description="Another description",
        metadata={"a": 1},
        created_at=5.0,
        steps=(
            msgspec.structs.replace(first, id="new A", timeout=300.0),
            msgspec.structs.replace(SECOND, id="new B", dependencies=("new A",)),
        ),
        global_timeout=1800.0,
    )
    by_id = workflow(FIRST, msgspec.structs.replace(SECOND, dependencies=(FIRST.id,)))

    assert plan_hash(PLAN, CONTEXT, 5) == plan_hash(again, {"n": 1, "name": "Ana"}, 5.0) == plan_hash(by_id, CONTEXT, 5)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_plan_keeps_its_hash_in_the_journal(values: dict[str, Any]) -> None:
    """Written and read back, it is the plan that was approved."""
    definition = workflow(step("A", params=values), global_timeout=60)
    stored = msgspec.json.decode(msgspec.json.encode(definition), type=Workflow)

    assert plan_hash(definition, values, 5) == plan_hash(stored, msgspec.json.decode(msgspec.json.encode(values)), 5.0)
