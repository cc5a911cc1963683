"""What an approval is."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from syncara.policy.effects import Effect
from syncara.policy.policy import Id

Status = Literal["pending", "approved", "refused", "expired", "cancelled"]


class Approval(msgspec.Struct, frozen=True, omit_defaults=True):
    """A plan that waits, or waited, for a person. Times are Unix seconds."""

    id: str
    execution_id: str
    plan_hash: str
    effects: tuple[Effect, ...]
    """Those that need the approval."""
    expires_at: float
    status: Status = "pending"
    workflow_name: str = ""
    chat_id: Any = None
    user_id: Any = None
    """Who asked for the plan."""
    approvers: tuple[Id, ...] = ()
    """Who may answer; nobody, where nobody was set."""
    beyond: bool = False
    """Whether it reaches beyond its chat."""
    start_at: float | None = None
    """When it is to start, where that lies ahead."""
    answered_by: Any = None
    answered_at: float | None = None
    reason: str | None = None
    left: bool = False
    """Whether the process that runs the database has yet to take an answer; only `get_approval` says."""


class Now(NamedTuple):
    """What is judged of a plan that waits at the time when somebody answers."""

    hash: str
    held: tuple[Effect, ...]
    """What needs approval."""
    beyond: bool
    denied: bool


class Answer(msgspec.Struct, frozen=True):
    approve: bool
    plan_hash: str | None = None
    """The plan that was looked at; another one is not approved."""
    reason: str | None = None
    account: str = ""
    """Who left it, where it comes from another process."""
