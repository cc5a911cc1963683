"""Corrections of codes that are wrong, tried out on paper before they are offered."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from syncara.shortcodes.paper import Paper
from syncara.shortcodes.problems import CodeProblem

logger = logging.getLogger("syncara")

TEXT_CHARS_MAX = 65_536
STEPS_MAX = 5_000
"""A longer reply, or one about more steps, is told what is wrong with it, and gets no corrections: each is tried out on
paper, and others wait while that is done."""


def complete(paper: Paper, read: Callable[[str], Paper]) -> list[CodeProblem]:
    """The problems of a reply, each with the correction of its code, where one can be made with confidence.

    `read` reads another text in the same chat; nothing of it is carried out.
    """
    if len(paper.text) <= TEXT_CHARS_MAX and paper.draft.size <= STEPS_MAX:
        from syncara.shortcodes.repair.rounds import completed  # noqa: PLC0415 - most replies need no repair

        try:
            return completed(paper, read)
        except Exception:  # a fault here must not keep anyone from being told what is wrong
            logger.exception("no corrections were found for a reply")
    return [msgspec.structs.replace(found.problem, example="") for found in paper.found]
