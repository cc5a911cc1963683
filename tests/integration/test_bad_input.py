"""What callers and handlers may get wrong: each row gives the error, and the state that it leaves.

Beside every row a healthy run goes on: what is wrong with one call or one run is no concern of the others.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from syncara import MultiStepProcessor, NotFoundError, StepResult, SyncaraError, ValidationError
from syncara.abc import ExecutionInput, StepInput
from syncara.core import events as e
from syncara.core.limits import ERROR_CHARS_MAX
from tests.integration.support import HANG_S, Gate, Stubborn, healthy_run, noop, one_step

LONE_SURROGATE = "\ud800"
NAN = float("nan")
MIB_20 = 20 * 1024 * 1024
circle: list[Any] = []
circle.append(circle)


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


class Known(NamedTuple):
    """What exists when a row's call is made."""

    processor: MultiStepProcessor
    workflow: str
    """A workflow that can run."""
    execution: str
    """A run of it that is under way."""


class Refused(NamedTuple):
    """A call that is refused as a whole."""

    call: Callable[[Known], Any]
    text: str
    """What `str(error)` contains: the place, or the reason, or the next move."""
    code: str = "wrong_type"
    kind: type[SyncaraError] = ValidationError


def calls(method: str, *arguments: Any, **named: Any) -> Callable[[Known], Any]:
    return lambda known: getattr(known.processor, method)(*arguments, **named)


def add(**fields: Any) -> Callable[[Known], Any]:
    return lambda known: known.processor.add_step(known.workflow, **{"name": "New", "handler": "noop", **fields})


def create(**fields: Any) -> Callable[[Known], Any]:
    return lambda known: known.processor.create_workflow(**{"name": "New", **fields})


def execute(**fields: Any) -> Callable[[Known], Any]:
    return lambda known: known.processor.execute_workflow(**{"workflow_id": known.workflow, **fields})


def execute_steps(*steps: dict[str, Any], **fields: Any) -> Callable[[Known], Any]:
    def call(known: Known) -> Any:
        definition = {"name": "New", "steps": steps, **fields}
        return known.processor.execute_workflow(known.processor.define(definition))

    return call


CALLS = {
    # Definitions.
    "workflow without a name": Refused(create(name="  "), "'name' must be text", "empty_name"),
    "workflow name of a wrong type": Refused(create(name=5), "'name' must be text"),
    "description of a wrong type": Refused(create(description=None), "'description'"),
    "timeout of a wrong type": Refused(create(global_timeout="1h"), "number of seconds"),
    "timeout that is no number": Refused(create(global_timeout=NAN), "number of seconds"),
    "no time at all": Refused(create(global_timeout=0), "'global_timeout'"),
    "no step at a time": Refused(create(max_parallel_steps=0), "from 1 to 1000"),
    "parallel steps of a wrong type": Refused(create(max_parallel_steps=True), "whole"),
    "flag of a wrong type": Refused(create(auto_retry="yes"), "True or False"),
    "metadata of a wrong type": Refused(create(metadata=[]), "'metadata'"),
    "metadata that is not JSON": Refused(create(metadata={"a": {1}}), "$.a is a set", "not_json"),
    "definition of a wrong type": Refused(calls("define", 5), "definition"),
    "definition with an unknown field": Refused(
        calls("define", {"name": "New", "stepps": []}), "Did you mean 'steps'?", "unknown_field"
    ),
    # Steps.
    "step without a name": Refused(add(name=""), "text of 1 to 200 characters", "empty_name"),
    "step name of a wrong type": Refused(add(name=["A"]), "'name' must be text"),
    "step name in use": Refused(add(name="Only"), "'Only'", "duplicate_step"),
    "handler of a wrong type": Refused(add(handler=noop), "'handler' must be text"),
    "params of a wrong type": Refused(add(params="{}"), "'params' must be a JSON object"),
    "params that are not JSON": Refused(add(params={"f": noop}), "$.f is a function", "not_json"),
    "params with a key that is not text": Refused(add(params={1: 2}), "not text: 1", "not_json"),
    "params of 20 MB": Refused(add(params={"a": "x" * MIB_20}), "the limit is 1048576", "too_large"),
    "params that go round in a circle": Refused(add(params={"a": circle}), "100 deep", "not_json"),
    "dependencies of a wrong type": Refused(add(dependencies=5), "'dependencies'"),
    "dependency of a wrong type": Refused(add(dependencies=[5]), "step ids or names"),
    "step that depends on itself": Refused(add(dependencies=["New"]), "on itself", "self_dependency"),
    "retries of a wrong type": Refused(add(retry_count=1.5), "whole number from 0"),
    "fewer than no retries": Refused(add(retry_count=-1), "whole number from 0"),
    "condition of a wrong type": Refused(add(condition=True), "'condition' must be text"),
    "condition outside the language": Refused(add(condition="open('x')"), "column 1", "unknown_function"),
    "unknown choice": Refused(add(run_when="always"), "'all_settled'"),
    "reserved key": Refused(add(save_as="errors"), "choose another context key", "reserved_key"),
    "steps of a wrong type": Refused(
        lambda known: known.processor.add_steps(known.workflow, None),  # type: ignore[arg-type]
        "steps",
    ),
    "step that is no object": Refused(
        lambda known: known.processor.add_steps(known.workflow, ["A"]),  # type: ignore[list-item]
        "step number 1",
    ),
    # Starting.
    "empty workflow": Refused(execute_steps(), "add at least one step", "empty_workflow"),
    "unknown handler": Refused(
        execute_steps({"name": "A", "handler": "nop"}), "Did you mean 'noop'?", "unknown_handler"
    ),
    "unknown dependency": Refused(
        execute_steps({"name": "A", "handler": "noop", "dependencies": ["B"]}),
        "there is no step 'B'",
        "unknown_dependency",
    ),
    "cycle": Refused(
        execute_steps(*({"name": n, "handler": "noop", "dependencies": [d]} for n, d in ("AC", "BA", "CB"))),
        "'A' -> 'B' -> 'C' -> 'A'",
        "dependency_cycle",
    ),
    "delay beyond the timeout": Refused(
        execute_steps({"name": "A", "handler": "delay", "params": {"seconds": 10}}, global_timeout=5),
        "set global_timeout to at least",
        "delay_exceeds_timeout",
    ),
    "context of a wrong type": Refused(execute(context=[1]), "context: it must be a dict"),
    "context that is not JSON": Refused(execute(context={"a": object()}), "$.a is a object", "not_json"),
    "context with a key that is not text": Refused(execute(context={1: 2}), "not text: 1", "not_json"),
    "context with what JSON cannot hold": Refused(execute(context={"a": NAN}), "$.a is nan", "not_json"),
    "context with no Unicode text": Refused(execute(context={"a": LONE_SURROGATE}), "JSON", "not_json"),
    "context that goes round in a circle": Refused(execute(context={"a": circle}), "deep", "not_json"),
    "context of 20 MB": Refused(execute(context={"a": "x" * MIB_20}), "the limit is 10485760", "too_large"),
    "chat_id of a wrong type": Refused(execute(chat_id=[1]), "chat_id: it must be a whole"),
    "chat_id that is no text": Refused(execute(chat_id=LONE_SURROGATE), "chat_id"),
    "user_id beyond 64 bits": Refused(execute(user_id=1 << 70), "user_id"),
    "key of a wrong type": Refused(execute(idempotency_key=[1]), "idempotency_key"),
    "key that is no text": Refused(execute(idempotency_key=LONE_SURROGATE), "idempotency_key"),
    "start of a wrong type": Refused(execute(start_at="now"), "start_at"),
    "start that never comes": Refused(execute(start_at=math.inf), "start_at"),
    "start that is no number": Refused(execute(start_at=NAN), "start_at"),
    "unknown workflow": Refused(execute(workflow_id="wf_x"), "there is no workflow 'wf_x'", "not_found", NotFoundError),
    "workflow id of a wrong type": Refused(execute(workflow_id=[1]), "workflow_id: it must"),
    # Steering and looking.
    "unknown execution": Refused(
        calls("get_execution", "ex_x"), "there is no execution 'ex_x'", "not_found", NotFoundError
    ),
    "execution id of a wrong type": Refused(calls("get_execution", {}), "execution_id: it must be text"),
    "wait for a wrong type": Refused(calls("wait", []), "execution_id: it must be text"),
    "cancel of a wrong type": Refused(calls("cancel_execution", []), "execution_id: it must be text"),
    "reason of a wrong type": Refused(
        lambda known: known.processor.cancel_execution(known.execution, 5),  # type: ignore[arg-type]
        "reason",
    ),
    "reason that is no text": Refused(
        lambda known: known.processor.cancel_execution(known.execution, LONE_SURROGATE), "reason"
    ),
    "from_seq of a wrong type": Refused(
        lambda known: anext(known.processor.watch(known.execution, "x")),  # type: ignore[arg-type]
        "from_seq",
    ),
    "timeout of a wait of a wrong type": Refused(
        lambda known: known.processor.wait(known.execution, "x"),  # type: ignore[arg-type]
        "timeout",
    ),
    "unknown status": Refused(calls("list_executions", status="runing"), "Did you mean 'running'?", "unknown_status"),
    "limit of a wrong type": Refused(calls("list_executions", limit="x"), "limit"),
    "age of a wrong type": Refused(calls("cleanup", "1h"), "older_than"),
    "age that is no number": Refused(calls("cleanup", NAN), "older_than"),
    "negative limit": Refused(calls("list_executions", limit=-1), "limit"),
}


@pytest.mark.parametrize("row", CALLS.values(), ids=CALLS)
async def test_a_wrong_call_is_refused_and_changes_nothing(processor: MultiStepProcessor, row: Refused) -> None:
    """The error has a code, says what and where, and is a SyncaraError; nothing of the call has happened."""
    gate = Gate()
    processor.register_handler("gate", gate)
    workflow_id = one_step(processor, "gate")
    known = Known(processor, workflow_id, await processor.execute_workflow(workflow_id))
    async with healthy_run(processor):
        before = everything(processor)
        with pytest.raises(row.kind) as refused:
            await outcome(row.call, known)
        after = everything(processor)

    assert row.code == refused.value.code
    assert row.text in str(refused.value)
    assert before == [line for line in after if line[0] != "New"]
    gate.open.set()
    assert "completed" == (await processor.wait(known.execution, HANG_S)).status


async def outcome(call: Callable[[Known], Any], known: Known) -> Any:
    result = call(known)
    return await asyncio.wait_for(result, HANG_S) if inspect.isawaitable(result) else result


def everything(processor: MultiStepProcessor) -> list[tuple[Any, ...]]:
    """The definitions and the runs that there are, and where they stand."""
    workflows = [processor.get_workflow(workflow.id) for workflow in processor.list_workflows()]
    return [
        *((workflow.name, workflow.id, len(workflow.steps)) for workflow in workflows),
        *((run.id, run.status, len(processor.get_history(run.id))) for run in processor.list_executions()),
    ]


# Handlers.


class Bad(NamedTuple):
    """A handler that does what it should not."""

    handler: Any
    code: str
    text: str
    """The step's error, from its beginning."""


def returns(value: Any) -> Any:
    async def handler(step: StepInput, execution: ExecutionInput) -> Any:
        return value

    return handler


def leaves(**context: Any) -> Any:
    async def handler(step: StepInput, execution: ExecutionInput) -> None:
        execution.context.update(context)

    return handler


def raises(error: BaseException) -> Any:
    async def handler(step: StepInput, execution: ExecutionInput) -> None:
        raise error

    return handler


def raises_in_a_thread(error: BaseException) -> Any:
    def handler(step: StepInput, execution: ExecutionInput) -> None:
        raise error

    return handler


async def replaces_the_context(step: StepInput, execution: ExecutionInput) -> None:
    execution.context = [1]  # type: ignore[assignment]


async def takes_too_little() -> None: ...


def yields(step: StepInput, execution: ExecutionInput) -> Iterator[int]:
    yield 1


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


NOT_JSON = "the handler's result is not JSON: "
BAD_RESULT = "the handler's StepResult"
HANDLERS = {
    "returns an object": Bad(returns(object()), "invalid_result", NOT_JSON + "$ is a object, which is not JSON"),
    "returns bytes": Bad(returns({"a": b"x"}), "invalid_result", NOT_JSON + "$.a is a bytes, which is not JSON"),
    "returns a set": Bad(returns([{1}]), "invalid_result", NOT_JSON + "$[0] is a set, which is not JSON"),
    "returns no number": Bad(returns(NAN), "invalid_result", NOT_JSON + "$ is nan, which JSON cannot hold"),
    "returns a huge number": Bad(returns(1 << 64), "invalid_result", NOT_JSON + "$ is a whole number beyond 64 bits"),
    "returns a key that is not text": Bad(returns({1: 2}), "invalid_result", NOT_JSON + "$ has a key that is not text"),
    "returns no Unicode text": Bad(
        returns(LONE_SURROGATE), "invalid_result", NOT_JSON + "it cannot be written as JSON"
    ),
    "returns a circle": Bad(returns(circle), "invalid_result", NOT_JSON + "$[0]"),
    "returns a thousand levels": Bad(returns(deep(1000)), "invalid_result", NOT_JSON + "$[0]"),
    "returns a generator": Bad(yields, "invalid_result", NOT_JSON + "$ is a generator, which is not JSON"),
    "returns 20 MB": Bad(
        returns("x" * MIB_20),
        "result_too_large",
        "the handler's result is 20971522 bytes as JSON; the limit is 10485760",
    ),
    "leaves a context that is not JSON": Bad(
        leaves(a=object()), "invalid_result", "execution.context: $.a is a object, which is not JSON"
    ),
    "leaves a context of 20 MB": Bad(leaves(a="x" * MIB_20), "invalid_result", "execution.context is 209715"),
    "replaces the context": Bad(
        replaces_the_context, "invalid_result", "execution.context was replaced by a list; it must stay a dict"
    ),
    "metadata that is not JSON": Bad(returns(StepResult(True, metadata={"a": noop})), "invalid_result", NOT_JSON),
    "metadata of a wrong type": Bad(returns(StepResult(True, metadata="x")), "invalid_result", BAD_RESULT),  # type: ignore[arg-type]
    "success of a wrong type": Bad(returns(StepResult("no")), "invalid_result", BAD_RESULT),  # type: ignore[arg-type]
    "error of a wrong type": Bad(returns(StepResult(False, error=5)), "invalid_result", BAD_RESULT),  # type: ignore[arg-type]
    "retryable of a wrong type": Bad(returns(StepResult(False, retryable=None)), "invalid_result", BAD_RESULT),  # type: ignore[arg-type]
    "retry_after of a wrong type": Bad(returns(StepResult(False, retry_after="soon")), "invalid_result", BAD_RESULT),  # type: ignore[arg-type]
    "retry_after that never comes": Bad(returns(StepResult(False, retry_after=math.inf)), "invalid_result", BAD_RESULT),
    "exits": Bad(raises(SystemExit(3)), "error", "SystemExit: 3"),
    "exits in a thread": Bad(raises_in_a_thread(SystemExit(3)), "error", "SystemExit: 3"),
    "raises KeyboardInterrupt": Bad(raises(KeyboardInterrupt()), "error", "KeyboardInterrupt"),
    "raises KeyboardInterrupt in a thread": Bad(raises_in_a_thread(KeyboardInterrupt()), "error", "KeyboardInterrupt"),
    "raises GeneratorExit": Bad(raises(GeneratorExit()), "error", "GeneratorExit"),
    "raises StopIteration": Bad(raises(StopIteration(1)), "error", "RuntimeError: coroutine raised StopIteration"),
    "raises StopIteration in a thread": Bad(raises_in_a_thread(StopIteration(1)), "error", "StopIteration: 1"),
    "raises what has no text": Bad(raises(Mute()), "error", "Mute"),
    "raises no Unicode text": Bad(raises(ValueError(LONE_SURROGATE)), "error", "ValueError: ?"),
}


@pytest.mark.parametrize("row", HANDLERS.values(), ids=HANDLERS)
async def test_a_bad_handler_fails_its_own_step(processor: MultiStepProcessor, row: Bad) -> None:
    """The step fails with a code and the reason, nothing of the attempt is kept, and the run ends `failed`."""
    processor.register_handler("bad", row.handler)
    async with healthy_run(processor):
        execution_id = await processor.execute_workflow(one_step(processor, "bad"), {"given": 1})
        await processor.wait(execution_id, HANG_S)
        ended = processor.get_execution(execution_id)

    step = ended.steps["Only"]
    assert ("failed", row.code) == (ended.status, ended.code)
    assert ("failed", 1, row.text) == (step.status, step.attempts, (step.error or "")[: len(row.text)])
    assert {"given", "error_occurred", "failed_step", "last_error", "errors"} == set(ended.context)


async def test_a_result_that_cannot_be_kept_is_not_tried_again(processor: MultiStepProcessor) -> None:
    """The same handler would return the same; retries are for what may get better."""
    processor.register_handler("bad", returns(object()))
    execution_id = await processor.execute_workflow(one_step(processor, "bad", retry_count=5))

    assert 1 == (await processor.wait(execution_id, HANG_S)).steps["Only"].attempts


async def test_an_endless_error_is_cut_short(processor: MultiStepProcessor) -> None:
    """The journal keeps the beginning of an error's text, which is where it says what happened."""
    processor.register_handler("bad", raises(ValueError("x" * MIB_20)))
    async with healthy_run(processor):
        ended = await processor.wait(await processor.execute_workflow(one_step(processor, "bad")), HANG_S)

    assert "ValueError: ".ljust(ERROR_CHARS_MAX, "x") == ended.steps["Only"].error


async def test_a_handler_that_never_returns_times_out(processor: MultiStepProcessor) -> None:
    """On the loop it is cancelled; in a thread, which cannot be ended, it is given up on."""
    let_go = threading.Event()

    async def on_the_loop(step: StepInput, execution: ExecutionInput) -> None:
        await asyncio.get_running_loop().create_future()

    def in_a_thread(step: StepInput, execution: ExecutionInput) -> None:
        let_go.wait(HANG_S)

    processor.register_handler("on the loop", on_the_loop)
    processor.register_handler("in a thread", in_a_thread)
    async with healthy_run(processor):
        ids = [
            await processor.execute_workflow(one_step(processor, name, timeout=0.02))
            for name in ("on the loop", "in a thread")
        ]
        ended = [await processor.wait(id, HANG_S) for id in ids]
    let_go.set()

    error = "the attempt took longer than its timeout of 0.02 s"
    assert [("failed", "timeout", error)] * 2 == [(run.status, run.code, run.steps["Only"].error) for run in ended]


async def test_a_handler_that_swallows_cancellation_is_left_behind(processor: MultiStepProcessor) -> None:
    """After its timeout it gets a moment to clean up; then the run goes on, and its late result is ignored."""
    stubborn = Stubborn()
    processor.register_handler("stubborn", stubborn)
    async with healthy_run(processor):
        execution_id = await processor.execute_workflow(one_step(processor, "stubborn", timeout=0.02))
        ended = await processor.wait(execution_id, HANG_S)
        history = processor.get_history(execution_id)
        stubborn.let_go.set()
        await stubborn.returned.wait()

    assert ("failed", "timeout") == (ended.status, ended.code)
    assert history == processor.get_history(execution_id)
    assert "too late" not in str(history)


async def test_a_cancel_does_not_wait_for_a_handler_that_swallows_it(processor: MultiStepProcessor) -> None:
    """The run is cancelled when the call returns, whatever the handler still does."""
    stubborn = Stubborn()
    processor.register_handler("stubborn", stubborn)
    async with healthy_run(processor):
        execution_id = await processor.execute_workflow(one_step(processor, "stubborn"))
        await stubborn.begun.wait()
        cancelled = await processor.cancel_execution(execution_id)
        status = processor.get_execution(execution_id).status
        stubborn.let_go.set()
        await stubborn.returned.wait()

    assert (True, "cancelled") == (cancelled, status)
    assert "Finished" == type(processor.get_history(execution_id)[-1]).__name__


@pytest.mark.parametrize(
    ("of", "field", "value"),
    [
        ("step", "name", "Other"),
        ("step", "id", "st_other"),
        ("execution", "attempt", 9),
        ("execution", "id", "ex_other"),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
async def test_a_handler_cannot_lose_its_run_by_what_it_assigns(
    processor: MultiStepProcessor, of: str, field: str, value: Any, fails: bool
) -> None:
    """What it holds is its own: the outcome is that of the attempt that was made."""

    async def assign(step: StepInput, execution: ExecutionInput) -> None:
        setattr({"step": step, "execution": execution}[of], field, value)
        if fails:
            raise OSError("no")

    processor.register_handler("assign", assign)
    async with healthy_run(processor):
        execution_id = await processor.execute_workflow(one_step(processor, "assign"))
        ended = await processor.wait(execution_id, HANG_S)

    step = ended.steps["Only"]
    assert str(ended.status) in {"failed", "completed"}
    assert (str(ended.status), 1) == (str(step.status), step.attempts)


async def test_an_attempt_is_reported_once(processor: MultiStepProcessor) -> None:
    """However often a step fails in bad ways, its journal holds one outcome for each attempt."""
    outcomes: list[Any] = [raises(SystemExit(1)), raises(ValueError("x")), returns("well")]

    async def worse_first(step: StepInput, execution: ExecutionInput) -> Any:
        return await outcomes[execution.attempt - 1](step, execution)

    processor.register_handler("bad", worse_first)
    execution_id = await processor.execute_workflow(one_step(processor, "bad", retry_count=2, retry_delay=0))
    await processor.wait(execution_id, HANG_S)
    reported = [
        (type(event).__name__, event.attempt)
        for event in processor.get_history(execution_id)
        if isinstance(event, e.StepErred | e.StepSucceeded)
    ]

    assert [("StepErred", 1), ("StepErred", 2), ("StepSucceeded", 3)] == reported


async def test_a_handler_that_cannot_be_called_is_refused_when_it_is_registered(processor: MultiStepProcessor) -> None:
    """A handler takes (step, execution); a mistake there is found before anything runs."""
    with pytest.raises(ValidationError, match="two arguments"):
        processor.register_handler("bad", takes_too_little)  # type: ignore[type-var]
