"""Making, checking, reading and deleting definitions through the public API."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncara import MultiStepProcessor, NotFoundError, Step, ValidationError, Workflow
from tests.integration.support import HANG_S, Gate, noop, one_step, statuses


def test_a_workflow_keeps_what_it_was_created_with(onlooker: MultiStepProcessor) -> None:
    """`create_workflow` takes the definition's fields and returns the id under which `get_workflow` gives them back."""
    workflow_id = onlooker.create_workflow(
        name="Data Processing Pipeline",
        description="Process user data",
        global_timeout=900,
        max_parallel_steps=3,
        auto_retry=False,
        metadata={"version": "1.0", "tags": ["a", "b"]},
    )
    kept = onlooker.get_workflow(workflow_id)

    assert kept == Workflow(
        id=workflow_id,
        name="Data Processing Pipeline",
        description="Process user data",
        global_timeout=900,
        max_parallel_steps=3,
        auto_retry=False,
        metadata={"version": "1.0", "tags": ["a", "b"]},
        created_at=kept.created_at,
    )


def test_what_a_workflow_is_not_given_has_its_default(onlooker: MultiStepProcessor) -> None:
    """Half an hour in all, five steps at a time, retries on."""
    workflow = onlooker.get_workflow(onlooker.create_workflow("Bare"))

    assert ("", 1800, 5, True, {}, ()) == (
        workflow.description,
        workflow.global_timeout,
        workflow.max_parallel_steps,
        workflow.auto_retry,
        workflow.metadata,
        workflow.steps,
    )


def test_a_step_keeps_what_it_was_added_with(onlooker: MultiStepProcessor) -> None:
    """`add_step` takes every field of a step and returns its id."""
    workflow_id = onlooker.create_workflow("Steps")
    first = onlooker.add_step(workflow_id, "Load", "log", {"message": "loading"})

    second = onlooker.add_step(
        workflow_id,
        name="Save",
        handler="set_context",
        params={"key": "saved", "value": [1, {"deep": True}]},
        dependencies=[first],
        timeout=60,
        retry_count=1,
        retry_delay=0.5,
        condition="context.get('go') == True",
        retry_backoff=1.5,
        max_retry_delay=10,
        run_when="all_settled",
        on_error="continue",
        save_as="result",
        on_crash="ask",
    )

    expected = (
        Step(first, "Load", "log", {"message": "loading"}),
        Step(
            id=second,
            name="Save",
            handler="set_context",
            params={"key": "saved", "value": [1, {"deep": True}]},
            dependencies=(first,),
            timeout=60,
            retry_count=1,
            retry_delay=0.5,
            condition="context.get('go') == True",
            retry_backoff=1.5,
            max_retry_delay=10,
            run_when="all_settled",
            on_error="continue",
            save_as="result",
            on_crash="ask",
        ),
    )
    assert expected == onlooker.get_workflow(workflow_id).steps


def test_what_a_step_is_not_given_has_its_default(onlooker: MultiStepProcessor) -> None:
    """Five minutes an attempt, three retries from five seconds on, doubling up to five minutes."""
    workflow_id = onlooker.create_workflow("Steps")
    onlooker.add_step(workflow_id, "Load", "noop")

    (step,) = onlooker.get_workflow(workflow_id).steps

    assert (300, 3, 5, 2.0, 300) == (
        step.timeout,
        step.retry_count,
        step.retry_delay,
        step.retry_backoff,
        step.max_retry_delay,
    )
    assert ({}, (), None, "none_failed", "fail", None, "retry") == (
        step.params,
        step.dependencies,
        step.condition,
        step.run_when,
        step.on_error,
        step.save_as,
        step.on_crash,
    )


def test_dependencies_are_ids_or_names_and_read_back_as_ids(onlooker: MultiStepProcessor) -> None:
    """A dependency may name a step by its id or its name, also one that is added later."""
    workflow_id = onlooker.create_workflow("Forward")
    a = onlooker.add_step(workflow_id, "A", "log", {"message": "a"}, dependencies=["C"])
    b = onlooker.add_step(workflow_id, "B", "log", {"message": "b"}, dependencies=[a, "C"])
    c = onlooker.add_step(workflow_id, "C", "log", {"message": "c"})

    dependencies = {step.id: step.dependencies for step in onlooker.get_workflow(workflow_id).steps}

    assert {a: (c,), b: (a, c), c: ()} == dependencies
    assert [] == onlooker.validate(workflow_id)


def test_several_steps_are_added_together_or_not_at_all(onlooker: MultiStepProcessor) -> None:
    """`add_steps` returns the ids in order; one step that cannot be taken refuses all, and every reason is given."""
    workflow_id = onlooker.create_workflow("Many")

    ids = onlooker.add_steps(workflow_id, [{"name": "A", "handler": "noop"}, {"name": "B", "handler": "noop"}])
    with pytest.raises(ValidationError) as refused:
        onlooker.add_steps(
            workflow_id,
            [{"name": "C", "handler": "noop"}, {"name": "", "handler": "noop"}, {"name": "D", "timeout": "long"}],
        )

    assert ids == [step.id for step in onlooker.get_workflow(workflow_id).steps]
    assert ["empty_name", "missing_field", "wrong_type"] == sorted(p.code for p in refused.value.problems)


def test_a_definition_made_in_one_piece_equals_one_made_step_by_step(onlooker: MultiStepProcessor) -> None:
    """`define` takes the fields of `create_workflow` and a list of steps."""
    defined = onlooker.get_workflow(
        onlooker.define(
            {
                "name": "Pair",
                "max_parallel_steps": 2,
                "steps": [
                    {"name": "A", "handler": "noop"},
                    {"name": "B", "handler": "noop", "dependencies": ["A"], "retry_count": 0},
                ],
            }
        )
    )
    stepwise_id = onlooker.create_workflow("Pair", max_parallel_steps=2)
    onlooker.add_step(stepwise_id, "A", "noop")
    onlooker.add_step(stepwise_id, "B", "noop", dependencies=["A"], retry_count=0)

    assert without_ids(defined) == without_ids(onlooker.get_workflow(stepwise_id))


def test_a_definition_can_be_copied(onlooker: MultiStepProcessor) -> None:
    """`define` takes what `get_workflow` returned; the copy has ids of its own, and its dependencies point into it."""
    original_id = onlooker.create_workflow("Original")
    first = onlooker.add_step(original_id, "A", "noop")
    onlooker.add_step(original_id, "B", "noop", dependencies=[first])
    original = onlooker.get_workflow(original_id)

    copy = onlooker.get_workflow(onlooker.define(original))

    assert without_ids(original) == without_ids(copy)
    assert (copy.steps[0].id,) == copy.steps[1].dependencies
    assert not {original.id, *(s.id for s in original.steps)} & {copy.id, *(s.id for s in copy.steps)}


def without_ids(workflow: Workflow) -> Workflow:
    """The definition with its steps called by their names alone."""
    names = {step.id: step.name for step in workflow.steps}
    steps = tuple(
        msgspec.structs.replace(step, id="", dependencies=tuple(names[d] for d in step.dependencies))
        for step in workflow.steps
    )
    return msgspec.structs.replace(workflow, id="", created_at=0, steps=steps)


def test_validate_tells_everything_that_keeps_a_definition_from_running(onlooker: MultiStepProcessor) -> None:
    """All problems at once, each with its place and the next move; circles are spelled out, near names offered."""
    workflow_id = onlooker.define(
        {
            "name": "Broken",
            "global_timeout": 60,
            "steps": [
                {"name": "Greet", "handler": "send_mesage", "params": {"text": "hi"}},
                {"name": "A", "handler": "log", "params": {"message": "a"}, "dependencies": ["B"]},
                {"name": "B", "handler": "log", "params": {"message": "b"}, "dependencies": ["A", "Gret"]},
                {"name": "Nap", "handler": "delay", "params": {"seconds": 90}},
                {"name": "Say", "handler": "log", "params": {"message": "{steps.Gret.data}"}},
            ],
        }
    )

    problems = {problem.code: problem for problem in onlooker.validate(workflow_id)}

    assert {
        "unknown_handler": ("step 'Greet', field 'handler'", "Did you mean 'send_message'?"),
        "unknown_dependency": ("step 'B', field 'dependencies'", "Did you mean 'Greet'?"),
        "dependency_cycle": ("workflow 'Broken'", "remove one of these dependencies, for instance 'B' from 'A'"),
        "delay_exceeds_timeout": ("workflow 'Broken'", "set global_timeout to at least 150"),
        "unknown_step": ("step 'Say', field 'params.message'", "Did you mean 'Greet'?"),
    } == {code: (problem.where, problem.fix) for code, problem in problems.items()}
    assert "these steps wait for one another: 'A' -> 'B' -> 'A'" == problems["dependency_cycle"].message


def test_a_definition_that_can_run_has_no_problems(onlooker: MultiStepProcessor) -> None:
    """`validate` returns an empty list, and knows the handlers that were registered."""
    workflow_id = one_step(onlooker)
    before = [problem.code for problem in onlooker.validate(workflow_id)]

    onlooker.register_handler("noop", noop)

    assert ["unknown_handler"] == before
    assert [] == onlooker.validate(workflow_id)


async def test_a_definition_is_durable_when_the_call_returns(
    processor: MultiStepProcessor, onlooker: MultiStepProcessor
) -> None:
    """Whoever else has the file open sees each change at once."""
    workflow_id = processor.create_workflow("Shared")
    processor.add_step(workflow_id, "A", "noop")

    assert processor.get_workflow(workflow_id) == onlooker.get_workflow(workflow_id)
    assert ["A"] == [step.name for step in onlooker.get_workflow(workflow_id).steps]


def test_definitions_are_listed_newest_first_without_their_steps(onlooker: MultiStepProcessor) -> None:
    """`list_workflows` pages through the definitions; deleted ones are gone from it."""
    ids = [one_step(onlooker) for _ in range(5)]
    onlooker.delete_workflow(ids[3])

    listed = onlooker.list_workflows()

    assert [ids[4], ids[2], ids[1], ids[0]] == [workflow.id for workflow in listed]
    assert {()} == {workflow.steps for workflow in listed}
    assert [ids[2], ids[1]] == [workflow.id for workflow in onlooker.list_workflows(limit=2, offset=1)]


async def test_a_run_under_way_keeps_the_definition_that_was_deleted(processor: MultiStepProcessor) -> None:
    """`delete_workflow` says whether there was one; nothing new starts from it, what runs goes on."""
    gate = Gate()
    processor.register_handler("gate", gate)
    workflow_id = one_step(processor, "gate")
    execution_id = await processor.execute_workflow(workflow_id)
    await gate.begun.wait()

    answers = [processor.delete_workflow(workflow_id), processor.delete_workflow(workflow_id)]
    gate.open.set()
    ended = await processor.wait(execution_id, HANG_S)

    assert [True, False] == answers
    assert "completed" == ended.status
    with pytest.raises(NotFoundError):
        processor.get_workflow(workflow_id)
    with pytest.raises(NotFoundError):
        await processor.execute_workflow(workflow_id)


async def test_a_run_under_way_keeps_the_steps_that_it_started_with(processor: MultiStepProcessor) -> None:
    """A step that is added later belongs to later runs only."""
    gate = Gate()
    processor.register_handler("gate", gate)
    workflow_id = one_step(processor, "gate")
    early = await processor.execute_workflow(workflow_id)

    processor.add_step(workflow_id, "Later", "noop")
    late = await processor.execute_workflow(workflow_id)
    gate.open.set()

    assert {"Only": "completed"} == statuses(await processor.wait(early, HANG_S))
    assert {"Only": "completed", "Later": "completed"} == statuses(await processor.wait(late, HANG_S))


def test_an_unknown_workflow_is_reported_with_the_nearest_id(onlooker: MultiStepProcessor) -> None:
    """Every call that takes a workflow's id names the one that was meant."""
    workflow_id = one_step(onlooker)
    mistyped = workflow_id[:-1] + "!"

    for call in (
        onlooker.get_workflow,
        onlooker.validate,
        lambda id: onlooker.add_step(id, "New", "noop"),
        lambda id: onlooker.add_steps(id, []),
    ):
        with pytest.raises(NotFoundError) as unknown:
            call(mistyped)
        assert ("not_found", f"Did you mean '{workflow_id}'?") == (unknown.value.code, unknown.value.fix)


def test_a_name_is_used_once_in_a_workflow(onlooker: MultiStepProcessor) -> None:
    """A second step of the same name is refused, within one call and over several."""
    workflow_id = one_step(onlooker)

    for steps in ([{"name": "Only", "handler": "noop"}], [{"name": "Twin", "handler": "noop"}] * 2):
        with pytest.raises(ValidationError) as refused:
            onlooker.add_steps(workflow_id, steps)
        assert "duplicate_step" == refused.value.code

    assert ["Only"] == [step.name for step in onlooker.get_workflow(workflow_id).steps]


def test_what_the_caller_does_with_its_own_objects_later_changes_nothing(onlooker: MultiStepProcessor) -> None:
    """Params, metadata and dependencies are copied; what `get_workflow` returned belongs to the caller."""
    metadata: dict[str, Any] = {"tags": ["a"]}
    params: dict[str, Any] = {"message": {"deep": [1]}}
    dependencies = ["B"]
    workflow_id = onlooker.create_workflow("Copied", metadata=metadata)
    onlooker.add_step(workflow_id, "A", "log", params, dependencies)
    given = (metadata, params, dependencies)
    untouched = ({"tags": ["a"]}, {"message": {"deep": [1]}}, ["B"])
    assert untouched == given

    metadata["tags"].append("b")
    params["message"]["deep"].append(2)
    dependencies.append("C")
    returned = onlooker.get_workflow(workflow_id)
    returned.metadata["tags"].append("c")
    returned.steps[0].params["message"]["deep"].append(3)
    kept = onlooker.get_workflow(workflow_id)

    assert untouched == (kept.metadata, kept.steps[0].params, list(kept.steps[0].dependencies))
