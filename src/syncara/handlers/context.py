"""set_context, get_context and condition_check."""

from __future__ import annotations

from typing import Any

import msgspec

from syncara.abc import ExecutionInput, Handler, StepInput
from syncara.core.errors import ConditionError, Problem
from syncara.core.expressions import ConditionFailed, compile_condition
from syncara.core.graph import ERROR_KEYS
from syncara.handlers.failures import FinalError
from syncara.handlers.registry import struct_check


class SetContextParams(msgspec.Struct, forbid_unknown_fields=True):
    """Set a key of the shared context."""

    key: str
    value: Any


class GetContextParams(msgspec.Struct, forbid_unknown_fields=True):
    """Read a key of the shared context."""

    key: str
    default: Any = None


class ConditionCheckParams(msgspec.Struct, forbid_unknown_fields=True):
    """Evaluate a condition; its result is the step's result."""

    condition: str


def set_context(step: StepInput, execution: ExecutionInput) -> Any:
    """Returns the value."""
    params: SetContextParams = step.params
    if params.key in ERROR_KEYS:  # a key that a placeholder gave is known only now
        raise FinalError("reserved_key", f"'{params.key}' is set by the engine", fix="choose another key")
    execution.context[params.key] = params.value
    return params.value


def get_context(step: StepInput, execution: ExecutionInput) -> Any:
    """Returns the value, or the default (null) when there is no such key."""
    params: GetContextParams = step.params
    return execution.context.get(params.key, params.default)


def condition_check(step: StepInput, execution: ExecutionInput) -> bool:
    """Returns true or false; false is no failure. A condition that cannot be evaluated is one."""
    params: ConditionCheckParams = step.params
    condition = compile_condition(params.condition)
    try:
        return condition(dict(execution.context), execution.steps(condition.reads))
    except ConditionFailed as error:
        raise FinalError("undecided", f"the condition could not be evaluated: {error}", condition.text) from None


def _check_set(params: dict[str, Any]) -> list[Problem]:
    found: list[Problem] = struct_check(SetContextParams)(params)
    if params.get("key") in ERROR_KEYS:
        message = f"'{params['key']}' is set by the engine when a step fails"
        found.append(Problem("reserved_key", "'key'", message, "choose another key"))
    return found


def _check_condition(params: dict[str, Any]) -> list[Problem]:
    found: list[Problem] = struct_check(ConditionCheckParams)(params)
    if isinstance(params.get("condition"), str):
        try:
            compile_condition(params["condition"])
        except ConditionError as error:
            place = f"'condition', column {error.column}"
            found.append(Problem(error.code, place, error.message, error.fix, error.example))
    return found


HANDLERS = [
    Handler("set_context", set_context, "direct", SetContextParams, True, _check_set),
    Handler("get_context", get_context, "direct", GetContextParams, True, struct_check(GetContextParams)),
    Handler("condition_check", condition_check, "direct", ConditionCheckParams, True, _check_condition),
]
