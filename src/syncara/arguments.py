"""What callers pass beside definitions, checked at the edge; each function gives it back or raises ValidationError."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from syncara.core import check, limits
from syncara.core.errors import Problem, ValidationError, nearest
from syncara.core.model import ExecutionStatus

TEXT_CHARS_MAX = 1_000
PAGE_MAX = 10_000
INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
YEAR_9999 = 253_370_764_800.0


def _refuse(where: str, wanted: str, value: object, code: str = "wrong_type", fix: str = "") -> ValidationError:
    message = f"it must be {wanted}, and is {check.shown(value)}"
    return ValidationError([Problem(code, where, message, fix or f"pass {wanted}")])


def text(where: str, value: Any, least: int = 0) -> str:
    """Text of `least` to 1,000 characters that can be stored."""
    wanted = f"text of {least} to {TEXT_CHARS_MAX} characters"
    if not isinstance(value, str) or not least <= len(value) <= TEXT_CHARS_MAX or not check.encodable(value):
        raise _refuse(where, wanted, value)
    return value


def moment(where: str, value: Any) -> float | None:
    """Unix time in seconds, or None."""
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not 0 <= value < YEAR_9999:
        raise _refuse(where, "Unix time in seconds", value)
    return float(value)


def seconds(where: str, value: Any) -> float | None:
    """A number of seconds, zero or more, or None."""
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
        raise _refuse(where, "a number of seconds, zero or more", value)
    return float(value)


def chat_ids(*values: Any) -> tuple[Any, Any, Any]:
    """user_id, chat_id and message_id: whole numbers, text or None."""
    for where, value in zip(("user_id", "chat_id", "message_id"), values, strict=True):
        if isinstance(value, str):
            text(where, value, 1)
        elif value is not None and (
            isinstance(value, bool) or not isinstance(value, int) or not INT_MIN <= value <= INT_MAX
        ):
            raise _refuse(where, "a whole number of 64 bits, or text", value)
    user_id, chat_id, message_id = values
    return user_id, chat_id, message_id


def page(limit: Any, offset: Any) -> None:
    """How many to list, and from where."""
    for where, value, most in (("limit", limit, PAGE_MAX), ("offset", offset, INT_MAX)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise _refuse(where, f"a whole number from 0 to {most}", value)


def number(where: str, value: Any) -> int:
    """A whole number, zero or more."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INT_MAX:
        raise _refuse(where, "a whole number, zero or more", value)
    return value


def status(value: Any) -> str | None:
    """An execution's status, or None for any."""
    if value is None:
        return None
    known = [str(known) for known in ExecutionStatus]
    if not isinstance(value, str) or value not in known:
        fix = nearest(str(value), known) or "the statuses are " + ", ".join(known)
        raise _refuse("status", "the status of an execution", value, "unknown_status", fix)
    return str(value)


def context(value: Any) -> dict[str, Any]:
    """A copy of the caller's context, as the journal will give it back."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refuse("context", "a dict with text keys", value)
    problems = check.json_problems(value, "context", limits.CONTEXT_BYTES_MAX)
    if problems:
        raise ValidationError(problems)
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return copy


def names(value: Any) -> Any:
    """Step ids or names; one alone may be given as text. What is no list is left for the step's own check."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes) else value


def objects(where: str, value: Any) -> list[Mapping[str, Any]]:
    """A list of dicts; that each is one is checked where its place can be named."""
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
        raise _refuse(where, "a list of dicts", value)
    return list(value)
