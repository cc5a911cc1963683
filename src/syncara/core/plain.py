"""Whether a value is JSON as it is, found level by level and not value by value."""

from __future__ import annotations

import math
from array import array
from itertools import chain
from typing import Any

from syncara.core.limits import JSON_DEPTH_MAX, RESULT_BYTES_MAX

_KINDS = frozenset({str, bool, type(None), int, float, list, tuple, dict})


def is_plain(value: Any) -> bool:
    """True for what `check.strict_json` takes. False says nothing: it is to be looked at more closely."""
    level: list[Any] = [value]
    for depth in range(JSON_DEPTH_MAX + 1):
        kinds = set(map(type, level))
        if not kinds <= _KINDS or len(level) > RESULT_BYTES_MAX:
            return False
        if (int in kinds and not _in_64_bits(_of(level, kinds, int))) or (
            float in kinds and not math.isfinite(sum(_of(level, kinds, float)))
        ):
            return False
        lists = [*_of(level, kinds, list), *_of(level, kinds, tuple)]
        dicts = _of(level, kinds, dict)
        if not lists and not dicts:
            return True
        if depth == JSON_DEPTH_MAX or not set(map(type, chain.from_iterable(dicts))) <= {str}:
            return False
        level = [*chain.from_iterable(lists), *chain.from_iterable(map(dict.values, dicts))]
    return False


def _of(level: list[Any], kinds: set[type], kind: type) -> list[Any]:
    if kind not in kinds:
        return []
    return level if len(kinds) == 1 else [each for each in level if type(each) is kind]


def _in_64_bits(numbers: list[int]) -> bool:
    try:
        array("q", numbers)
    except OverflowError:
        return False
    return True
