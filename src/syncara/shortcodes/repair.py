"""Corrections of codes that are wrong, tried out on paper before they are offered."""

from __future__ import annotations

from collections.abc import Callable

from syncara.shortcodes.paper import Paper
from syncara.shortcodes.problems import CodeProblem


def complete(paper: Paper, read: Callable[[str], Paper]) -> list[CodeProblem]:
    return [found.problem for found in paper.found]
