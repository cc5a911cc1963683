"""An effect for plans and questions to speak of, and what the tests of both fill in."""

from __future__ import annotations

from typing import Any

from syncara.answers import PlannedEffect
from syncara.answers.effects import Decision

HASH = "3fa9c1d2e4b5aa"
LONG = "&" * 400
"""Of the character that grows most when it is escaped."""
NOON = 1_795_417_859.0


def effect(
    step: str = "Fetch",
    kind: str = "web",
    operation: str = "GET",
    address: Any = "api.example.com",
    *,
    own: bool | None = None,
    decision: Decision = "approve",
    rule: str = "because",
    handler: str = "api_call",
    detail: str = "",
) -> PlannedEffect:
    return PlannedEffect(step, kind, handler, operation, address, own, decision, rule, detail)
