"""What `process_reply` returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from syncara.shortcodes.problems import CodeProblem


class Outcome(msgspec.Struct, frozen=True):
    """What came of one code."""

    shortcode: str
    ok: bool
    id: str | None
    """Of the workflow, step or run that it made or is about."""
    text: str
    repairs: tuple[str, ...] = ()
    """What of the code was read leniently, such as `a trailing comma`."""


class Reply(msgspec.Struct, frozen=True):
    """What came of a reply."""

    ok: bool
    """False: something was wrong, and nothing of it was done."""
    text: str
    """For the chat: the reply with each code replaced by its answer; when it was refused, why. See `parts`."""
    outcomes: tuple[Outcome, ...] = ()
    errors: tuple[CodeProblem, ...] = ()
    note: str | None = None
    """For the model: what is wrong and how to put it right. None when nothing is."""
    execution_ids: tuple[str, ...] = ()
    approval_ids: tuple[str, ...] = ()
    form: Literal["plain", "markdown", "html"] = "plain"
    """How `text` is written."""

    def parts(self, limit: int = 4096) -> tuple[str, ...]:
        """`text` as messages of at most `limit` UTF-16 units, Telegram's by default; one or more.

        Cut where an answer begins, or a paragraph, a line or a word ends, if that is possible. What a part ends in the
        middle of, such as `<b>` or a code block, is closed there and opened again in the next. Raises ValidationError
        for a limit below 100.
        """
        from syncara.answers.parts import split  # noqa: PLC0415 - with it come the answers

        return split(self.text, self.form, limit, list(self._answers()))

    def _answers(self) -> Iterator[int]:
        """Where in `text` the answers begin that have a line of their own."""
        end = 0
        for outcome in self.outcomes:
            place = self.text.find(outcome.text, end)
            if place > 0 and self.text[place - 1] == "\n":
                yield place
            if place >= 0:
                end = place + len(outcome.text)
