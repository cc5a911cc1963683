"""Text as handlers write it: any JSON value as words, and without what would steer a terminal."""

from __future__ import annotations

import re
from typing import Any

import msgspec


def to_text(value: Any) -> str:
    """Text as it is; any other JSON value as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text without what would steer a terminal; line breaks and tabs stay."""
    return _STEERING.sub("", text)
