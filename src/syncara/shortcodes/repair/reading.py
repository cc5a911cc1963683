"""A code that could not be read, or only as something else than was meant: what it says all the same."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from syncara.commands.registry import Command
from syncara.shortcodes.characters import CLOSING, COLONS
from syncara.shortcodes.repair import tool_calls, words
from syncara.shortcodes.repair.assigning import Piece, assign
from syncara.shortcodes.repair.guesses import ALIASES, Guesser
from syncara.shortcodes.repair.known import ADD_STEP, Known
from syncara.shortcodes.repair.loose_json import Hopeless
from syncara.shortcodes.repair.splitting import Cleaned, cleaned, split
from syncara.shortcodes.repair.words import plain

_PAIRS = dict(zip("[{(<«［【〔「『｛（＜《〈⟦〖", "]})>»］】〕」』｝）＞》〉⟧〗", strict=True))
_OPENER_BEFORE = re.compile(r"(?:«|&#?\w+;)\Z")
_HEAD = re.compile(r"(?:[^\w]|_)*")
_WORD = re.compile(r"[^\W\d_](?:[\w-]*[^\W_])?")
_SEPARATOR = re.compile(
    rf"[*_\"'`]*\s*(?:(?P<mark>->|→|=>|::|[{COLONS}|,;/.=(>{{]|\s-\s)\s*|(?P<end>[{CLOSING}])|(?P<space>\s))"
    r"(?:(?P<emphasis>[*_`]+)(?![^:\n]*(?P=emphasis)))?"
)
_LINK = re.compile(r"\([^\s()]*\)")
_STRAYS = re.compile(r"(?:[ \t]*\\?[\]})>])+|(?:&#93;|&rbrack;|&rsqb;|&gt;)+")
_SEPARATORS = (":", "|", ";", ",", "->", "→", "/", ".", "=")
_GOOD = 4.0
"""The price of a reading that needs no other to be tried."""
_OTHER_SEPARATOR = 3.0
"""The price of another sign between the fields than the one between the command and its first field."""
_CHARS_BEFORE = 16
_IDENTIFIER = re.compile(r"[\w-]+")
_WORDS_MAX = 4


class Said(NamedTuple):
    """A code by what it says."""

    command: Command
    args: dict[str, Any]


class Reading(NamedTuple):
    start: int
    """Where in the text the code begins, with what is wrapped around it."""
    end: int
    codes: list[Said]
    """One; several where a list of steps was written as one step."""
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
    start = _begin(text, calls[place].span[0])
    limit = calls[place + 1].span[0] if place + 1 < len(calls) else len(text)
    return read_at(known, place, start, max(limit, start + 1))


def read_at(known: Known, place: int, start: int, limit: int) -> Reading | None:
    """The code that begins at `start` and ends before `limit`."""
    text = known.paper.text
    clean = cleaned(text, start, limit)
    found = _tool_call(known, place, clean) or _code(known, place, clean, _opener(text, start))
    if found is None:
        return None
    end = clean.origin[min(found.end, len(clean.text))]
    return _around(text, Reading(start, end, found.codes, found.complete), limit)


class _Found(NamedTuple):
    price: float
    end: int
    """In the cleaned text."""
    codes: list[Said]
    complete: bool


def _tool_call(known: Known, place: int, clean: Cleaned) -> _Found | None:
    called = tool_calls.read(clean.text, known)
    if called is None:
        return None
    codes = _codes(known, place, called.command, called.pieces, "")
    return None if codes is None else _Found(0, called.end, codes[1], complete=True)


def _code(known: Known, place: int, clean: Cleaned, opener: str) -> _Found | None:
    """What is least unlikely, whatever sign separates the fields."""
    head = _head(clean.text, known)
    if head is None:
        return None
    others = [mark for mark in _SEPARATORS if mark != head.separator and mark in clean.text[head.end :]]
    best: _Found | None = None
    for separator in [","] if head.separator == "(" else [head.separator, *others]:
        found = _separated(known, place, clean.text, head, separator, opener)
        if found is not None and separator in others:
            found = found._replace(price=found.price + _OTHER_SEPARATOR)
        if found is not None and (best is None or found.price < best.price):
            best = found
        if best is not None and best.price <= _GOOD:
            break
    return best


def _separated(known: Known, place: int, text: str, head: _Head, separator: str, opener: str) -> _Found | None:
    closer = ")" if head.separator == "(" else _PAIRS.get(opener, "")
    command = known.commands[head.shortcode]
    try:
        found = split(text, head.end, separator, closer)
    except Hopeless:
        return None
    end = found.end + (1 if found.closed and closer else 0)
    if command.fields and command.fields[0].form == "rest":
        written = text[head.end : found.end].strip()
        return _Found(0, end, [Said(command, {command.fields[0].name: written} if written else {})], found.closed)
    handler = head.handler or (_missing_handler(known, found.pieces) if head.shortcode == ADD_STEP else "")
    codes = _codes(known, place, command, _with_handler(found.pieces, handler), text)
    return None if codes is None else _Found(codes[0], end, codes[1], found.closed)


def _codes(
    known: Known, place: int, command: Command, pieces: Sequence[Piece], text: str
) -> tuple[float, list[Said]] | None:
    """The code that the pieces make, and its price; where they hold a list of steps, one for each."""
    guesser = Guesser(known, place, command.kind, known.paper.calls[place].args.get("name"))
    is_one = any(isinstance(piece.value, str) and piece.value in known.handlers for piece in pieces)
    steps = None if is_one else _steps(command, pieces)
    if steps is None:
        way = assign(command, pieces, text, guesser)
        return None if way is None else (way.price, [Said(command, way.args)])
    others, listed = steps
    ways = [assign(command, [*others, Piece(0, 0, step)], text, guesser) for step in listed]
    found = [Said(command, way.args) for way in ways if way is not None]
    return (0, found) if len(found) == len(ways) else None


def _steps(command: Command, pieces: Sequence[Piece]) -> tuple[list[Piece], list[dict[str, Any]]] | None:
    """A list of steps among the pieces of ADD_STEP, which takes one, and the other pieces."""
    for piece in pieces if command.shortcode == ADD_STEP else ():
        listed = piece.value
        if listed and isinstance(listed, list) and all(isinstance(each, dict) and "name" in each for each in listed):
            return [other for other in pieces if other is not piece], listed
    return None


def _begin(text: str, start: int) -> int:
    """With the bracket before it that was written as an entity, or is of a kind that codes hardly begin with."""
    before = _OPENER_BEFORE.search(text, max(0, start - _CHARS_BEFORE), start)
    return start if before is None or html.unescape(before.group()) not in _PAIRS else before.start()


def _opener(text: str, start: int) -> str:
    """The bracket that a code begins with; none: it stands there without."""
    at = start + (1 if text.startswith("\\", start) else 0)
    opener = html.unescape(text[at : at + _CHARS_BEFORE])[0]
    return opener if opener in _PAIRS else ""


def _with_handler(pieces: Sequence[Piece], handler: str) -> Sequence[Piece]:
    """With the handler, which stood in the place of the command, behind the name of the step."""
    if not handler:
        return pieces
    last = min(2, len(pieces))
    place = next((number for number, piece in enumerate(pieces) if not isinstance(piece.value, str)), last)
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
    return reading._replace(start=start, end=end)


def _missing_handler(known: Known, pieces: Sequence[Piece]) -> str:
    """The handler that was left out, by the params; nothing where a piece may be one."""
    values = [piece.value for piece in pieces]
    place = next((number for number, value in enumerate(values) if isinstance(value, dict)), 0)
    before = values[:place]
    if not 0 < len(before) <= 2 or not all(isinstance(value, str) for value in before):  # noqa: PLR2004 - workflow, name
        return ""
    said = known.handler(before[-1]) if _IDENTIFIER.fullmatch(before[-1]) else None
    meant = known.handler_of(values[place], before[-1])
    is_name = said is None or (before[0] in ALIASES and said != meant)
    return meant if meant is not None and is_name else ""


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
        after = separator.start("mark") if mark == "{" else separator.end()
        found.append((word.group(), mark, word.end() if separator["end"] else after))
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
    inside = [*found[: max(0, family - 1)], *found[family : stop - 1]]
    if any(mark not in (" ", " - ", "-") for _, mark, _ in inside):
        return None
    name = plain("".join(word for word, _, _ in found[:family]))
    families = {shortcode.partition(":")[0] for shortcode in known.commands}
    near = words.nearest(name, sorted(families), words.ALIKE - 0.05) if name else None
    if near is not None:
        score = 3.0 if plain(near) == name else 2.0
    else:
        score = 1.2 if name in words.table("things") else 0.5 if name else 1.0
    written = "_".join(word for word, _, _ in found[family:stop])
    own = {each: command for each, command in known.commands.items() if each.partition(":")[0] == near}
    shortcode = words.sure_command(written, own) or words.sure_command(written, known.commands)
    handler = "" if shortcode or ADD_STEP not in known.commands else known.handler(written, alike=1) or ""
    if shortcode is not None:
        score += 3 if plain(shortcode.partition(":")[2]) == plain(written) else 2
    elif not handler:
        return None
    _, mark, end = found[stop - 1]
    separator = {"：": ":", "﹕": ":", "︰": ":", "∶": ":", "::": ":", ">": ":", "": ":"}.get(mark, mark)
    return _Head(score, shortcode or ADD_STEP, handler, separator.strip() or " ", end)
