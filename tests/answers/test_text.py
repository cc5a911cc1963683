"""Durations, moments, percentages, and long words."""

from __future__ import annotations

import re
import sys
from unicodedata import category

import pytest

from syncara.answers.icons import bar
from syncara.answers.text import cut, ends, literal, moment, one_line, percent, span, spelled


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0, "0 ms"),
        (0.042, "42 ms"),
        (0.1, "0.1 s"),
        (4.2, "4.2 s"),
        (59.4, "59.4 s"),
        (59.96, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3_599.4, "59 min 59 s"),
        (3_599.6, "1 h 00 min"),
        (7_800, "2 h 10 min"),
        (86_399, "23 h 59 min"),
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


# What cannot be seen.

IGNORABLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""Default_Ignorable_Code_Point, of Unicode's DerivedCoreProperties.txt."""
HIDDEN = [
    *[chr(code) for first, last in IGNORABLE for code in range(first, last + 1)],
    *[chr(code) for code in range(sys.maxunicode + 1) if category(chr(code)) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")],
    "\u2800",
]


def test_no_character_that_cannot_be_seen_stays_unseen() -> None:
    """All control and format characters, what programs need not draw, and blanks that are no spaces."""
    text = "x".join(["", *HIDDEN, ""])

    assert {"x", " "} == set(one_line(text))
    assert set("x\\uU0123456789abcdef") == set(spelled(text)) == set(literal(text))


@pytest.mark.parametrize(
    "name",
    ["❤️ Ana", "1️⃣ Tea", "👩‍🚀 up", "🏳️‍🌈", "❤️‍🔥", "👨‍👩‍👧", "👍🏽 ok", "☀️", "می‌خواهم", "ශ්‍රී"],
)
def test_what_puts_emoji_and_letters_together_stays_in_names(name: str) -> None:
    """They look as they were meant; in an address it is spelled out."""
    joined = [each for each in name if each in "\u200c\u200d\ufe0f"]

    assert name == one_line(name) == spelled(name)
    assert [] == [each for each in joined if each in literal(name)]


@pytest.mark.parametrize(
    "text", ["a\u200db", "a\ufe0f", "\ufe0f❤", "❤\ufe0f\ufe0f", "❤\u200d\u200d🔥", "❤\u200d", "1\ufe0f", "a\u200cب"]
)
def test_what_joins_nothing_does_not_stay(text: str) -> None:
    """It could tell two names apart that look the same."""
    assert text != one_line(text)
    assert text != spelled(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb\U000e0041", r"a\u200bb\U000e0041"),
        ("a\xa0b\n", r"a\u00a0b\u000a"),
        (r"a\u200b", r"a\\u200b"),
        ("\u0378", r"\u0378"),
        ("é🫖 x", "é🫖 x"),
    ],
)
def test_an_address_is_spelled_as_json_would(text: str, shown: str) -> None:
    """With a backslash for each backslash, so that none is taken for what is spelled out."""
    assert shown == literal(text)


def test_what_is_not_shown_as_it_is_shows_by_its_hash() -> None:
    """Both ends of what is long stay; of white space only that there is some."""
    assert "ab" == ends("ab", 2)
    assert re.fullmatch(r"aaa…\[\+94 #\w{10}\]…aab", ends("a" * 99 + "b", 6))
    assert re.fullmatch(r"a b \[#\w{10}\]", ends("a  b", 6))
    assert 4 == len({ends(text, 6) for text in ("a b", "a  b", " a b", "a b ")})


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
