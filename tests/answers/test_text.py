"""Durations, moments, percentages, and long words."""

from __future__ import annotations

import pytest

from syncara.answers.icons import bar
from syncara.answers.text import cut, moment, percent, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0, "0 ms"),
        (0.042, "42 ms"),
        (0.1, "0.1 s"),
        (4.2, "4.2 s"),
        (59.4, "59.4 s"),
        (59.96, "1 m 00 s"),
        (65, "1 m 05 s"),
        (3_599.4, "59 m 59 s"),
        (3_599.6, "1 h 00 m"),
        (7_800, "2 h 10 m"),
        (86_399, "23 h 59 m"),
        (284_400, "3 d 7 h"),
    ],
)
def test_a_duration_has_two_units_at_the_most(seconds: float, text: str) -> None:
    """Milliseconds below a tenth of a second."""
    assert text == span(seconds)


def test_a_moment_is_in_utc() -> None:
    """To the minute, and says so."""
    assert "2026-11-23 07:10 UTC" == moment(1_795_417_859.9)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("short", "short"), ("exactly 10", "exactly 10"), ("more than 10", "more than…"), ("a\n\n b\x00", "a b")],
)
def test_long_words_are_cut(text: str, shown: str) -> None:
    """With a sign that something is missing, on one line."""
    assert shown == cut(text, 10)


@pytest.mark.parametrize(
    ("progress", "text", "cells"),
    [
        (0, "0 %", 0),
        (9.99, "9 %", 0),
        (35.7, "35 %", 3),
        (99.9, "99 %", 9),
        (99.999_999_9, "100 %", 10),
        (100, "100 %", 10),
    ],
)
def test_all_of_it_is_only_said_of_all_of_it(progress: float, text: str, cells: int) -> None:
    """Percent and bar are rounded down, but for the error of a sum."""
    assert (text, cells) == (percent(progress), bar(progress).count("▓"))
    assert 10 == len(bar(progress))
