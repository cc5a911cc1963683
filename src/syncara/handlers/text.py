"""Text as handlers take and write it: any JSON value as words, what its bytes may mean, and what steers a terminal."""

from __future__ import annotations

import codecs
import re
from typing import Any

import msgspec


def to_text(value: Any) -> str:
    """Text as it is; any other JSON value as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


_NOT_FOR_TEXT = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""For names of hosts and for Python's source. The first two take time that grows with the square of the length."""


def is_for_text(encoding: str) -> bool:
    """Whether texts are written in an encoding. Raises LookupError or ValueError where it makes no bytes of text."""
    "".encode(encoding)
    return codecs.lookup(encoding).name not in _NOT_FOR_TEXT


_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text without what would steer a terminal; line breaks and tabs stay."""
    return _STEERING.sub("", text)
