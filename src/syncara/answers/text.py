"""Somebody's words made fit for an answer: one line, of bounded length; and numbers, durations and moments as text."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
TENTH_S = 0.1
_ROUNDING = 1e-6
"""A sum of shares that is this close below a whole percent is meant to be it."""

HASH_CHARS = 10
"""Of the mark of a text that is not shown as a whole."""
_KEY = secrets.token_bytes()
"""Of this process alone. Nobody can look for two texts with one mark, and none is ever compared by a program."""

_HIDDEN = (
    # Control characters, halves of surrogate pairs, and what turns the direction of text or only formats it: Unicode's
    # categories Cc, Cs, Cf, Zl and Zp.
    "\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    # What programs draw nothing for: Unicode's Default_Ignorable_Code_Point, without those above.
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
    # What looks like a space or like nothing otherwise; and private use, of which nobody knows the look.
    "\u2800\U0001d159\U00016fe4\ue000-\uf8ff\U000f0000-\U0010ffff"
)
_PICTURES = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff"
)
_JOINED = (
    # Emoji are put together with U+200D and U+FE0F, and letters from Arabic to Sinhala with U+200C and U+200D.
    f"(?<=[{_PICTURES}])\ufe0f|(?<=[0-9#*])\ufe0f(?=\u20e3)|(?<=[{_PICTURES}\ufe0f])\u200d(?=[{_PICTURES}])"
    "|(?<=[\u0620-\u06d3\u0900-\u0dff])[\u200c\u200d](?=[\u0620-\u06d3\u0900-\u0dff])"
)
_MARK = re.compile(rf"#(?=[0-9a-f]{{{HASH_CHARS}}})")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
"""Classes of Unicode's bidirectional algorithm that put what stands around them into another order."""
_UNSEEN = re.compile(f"[{_HIDDEN}]")
_OUT_OF_PLACE = re.compile(f"(?!{_JOINED})[{_HIDDEN}]")


def one_line(text: str) -> str:
    """The text without characters that cannot be seen, each run of white space as one space."""
    return " ".join(_OUT_OF_PLACE.sub(" ", text).split())


def unmarked(text: str) -> str:
    """The text without anything that looks like a mark of `ends`: those are the program's own."""
    return _MARK.sub(_code, text)


def spelled(text: str) -> str:
    """The text with characters that cannot be seen, and with what looks like a mark of `ends`, spelled out.

    What puts emoji and letters together stays.
    """
    return unmarked(re.sub(r"[^\S ]", _code, _OUT_OF_PLACE.sub(_code, text)))


def literal(text: str) -> str:
    """As `spelled`, with backslashes, all that cannot be seen, and letters that change the order of what is read.

    Two addresses that differ do not look the same.
    """
    text = unmarked(_UNSEEN.sub(_code, text.replace("\\", r"\\")))
    return re.sub(r"[^ -~]", lambda c: c[0] if _in_order(c[0]) else _code(c), text)


def _in_order(character: str) -> bool:
    return character.isprintable() and unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT


def _code(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the last one of four digits


def ends(text: str, chars_max: int) -> str:
    """What `spelled` or `literal` gave, on one line with both of its ends, of about `chars_max` characters.

    What is not shown as it is has a short hash of the whole: `rm -rf lo…[+9210 #a1b2c3d4e5]…; exit 0`. So two texts
    that are not the same do not look the same.
    """
    line = " ".join(text.split())
    if line == text and len(text) <= chars_max:
        return text
    if len(line) <= chars_max:
        return f"{line} [#{short_hash(text)}]"
    half = chars_max // 2
    return f"{line[:half]}…[+{len(line) - 2 * half} #{short_hash(text)}]…{line[-half:]}"


def short_hash(text: str) -> str:
    """For people to see a difference by; another in each process."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=HASH_CHARS // 2, key=_KEY).hexdigest()


def cut(text: str, chars_max: int) -> str:
    """The text on one line, shortened to `chars_max` characters."""
    text = one_line(text)
    return text if len(text) <= chars_max else text[: chars_max - 1].rstrip() + "…"


def few(names: Sequence[str], most: int, chars_max: int) -> str:
    """The first `most` names, each shortened to `chars_max` characters."""
    shown = [cut(name, chars_max) for name in names[:most]]
    return ", ".join([*shown, "…"] if len(names) > most else shown)


def span(seconds: float) -> str:
    """A duration in two units at the most: `42 ms`, `4.2 s`, `1 min 05 s`, `2 h 10 min`, `3 d 7 h`."""
    whole = round(seconds)
    if seconds < TENTH_S:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if whole < MINUTE_S:
        return f"{seconds:.1f} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02} s"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02} min"
    return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S} h"


def moment(at: float) -> str:
    """A Unix time in seconds as `2026-11-23 07:10 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def percent(progress: float) -> str:
    """Rounded down, so that 100 % means all of it."""
    return f"{int(progress + _ROUNDING)} %"
