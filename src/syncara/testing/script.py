"""The scripted handlers, and the log of their calls: what they were given, what they did, how they ended."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from syncara.core.errors import NonRetryableError
from syncara.core.model import StepResult
from syncara.testing.disk import Process
from syncara.testing.plan import Script, Write

STUBBORN_SECONDS = 3.0
RETRY_AFTER_SECONDS = 7.0


@dataclass
class Call:
    """One call of a handler. Times are seconds on the loop's clock."""

    process: int
    execution_id: str
    step: str
    step_id: str
    attempt: int
    key: str
    params: Any
    context: dict[str, Any]
    seen: int
    """Events that the run's committed journal held at the call."""
    began: float
    ended: float | None = None
    outcome: str = "unknown"
    """`success`, `error`, `cancelled`; unknown when the process ended first."""
    cancelled_at: float | None = None
    after: dict[str, Any] = field(default_factory=dict)
    """The context as the handler left it."""
    data: Any = None
    error: str = ""
    retryable: bool = True
    retry_after: float | None = None
    poison: bool = False


class Handlers:
    """The handler of one process. `committed` tells how many events of a run are on the disk."""

    def __init__(
        self,
        process: Process,
        calls: list[Call],
        script_of: Callable[[Any, str], Script],
        committed: Callable[[str], int],
    ) -> None:
        self._process = process
        self._calls = calls
        self._script_of = script_of
        self._committed = committed

    async def work(self, step: Any, execution: Any) -> Any:
        """A coroutine function that does what the step's script says."""
        script = self._script_of(execution.user_id, step.name)
        call = self._begin(step, execution, script)
        if self._process.reach("handler_begins") or script.poison:
            await self._die("poison")
        try:
            await asyncio.sleep(script.seconds / 2)
            _write(execution, step, script.writes)
            if self._process.reach("handler_works"):
                await self._die("handler_works")
            fails = execution.attempt <= script.fails
            if fails and script.how == "cancelled":
                call.error = "CancelledError"
                raise self._end(call, execution, asyncio.CancelledError("of its own"))
            await asyncio.sleep(100_000 if fails and script.how == "hang" else script.seconds / 2)
        except asyncio.CancelledError:
            if call.outcome == "error":
                raise
            call.cancelled_at = self._process.clock.elapsed
            if not script.stubborn:
                call.outcome, call.ended = "cancelled", call.cancelled_at
                raise
            await asyncio.sleep(STUBBORN_SECONDS)
        result = self._result(call, execution, script)
        if self._process.reach("handler_ends"):
            await self._die("handler_ends")
        return result

    def _begin(self, step: Any, execution: Any, script: Script) -> Call:
        call = Call(
            process=self._process.number,
            execution_id=execution.id,
            step=step.name,
            step_id=step.id,
            attempt=execution.attempt,
            key=execution.idempotency_key,
            params=copy.deepcopy(step.params),
            context=copy.deepcopy(dict(execution.context)),
            seen=self._committed(execution.id),
            began=self._process.clock.elapsed,
            poison=script.poison,
        )
        if not self._process.dead:
            self._calls.append(call)
        return call

    async def _die(self, of: str) -> None:
        self._process.die(of)
        await asyncio.get_running_loop().create_future()

    def _result(self, call: Call, execution: Any, script: Script) -> Any:
        if call.attempt > script.fails:
            call.data = script.data
            result = script.data if call.attempt % 2 else StepResult(True, script.data)
            return self._end(call, execution, result, "success")
        call.error = f"{call.step} failed"
        call.retryable = script.how not in ("refuse", "non_retryable", "not_json")
        match script.how:
            case "raise":
                raise self._end(call, execution, RuntimeError(call.error))
            case "non_retryable":
                raise self._end(call, execution, NonRetryableError(call.error))
            case "not_json":
                return self._end(call, execution, object())
            case "retry_after":
                call.retry_after = RETRY_AFTER_SECONDS
        failed = StepResult(False, error=call.error, retryable=call.retryable, retry_after=call.retry_after)
        return self._end(call, execution, failed)

    def _end(self, call: Call, execution: Any, result: Any, outcome: str = "error") -> Any:
        """Note how the call ends; returns `result`."""
        if not self._process.dead:
            call.ended = self._process.clock.elapsed
            call.after = copy.deepcopy(dict(execution.context))
            call.outcome = outcome
        return result


def _write(execution: Any, step: Any, writes: tuple[Write, ...]) -> None:
    """Carry out the script's changes, and spoil the params, which are the handler's own too."""
    context = execution.context
    for write in writes:
        value = context.get(write.key)
        if write.verb == "set":
            context[write.key] = write.value
        elif write.verb == "drop":
            context.pop(write.key, None)
        elif write.verb == "nest" and isinstance(value, dict):
            value["a"] = write.value
        elif write.verb == "append" and isinstance(value, list):
            value.append(write.value)
    for value in step.params.values():
        if isinstance(value, list):
            value.append("spoilt")
    step.params["spoilt"] = True
