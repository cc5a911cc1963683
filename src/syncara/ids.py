"""Ids that sort by time and are short enough to be copied by hand: `ex_` and 16 letters and digits."""

from __future__ import annotations

import os
import threading
import time

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
_lock = threading.Lock()
_last = 0


def new_id(prefix: str) -> str:
    """48 bits of milliseconds, then 32 of chance; in one process each is greater than the one before."""
    global _last  # noqa: PLW0603 - the one before is what makes them ordered
    chance = int.from_bytes(os.urandom(4))
    with _lock:
        _last = value = max((time.time_ns() // 1_000_000 << 32) | chance, _last + 1 + (chance & 0xFFFF))
    return f"{prefix}_" + "".join([_PAIRS[value >> shift & 1023] for shift in range(70, -1, -10)])
