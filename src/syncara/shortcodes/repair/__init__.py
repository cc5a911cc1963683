"""Corrections of codes that are wrong, tried out on paper before they are offered."""

from __future__ import annotations

from collections.abc import Callable

from syncara.shortcodes.paper import Paper
from syncara.shortcodes.problems import CodeProblem


def complete(paper: Paper, read: Callable[[str], Paper]) -> list[CodeProblem]:
    """The problems of a reply, each with the correction of its code, where one can be made with confidence.

    `read` reads another text in the same chat; nothing of it is carried out.
    """
    from syncara.shortcodes.repair.rounds import completed  # noqa: PLC0415 - most replies need no repair

    return completed(paper, read)
