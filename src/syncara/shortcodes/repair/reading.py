"""A code that could not be read, or only as something else than was meant: what it says all the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from syncara.commands.registry import Command
from syncara.shortcodes.characters import COLONS
from syncara.shortcodes.repair import tool_calls, words
from syncara.shortcodes.repair.assigning import Piece, assign
from syncara.shortcodes.repair.guesses import Guesser
from syncara.shortcodes.repair.known import Known
from syncara.shortcodes.repair.loose_json import Hopeless
from syncara.shortcodes.repair.splitting import Cleaned, cleaned, split
from syncara.shortcodes.repair.words import plain

ADD_STEP = "MULTISTEP:ADD_STEP"

_PAIRS = dict(zip("[{(<［【〔「『｛（＜《〈⟦〖", "]})>］】〕」』｝）＞》〉⟧〗", strict=True))
_ENTITY_OPENERS = ("&#91;", "&lbrack;", "&lsqb;", "&#x5b;", "&#x5B;", "&lt;", "&#123;", "&lpar;", "&#40;")
_HEAD = re.compile(r"(?:[^\w]|_)*")
_WORD = re.compile(r"[^\W\d_](?:[\w-]*[^\W_])?")
_SEPARATOR = re.compile(
    rf"[*_\"'`]*\s*(?:(?P<mark>->|→|=>|::|[{COLONS}|,;/.=(>{{]|\s-\s)\s*|(?P<end>[\]\)}}>】」）］])|(?P<space>\s))[*_\"'`]*"
)
_AROUND = re.compile(r"[ \t]*(?:\*{1,3}|_{1,3}|~~|`|\"|'|“|”|‘|’|«|»|&quot;|</?(?:b|i|u|s|em|strong|p|span|q)>)")
_BEFORE = re.compile(r"(?:\*{1,3}|_{1,3}|~~|`|\"|'|“|”|‘|’|«|»|&quot;|<(?:b|i|u|s|em|strong|p|span|q)>)[ \t]*\Z")
_LINK = re.compile(r"\([^\s()]*\)")
_STRAYS = re.compile(r"(?:[ \t]*\\?[\]})>])+|(?:&#93;|&rbrack;|&rsqb;|&gt;)+")
_CHARS_BEFORE = 16
_WORDS_MAX = 4


class Reading(NamedTuple):
    start: int
    """Where in the text the code begins, with what is wrapped around it."""
    end: int
    command: Command
    args: dict[str, Any]
    complete: bool
    """Whether it is closed."""


class _Head(NamedTuple):
    score: float
    shortcode: str
    handler: str
    """For a handler in the place of the command."""
    separator: str
    end: int


def read(known: Known, place: int) -> Reading | None:
    """What the code at a place of the reply says; None when that cannot be told with confidence."""
    text, calls = known.paper.text, known.paper.calls
    start = calls[place].span[0]
    limit = calls[place + 1].span[0] if place + 1 < len(calls) else len(text)
    return read_at(known, place, start, max(limit, start + 1))


def read_at(known: Known, place: int, start: int, limit: int) -> Reading | None:
    """The code that begins at `start` and ends before `limit`."""
    text = known.paper.text
    clean = cleaned(text, start, limit)
    guesser = Guesser(known, place)
    called = tool_calls.read(clean.text, known)
    if called is not None:
        end = clean.origin[called.end]
        args = assign(called.command, called.pieces, "", guesser)
        return None if args is None else _around(text, Reading(start, end, called.command, args, True), limit)  # noqa: FBT003
    head = _head(clean.text, known)
    if head is None:
        return None
    opener = _opener(text, start)
    closer = ")" if head.separator == "(" else _PAIRS.get(opener, "")
    separator = "," if head.separator == "(" else head.separator
    try:
        found = split(clean.text, head.end, separator, closer)
    except Hopeless:
        return None
    if separator == " " and len(found.pieces) > 1 and any(":" in str(piece.value) for piece in found.pieces[:1]):
        found = split(clean.text, head.end, ":", closer)
    command = known.commands[head.shortcode]
    pieces = _with_handler(command, found.pieces, head.handler)
    if command.fields and command.fields[0].form == "rest":
        args: dict[str, Any] | None = {command.fields[0].name: clean.text[head.end : found.end].strip()}
    else:
        args = assign(command, pieces, clean.text, guesser)
    if args is None:
        return None
    end = found.end + (1 if found.closed and closer else 0)
    end = min(end, len(clean.text))
    reading = Reading(start, clean.origin[end], command, args, found.closed)
    return _around(text, reading, limit)


def _opener(text: str, start: int) -> str:
    """The bracket that a code begins with; none: it stands there without."""
    at = start + (1 if text.startswith("\\", start) else 0)
    if text.startswith(_ENTITY_OPENERS, at):
        return "["
    return text[at] if text[at] in _PAIRS else ""


def _with_handler(command: Command, pieces: Sequence[Piece], handler: str) -> Sequence[Piece]:
    """With the handler, which stood in the place of the command, behind the name of the step."""
    if not handler:
        return pieces
    place = next((number for number, piece in enumerate(pieces) if not isinstance(piece.value, str)), len(pieces))
    at = pieces[place - 1].end if place else 0
    return [*pieces[:place], Piece(at, at, handler), *pieces[place:]]


def _around(text: str, reading: Reading, limit: int) -> Reading:
    """With the brackets, quotes and emphasis that wrap the code."""
    start, end = reading.start, reading.end
    while start > 0 and text[start - 1] in "[{(<" and _PAIRS[text[start - 1]] in text[end : end + 2]:
        start -= 1
    if reading.complete and (strays := _STRAYS.match(text, end, limit)):
        end = strays.end()
    if link := _LINK.match(text, end, limit):
        end = link.end()
    if text.endswith("\\", 0, start):
        start -= 1
    while before := _BEFORE.search(text, max(0, start - _CHARS_BEFORE), start):
        after = _AROUND.match(text, end, limit)
        if after is None:
            break
        start, end = before.start(), after.end()
    return reading._replace(start=start, end=end)


# The head.


def _head(text: str, known: Known) -> _Head | None:
    """The command, by whatever words, and what separates it from its fields."""
    found: list[tuple[str, str, int]] = []
    start = _HEAD.match(text)
    pos = 0 if start is None else start.end()
    while len(found) < _WORDS_MAX and (word := _WORD.match(text, pos)) is not None:
        separator = _SEPARATOR.match(text, word.end())
        if separator is None:
            found.append((word.group(), "", word.end()))
            break
        mark = separator["mark"] or ("" if separator["end"] else " ")
        found.append((word.group(), mark, word.end() if separator["end"] else separator.end()))
        if separator["end"] or mark in ("(", "{"):
            break
        pos = separator.end()
    ways = [
        way
        for family in range(min(3, len(found)))
        for stop in range(family + 1, min(family + 3, len(found)) + 1)
        if (way := _weigh(found, family, stop, known)) is not None
    ]
    return max(ways, key=lambda way: way.score, default=None)


def _weigh(found: Sequence[tuple[str, str, int]], family: int, stop: int, known: Known) -> _Head | None:
    """The words up to `family` as a family's name, and those up to `stop` as a command's."""
    if any(mark not in (" ", " - ", "-") for _, mark, _ in found[family : stop - 1]):
        return None
    if any(mark not in (" ", " - ", "-") for _, mark, _ in found[: max(0, family - 1)]):
        return None
    name = plain("".join(word for word, _, _ in found[:family]))
    families = {shortcode.partition(":")[0] for shortcode in known.commands}
    alike = (
        max(((words.similarity(name, plain(each)), each) for each in families), default=(0, "")) if name else (0, "")
    )
    near = alike[1] if alike[0] >= words.ALIKE - 0.05 else ""
    score = 1.0 if not name else 3.0 if alike[0] == 1 else 2.0 if near else 0.5
    written = "_".join(word for word, _, _ in found[family:stop])
    own = [each for each in known.commands if each.partition(":")[0] == near]
    shortcode = words.command(written, own) or words.command(written, list(known.commands))
    handler = "" if shortcode or ADD_STEP not in known.commands else known.handler(written) or ""
    if shortcode is None and not handler:
        return None
    if shortcode is not None:
        score += 3 if plain(shortcode.partition(":")[2]) == plain(written) else 2
    else:
        score += 1.5 if name else -1
    if score < 2:  # noqa: PLR2004 - a word that may be a command, and nothing else
        return None
    _, mark, end = found[stop - 1]
    separator = {"：": ":", "﹕": ":", "︰": ":", "∶": ":", "::": ":", "=": ":", ".": ":", ">": ":", "": ":"}.get(
        mark, mark
    )
    if mark == "{":
        separator, end = ":", end - 1
    return _Head(score, shortcode or ADD_STEP, handler, separator.strip() or " ", end)
