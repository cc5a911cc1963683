"""What came of a handler's own copy of the context, and any value as it will be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from syncara.core.check import strict_json
from syncara.core.plain import is_plain

_NONE: Any = object()


SMALL_BYTES = 4096
"""A value of up to so many bytes as JSON is looked through one by one, which is faster there."""


def stored(value: Any) -> bytes:
    """The value as JSON. Raises ValueError as `strict_json` does, but is faster with large values."""
    try:
        body = msgspec.json.encode(value)
    except Exception:  # noqa: BLE001 - whatever it is, what is called next says it better
        return strict_json(value)
    return body if len(body) > SMALL_BYTES and is_plain(value) else strict_json(value)


def changes(
    mine: dict[str, Any], original: Mapping[str, Any], result: Any, kept: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The top-level keys that differ from the original, as they will be stored, and those that are gone.

    `kept` is what `result` is stored as. Raises ValueError for what is not JSON.
    """
    changed: dict[str, Any] = {}
    for key, value in mine.items():
        before = original.get(key, _NONE)
        if value is before:
            continue
        body = stored({key: value})
        if before is _NONE or body != msgspec.json.encode({key: before}):
            changed[key] = kept if value is result else msgspec.json.decode(body)[key]
    return changed, tuple(key for key in original if key not in mine)
