"""A handler's own copy of the context, in which nothing is copied before it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from syncara.core.check import strict_json
from syncara.core.plain import is_plain
from syncara.core.views import copy_json

if TYPE_CHECKING:
    from _collections_abc import dict_items, dict_values

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


class OwnContext(dict[str, Any]):
    """Starts as `original`, with which it shares the values that nobody has asked it for."""

    # dict's own methods hand out what is stored; all those that hand out values stand here. A class with an __iter__
    # is copied by `{**own}`, `dict(own)` and `own | other` through __getitem__, and not behind its back.
    __slots__ = ("_original",)

    def __init__(self, original: dict[str, Any]) -> None:
        super().__init__(original)
        self._original = original

    def _own(self, key: str, value: Any) -> Any:
        if isinstance(value, dict | list | tuple) and value is self._original.get(key):
            value = self[key] = copy_json(value)
        return value

    def __getitem__(self, key: str) -> Any:
        return self._own(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def setdefault(self, key: str, default: Any = None) -> Any:
        return self._own(key, super().setdefault(key, default))

    def pop(self, key: str, default: Any = _NONE) -> Any:
        if default is not _NONE and key not in self:
            return default
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        key, value = super().popitem()
        return key, copy_json(value) if value is self._original.get(key, _NONE) else value

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def values(self) -> dict_values[str, Any]:
        return self._owned().values()

    def items(self) -> dict_items[str, Any]:
        return self._owned().items()

    def _owned(self) -> dict[str, Any]:
        """All of it, as a plain dict."""
        return {key: self[key] for key in self}

    def copy(self) -> dict[str, Any]:
        return self._owned()

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (self._owned(),)


def changes(
    mine: dict[str, Any], original: Mapping[str, Any], result: Any, kept: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The top-level keys that differ from the original, as they will be stored, and those that are gone.

    `kept` is what `result` is stored as. Raises ValueError for what is not JSON.
    """
    changed: dict[str, Any] = {}
    for key, value in dict.items(mine):
        before = original.get(key, _NONE)
        if value is before:
            continue
        body = stored({key: value})
        if before is _NONE or body != msgspec.json.encode({key: before}):
            changed[key] = kept if value is result else msgspec.json.decode(body)[key]
    return changed, tuple(key for key in original if key not in mine)
