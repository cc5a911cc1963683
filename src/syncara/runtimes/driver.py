"""What every runtime shares: the one loop from a fact to actions, and from a handler's outcome to the next fact.

A runtime takes a fact in with `drive`, makes the events durable, and only then carries out the actions. It calls a
handler with the StepInput and ExecutionInput of a Call, and turns what came of it into a fact with `success` or
`failure`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.errors import NonRetryableError, Problem, SyncaraError, ValidationError
from syncara.core.limits import ERROR_CHARS_MAX, RESULT_BYTES_MAX, SECONDS_MAX
from syncara.core.machine import advance, is_seconds
from syncara.core.model import Author, Step, StepResult
from syncara.core.reads import steps_view
from syncara.core.views import copy_json
from syncara.runtimes.own import changes, stored

StepsView = Callable[[Iterable[tuple[str, str | None]]], dict[str, dict[str, Any]]]
"""`{name: {"status", "data"}}` of the steps that a condition reads (`Condition.reads`)."""


class StepInput:
    """What a handler sees of its step (abc.StepInput)."""

    __slots__ = ("_params", "_written", "given", "id", "name")

    def __init__(
        self, id: str, name: str, params: Any, written: dict[str, Any] | None = None, *, shared: bool = False
    ) -> None:
        """`written` is not changed, and neither are params that are shared: they are copied when first touched."""
        self.id = id
        self.name = name
        self.given = params
        """The params as the engine holds them, to be looked at only."""
        self._params = msgspec.UNSET if shared else params
        self._written = written

    @property
    def params(self) -> Any:
        if self._params is msgspec.UNSET:
            self._params = copy_json(self.given)
        return self._params

    @params.setter
    def params(self, value: Any) -> None:
        self._params = value

    @property
    def written(self) -> dict[str, Any]:
        """A copy of the params as the definition has them, placeholders and all."""
        copy: dict[str, Any] = copy_json(self._written or {})
        return copy


class ExecutionInput:
    """What a handler sees of its execution (abc.ExecutionInput); all of it its own, copied when it is first touched."""

    __slots__ = (
        "_context",
        "_original",
        "_shared",
        "_steps",
        "approved",
        "attempt",
        "author",
        "chat_id",
        "covers",
        "id",
        "idempotency_key",
        "message_id",
        "user_id",
        "workflow_id",
    )

    def __init__(
        self,
        id: str,
        workflow_id: str,
        context: dict[str, Any],
        attempt: int,
        idempotency_key: str,
        chat: tuple[Any, Any, Any],
        steps: StepsView,
        author: Author = "developer",
        *,
        covers: e.Covered = False,
    ) -> None:
        """`chat` is (user_id, chat_id, message_id); `context` is not changed."""
        self.author = author
        self.covers, self.approved = covers, covers is not False
        self.id = id
        self.workflow_id = workflow_id
        self.attempt = attempt
        self.idempotency_key = idempotency_key
        self.user_id, self.chat_id, self.message_id = chat
        self._steps = steps
        self._original = context
        self._context: dict[str, Any] | None = None
        self._shared = False

    def share(self) -> None:
        """For a handler that is known to change no value in place: its copies are of the outermost dict alone."""
        self._shared = True

    def steps(self, reads: Iterable[tuple[str, str | None]]) -> Mapping[str, Mapping[str, Any]]:
        found = self._steps(reads)
        return found if self._shared else copy_json(found)

    @property
    def context(self) -> dict[str, Any]:
        if self._context is None:
            self._context = dict(self._original) if self._shared else copy_json(self._original)
        return self._context

    @context.setter
    def context(self, value: dict[str, Any]) -> None:
        self._context = value

    def changes(self, result: Any = None, kept: Any = None) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The top-level keys that the handler set, as they will be stored, and those that it removed.

        `kept`: as what `result` will be stored, which a key may hold too. Raises ValueError for what is not JSON.
        """
        mine = self._context
        if mine is None:
            return {}, ()
        if not isinstance(mine, dict):
            raise ValueError(  # noqa: TRY004 - one kind of error for whatever the handler left there
                f"execution.context was replaced by a {type(mine).__name__}; it must stay a dict"
            )
        try:
            return changes(mine, self._original, result, kept)
        except ValueError as error:
            raise ValueError(f"execution.context: {error}") from None


class Call(NamedTuple):
    """An attempt that a runtime is to make."""

    step: StepInput
    execution: ExecutionInput
    name: str
    attempt: int
    """The step's name and the attempt once more, because a handler can change what it is given."""
    handler: str
    timeout: float
    """Seconds."""


class Stop(NamedTuple):
    """A running attempt that a runtime is to cancel."""

    step: str


class Block(NamedTuple):
    """A step now waits for `signal`: `handler`, `turn` or `runner`. The runtime sends Signalled when it has come."""

    step: str
    signal: str
    handler: str


Action = Call | Stop | Block


def drive(board: Board, fact: e.Fact) -> tuple[list[e.AnyEvent], list[Action]]:
    """Take a fact in. The events go into the journal first; then, and only then, the actions are carried out."""
    events = advance(board, fact)
    actions: list[Action] = []
    for event in events:
        kind = event.__class__
        if kind is e.StepScheduled:
            actions.append(call_of(board, event))  # type: ignore[arg-type]
        elif kind is e.StepCancelled:
            actions.append(Stop(event.step))  # type: ignore[union-attr]
        elif kind is e.StepBlocked:
            actions.append(block_of(board, event))  # type: ignore[arg-type]
    return events, actions


RUNNER = "runner"
"""The signal that a step waits for which was to begin where no step runs."""


def take_in(board: Board, fact: e.Fact) -> tuple[list[e.AnyEvent], list[Action]]:
    """As `drive`, where no step runs: what was to begin waits for a process that runs steps."""
    events = advance(board, fact)
    for begun in [event for event in events if isinstance(event, e.StepScheduled)]:
        waits = e.StepBlocked(begun.at, begun.step, RUNNER, "it begins when a process runs this database")
        board.apply(waits)
        events.append(waits)
    return events, []


def carried_out(events: Sequence[e.AnyEvent]) -> list[e.AnyEvent]:
    """Events without the beginnings of steps that still wait for a process that runs them."""
    waiting = {event.step for event in events if isinstance(event, e.StepBlocked) and event.signal == RUNNER}
    return [event for event in events if not (isinstance(event, e.StepScheduled) and event.step in waiting)]


def call_of(board: Board, event: e.StepScheduled) -> Call:
    """The attempt that a StepScheduled stands for. It sees the context that its transaction commits."""
    i = board.plan.index[event.step]
    step, node = board.plan.steps[i], board.nodes[i]
    rendered = node.params if node is not None else None
    params = step.params if rendered is None else rendered
    execution = ExecutionInput(
        board.execution_id,
        board.plan.workflow.id,
        board.context,
        event.attempt,
        idempotency_key(board, step),
        (board.user_id, board.chat_id, board.message_id),
        partial(steps_view, board),
        board.author,
        covers=copy_json(board.covers),
    )
    inputs = StepInput(step.id, step.name, params, step.params, shared=True), execution
    return Call(*inputs, step.name, event.attempt, step.handler, step.timeout)


def idempotency_key(board: Board, step: Step) -> str:
    """The same for every retry and every re-run after a crash."""
    return f"{board.execution_id}:{step.id}"


def block_of(board: Board, event: e.StepBlocked) -> Block:
    return Block(event.step, event.signal, board.plan.steps[board.plan.index[event.step]].handler)


def success(call: Call, value: Any, at: float, bytes_max: int = RESULT_BYTES_MAX) -> e.StepSucceeded | e.StepErred:
    """The fact of a handler that returned `value`; StepErred when the value says so or cannot be stored.

    bytes_max: how large the result may be as JSON.
    """
    result = value if isinstance(value, StepResult) else None
    if result is not None and (wrong := _wrong_result(result)):
        return _erred(call, at, "invalid_result", wrong, retryable=False)
    if result is not None and not result.success:
        error = result.error or "the handler returned success=False"
        return _erred(call, at, "error", str(error), result.retryable, result.retry_after)
    try:
        given = value if result is None else result.data
        data = _storable(given, bytes_max)
        metadata = _storable(result.metadata, bytes_max) if result is not None else None
        changed, removed = call.execution.changes(given, data)
    except _TooLargeError as error:
        return _erred(call, at, "result_too_large", str(error), retryable=False)
    except ValueError as error:
        return _erred(call, at, "invalid_result", str(error), retryable=False)
    return e.StepSucceeded(at, call.name, call.attempt, data, changed, removed, metadata)


def _wrong_result(result: StepResult) -> str:
    """What is wrong with the types of a StepResult's fields; empty when nothing is."""
    try:
        msgspec.convert(msgspec.structs.asdict(result), StepResult)
    except msgspec.ValidationError as error:
        return f"the handler's StepResult is not valid: {error}"
    wait = result.retry_after
    if wait is not None and not 0 <= wait <= SECONDS_MAX:
        return f"the handler's StepResult asks for a retry after {wait} s; it may be 0 to {SECONDS_MAX}"
    return ""


class _TooLargeError(Exception):
    pass


def _storable(value: Any, bytes_max: int) -> Any:
    """The value as the journal will give it back. Raises ValueError for what is not JSON."""
    if value is None or isinstance(value, bool):
        return value
    try:
        body = stored(value)
    except ValueError as error:
        raise ValueError(f"the handler's result is not JSON: {error}") from None
    if len(body) > bytes_max:
        raise _TooLargeError(f"the handler's result is {len(body)} bytes as JSON; the limit is {bytes_max}")
    return msgspec.json.decode(body)


def failure(call: Call, error: BaseException, at: float) -> e.StepErred:
    """The fact of a handler that raised. An exception's `retry_after` (seconds) is the least that a retry waits."""
    final = isinstance(error, NonRetryableError | ValidationError)
    code = error.code if isinstance(error, SyncaraError) else "error"
    code = "error" if code == e.UNKNOWN_HANDLER else code  # what a handler raises is never a missing handler
    name = type(error).__name__
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - an exception whose text raises is still to be named
        said = ""
    text = said if isinstance(error, SyncaraError | NonRetryableError) and said else f"{name}: {said}" if said else name
    wait = getattr(error, "retry_after", None)
    wait = wait if is_seconds(wait) else None
    return _erred(call, at, code, text, retryable=not final, retry_after=wait)


def bad_params(call: Call, error: Exception, at: float) -> e.StepErred:
    """The fact of params that do not fit the class that the handler was registered with."""
    text = f"the params do not fit handler '{call.handler}': {error}"
    return _erred(call, at, "invalid_params", text, retryable=False)


def timeout(call: Call, at: float) -> e.StepErred:
    return _erred(call, at, "timeout", f"the attempt took longer than its timeout of {call.timeout:g} s")


def refused(call: Call, problem: Problem, at: float) -> e.StepErred:
    """The fact of a call that was not made, because the policy does not allow it."""
    return _erred(call, at, problem.code, str(problem), retryable=False)


def unknown_handler(call: Call, at: float) -> e.StepErred:
    return _erred(call, at, e.UNKNOWN_HANDLER, f"the handler '{call.handler}' is not registered in this process")


def _erred(
    call: Call, at: float, code: str, error: str, retryable: bool = True, retry_after: float | None = None
) -> e.StepErred:
    text = error.encode(errors="replace").decode()[:ERROR_CHARS_MAX]
    return e.StepErred(at, call.name, call.attempt, code, text, retryable, retry_after)
