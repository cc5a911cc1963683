"""Somebody's words made fit for an answer: one line, of bounded length; and numbers, durations and moments as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
TENTH_S = 0.1
_ROUNDING = 1e-6
"""A sum of shares that is this close below a whole percent is meant to be it."""

# Control characters, halves of surrogate pairs, and what turns the direction of the text that follows.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """The text without control characters, each run of white space as one space."""
    return " ".join(_STEERING.sub(" ", text).split())


def cut(text: str, chars_max: int) -> str:
    """The text on one line, shortened to `chars_max` characters."""
    text = one_line(text)
    return text if len(text) <= chars_max else text[: chars_max - 1].rstrip() + "…"


def few(names: Sequence[str], most: int, chars_max: int) -> str:
    """The first `most` names, each shortened to `chars_max` characters."""
    shown = [cut(name, chars_max) for name in names[:most]]
    return ", ".join([*shown, "…"] if len(names) > most else shown)


def span(seconds: float) -> str:
    """A duration in two units at the most: `42 ms`, `4.2 s`, `1 m 05 s`, `2 h 10 m`, `3 d 7 h`."""
    whole = round(seconds)
    if seconds < TENTH_S:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if whole < MINUTE_S:
        return f"{seconds:.1f} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} m {whole % MINUTE_S:02} s"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02} m"
    return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S} h"


def moment(at: float) -> str:
    """A Unix time in seconds as `2026-11-23 07:10 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def percent(progress: float) -> str:
    """Rounded down, so that 100 % means all of it."""
    return f"{int(progress + _ROUNDING)} %"
