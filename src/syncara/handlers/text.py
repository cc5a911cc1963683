"""Text as handlers send it: any JSON value as words, and long text in parts."""

from __future__ import annotations

import re
from typing import Any

import msgspec

MESSAGE_UNITS_MAX = 4096
"""Chat services count a message's length in UTF-16 units; so does this."""


def to_text(value: Any) -> str:
    """Text as it is; any other JSON value as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def split(text: str, most: int = MESSAGE_UNITS_MAX) -> list[str]:
    """Parts of at most `most` UTF-16 units, cut at a line's end or a space where there is one in the later half."""
    parts = []
    while _units(text) > most:
        end = _fitting(text, most)
        cut = max(text.rfind("\n", end // 2, end), text.rfind(" ", end // 2, end))
        cut = cut + 1 if cut >= 0 else end
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]


def _units(text: str) -> int:
    return len(text) + sum(c > "\uffff" for c in text)


def _fitting(text: str, most: int) -> int:
    units = 0
    for n, c in enumerate(text):
        units += 2 if c > "\uffff" else 1
        if units > most:
            return n
    return len(text)


_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text without what would steer a terminal; line breaks and tabs stay."""
    return _STEERING.sub("", text)
