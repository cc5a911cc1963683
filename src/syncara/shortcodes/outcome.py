"""What `process_reply` returns."""

from __future__ import annotations

import msgspec

from syncara.shortcodes.problems import CodeProblem


class Outcome(msgspec.Struct, frozen=True):
    """What came of one code."""

    shortcode: str
    ok: bool
    id: str | None
    """Of the workflow, step or run that it made or is about."""
    text: str


class Reply(msgspec.Struct, frozen=True):
    """What came of a reply."""

    ok: bool
    """False: something was wrong, and nothing of it was done."""
    text: str
    """For the chat: the reply with each code replaced by its answer; when it was refused, why."""
    outcomes: tuple[Outcome, ...] = ()
    errors: tuple[CodeProblem, ...] = ()
    note: str | None = None
    """For the model: what is wrong and how to put it right. None when nothing is."""
    execution_ids: tuple[str, ...] = ()
    approval_ids: tuple[str, ...] = ()
