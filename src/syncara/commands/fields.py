"""The types that several commands' fields have, with what the model's instructions say of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import Meta

from syncara.commands.registry import Refers, Written
from syncara.core.check import shown
from syncara.core.errors import Problem, ValidationError
from syncara.core.limits import SECONDS_MAX

PAGES_MAX = 10_000
"""How far a list can be turned to."""

WorkflowRef = Annotated[
    str, Meta(description="its id or name; the word workflow_id means the one made last"), Refers("workflow")
]
ExecutionRef = Annotated[
    str, Meta(description="its id; the word execution_id means the run started last"), Refers("execution")
]
HandlerName = Annotated[str, Meta(description="what does the work, with its params"), Refers("handler")]
Context = Annotated[dict[str, Any], Meta(description="the data of the run, which steps read as {context.key}")]
Seconds = Annotated[float, Meta(gt=0)]
Page = Annotated[int, Meta(ge=1, le=PAGES_MAX, description="which page of the list")]
When = Annotated[float | str, Meta(description="how long from now, or when; a time names its zone"), Written("moment")]

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
_UNITS_S = (86_400, 3_600, 60, 1)


def start_time(when: float | str, now: float) -> float:
    """The Unix time of a delay in seconds, a duration or an ISO time (UTC where it names no zone).

    Raises ValidationError for what is none of them, for the past, and for more than ten years ahead.
    """
    at = now + when if isinstance(when, int | float) else _moment(when.strip(), now)
    if at is None:
        raise _refused(f"{shown(when)} is no time", "write seconds, a duration such as 1h30m, or 2030-01-31T08:00:00Z")
    if not now <= at <= now + SECONDS_MAX:
        raise _refused(f"{shown(when)} is not within the next ten years", "give a time that lies ahead")
    return at


def _moment(text: str, now: float) -> float | None:
    duration = _DURATION.fullmatch(text.lower())
    if duration is not None and text:
        return now + sum(int(part or 0) * unit for part, unit in zip(duration.groups(), _UNITS_S, strict=True))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _refused(message: str, fix: str) -> ValidationError:
    return ValidationError([Problem("invalid_time", "field 'delay_seconds'", message, fix)])
