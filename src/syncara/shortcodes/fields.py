"""From the pieces of a code to its command's fields: by position, by name, and what each form of field can take.

Where there are more pieces than fields, or a piece cannot be what its field needs, colons that nobody escaped may be
the reason: texts then take in the pieces beside them, if there is exactly one way in which everything fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, NamedTuple

from syncara.commands.registry import Command, Field, Form
from syncara.shortcodes.lenient import BadJson, read_json
from syncara.shortcodes.pieces import Piece, plain
from syncara.shortcodes.problems import Wrong

COLON = r"write a colon that belongs to a text as \:"
BY_NAME = "a field by its name"
NULL = "null for a field that is left out"
IN_QUOTES = "quotes around a value that is no text"
JSON_IN_QUOTES = "JSON inside a text"
BARE_NAMES = "a list of names without quotes"

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,2})?")
_FLAGS = {"true": True, "yes": True, "ya": True, "false": False, "no": False, "tidak": False}
_NULLS = ("null", "None")
_NAME_IN_QUOTES = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_HOUR, _MINUTE = re.compile(r"(?:^|.*\D)(?:[01]?[0-9]|2[0-3])", re.DOTALL), re.compile(r"[0-5][0-9]")
_MISFIT: Any = object()
_WANTED: dict[Form, str] = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "json": "JSON",
    "names": "names separated by commas, or a JSON list of them",
    "moment": "seconds, a duration such as 1h30m, or an ISO time",
    "rest": "text",
}

_Group = tuple[int, int, int]
"""The number of a field, and the pieces that it takes: from one, up to another."""


class Fields(NamedTuple):
    """What was written."""

    args: dict[str, Any]
    spans: dict[str, tuple[int, int]]
    repairs: dict[str, None]


def read_fields(command: Command, pieces: Sequence[Piece], text: str, into: Fields) -> None:
    """Put the fields that were written into `into`. Raises Wrong; what was read until then stays there."""
    reading = _Reading(command, text, into)
    by_position, named = reading.split(_without_empty_ends(pieces))
    for piece, more in named:
        reading.take_named(piece, more)
    reading.take_positional(by_position)


def _without_empty_ends(pieces: Sequence[Piece]) -> Sequence[Piece]:
    end = len(pieces)
    while end and pieces[end - 1].kind == "empty":
        end -= 1
    return pieces[:end]


class _Reading:
    def __init__(self, command: Command, text: str, into: Fields) -> None:
        self._command = command
        self._text = text
        self._into = into
        self._fields = {field.name: field for field in command.fields}
        self._positional = command.positional
        self._values: dict[tuple[str, int], tuple[Any, str]] = {}
        """What fields made of pieces, by where these begin."""

    # Which pieces are fields by position, and which by name.

    def split(self, pieces: Sequence[Piece]) -> tuple[Sequence[Piece], list[tuple[Piece, list[Piece]]]]:
        """The pieces by position; and those by name, each with the pieces after it that belong to its text."""
        first = next((place for place, piece in enumerate(pieces) if self._is_named(piece, place)), len(pieces))
        named: list[tuple[Piece, list[Piece]]] = []
        for piece in pieces[first:]:
            if piece.key or piece.kind == "json":
                named.append((piece, []))
            elif piece.kind != "empty":
                named[-1][1].append(piece)
        positional = pieces[:first]
        if positional and self._is_named_object(positional[-1], len(positional) - 1):
            named.insert(0, (positional[-1], []))
            positional = positional[:-1]
        return positional, named

    def _is_named(self, piece: Piece, place: int) -> bool:
        if not piece.key:
            return False
        if piece.key in self._fields:
            return True
        field = self._positional[place] if place < len(self._positional) else None
        return field is None or field.form != "text" or field.refers is not None

    def _is_named_object(self, piece: Piece, place: int) -> bool:
        """JSON at a place that takes none, with names of fields in it."""
        if piece.json is None or not isinstance(piece.value, dict) or piece.key:
            return False
        if place >= len(self._positional):
            return True
        return self._positional[place].form != "json" and not self._fields.keys().isdisjoint(piece.value)

    # By name.

    def take_named(self, piece: Piece, more: Sequence[Piece]) -> None:
        if piece.key:
            field = self._known(piece.key, (piece.start, piece.start + len(piece.key)))
            self._take(field, [piece, *more])
            return
        if piece.json is None or not isinstance(piece.value, dict):
            raise self._too_many(piece)
        if more:
            raise self._too_many(more[0])
        self._note(piece)
        for key, value in piece.value.items():
            at = piece.json.keys[key]
            self._set(self._known(key, at), value, at)

    def _known(self, name: str, at: tuple[int, int]) -> Field:
        field = self._fields.get(name)
        if field is None:
            known = [each.name for each in self._command.fields]
            near = get_close_matches(name[:40], known, 1)
            message = f"{self._command.shortcode} has no field '{name[:40]}'"
            fix = f"Did you mean '{near[0]}'?" if near else ""
            raise Wrong("unknown_field", message, at, fix, allowed=", ".join(known), nearest="".join(near))
        if name in self._into.args:
            raise Wrong("repeated_field", f"'{name}' is given twice", at, "give it once", field=name)
        if not field.named:
            self._into.repairs[BY_NAME] = None
        return field

    # By position.

    def take_positional(self, pieces: Sequence[Piece]) -> None:
        direct = [(place, place, place + 1) for place in range(len(pieces))]
        if len(pieces) <= len(self._positional) and all(self._fits(pieces, group) for group in direct):
            self._refuse_a_time_cut_in_two(pieces)
            groups: Sequence[_Group] = direct
        else:
            ways = self._ways(pieces)
            if not ways:
                raise self._misfit(pieces)
            if len(ways) > 1:
                raise self._ambiguous(pieces, *ways)
            groups = ways[0]
        for number, start, stop in groups:
            if pieces[start].kind != "empty":
                self._take_position(self._positional[number], pieces[start:stop])

    def _take_position(self, field: Field, pieces: Sequence[Piece]) -> None:
        if field.name in self._into.args:
            at = (pieces[0].start, pieces[-1].end)
            raise Wrong("repeated_field", f"'{field.name}' is given twice", at, "give it once", field=field.name)
        self._take(field, pieces)

    def _ways(self, pieces: Sequence[Piece]) -> list[tuple[_Group, ...]]:
        """Ways to share the pieces out among the fields in their order: none, the only one, or two of them."""
        count = len(pieces)
        known: dict[tuple[int, int], list[tuple[_Group, ...]]] = {}
        room = [0]
        for field in reversed(self._positional):
            room.append(count if _takes_in(field) else room[-1] + 1)
        room.reverse()

        def ways(number: int, start: int) -> list[tuple[_Group, ...]]:
            if start == count:
                return [()]
            if (number, start) in known:
                return known[number, start]
            found = known[number, start] = []
            for stop in range(start + 1, self._reach(pieces, number, start) + 1):
                if count - stop > room[number + 1] or not self._fits(pieces, (number, start, stop)):
                    continue
                found += [((number, start, stop), *rest) for rest in ways(number + 1, stop)]
                if len(found) > 1:
                    break
            return found

        return ways(0, 0)[:2] if count <= room[0] else []

    def _reach(self, pieces: Sequence[Piece], number: int, start: int) -> int:
        """Up to where a field may take in pieces, when it starts with one of them."""
        stop = start + 1
        if _takes_in(self._positional[number]) and pieces[start].kind == "text":
            while stop < len(pieces) and pieces[stop].kind == "text":
                stop += 1
        return stop

    def _fits(self, pieces: Sequence[Piece], group: _Group) -> bool:
        number, start, stop = group
        piece = pieces[start]
        if stop - start > 1 or piece.kind == "empty":
            return True
        return self._value(self._positional[number], piece)[0] is not _MISFIT

    def _refuse_a_time_cut_in_two(self, pieces: Sequence[Piece]) -> None:
        """`at 10:30` fits as a text and a number, and was hardly meant so."""
        for field, (piece, after) in zip(self._positional, pairwise(pieces), strict=False):
            free_text = field.form == "text" and field.refers is None and piece.kind == "text"
            if free_text and after.start == piece.end + 1 and _HOUR.fullmatch(piece.value):
                if after.kind == "text" and _MINUTE.fullmatch(after.value):
                    at = (piece.start, after.end)
                    message = (
                        f"'{self._text[piece.start : after.end][-40:]}' may be one text with a time, or two fields"
                    )
                    raise Wrong("ambiguous", message, at, COLON + ", and a number otherwise", field=field.name)

    def _ambiguous(self, pieces: Sequence[Piece], one: Sequence[_Group], other: Sequence[_Group]) -> Wrong:
        number, start, _ = next(group for group, another in zip(one, other, strict=False) if group != another)
        name = self._positional[number].name
        message = f"the colons can be read in more than one way: it is not clear where '{name}' ends"
        return Wrong("ambiguous", message, (pieces[start].start, pieces[-1].end), COLON, field=name)

    def _misfit(self, pieces: Sequence[Piece]) -> Wrong:
        """The first piece that is not what its position needs."""
        for place, piece in enumerate(pieces):
            if place >= len(self._positional):
                return self._too_many(piece)
            if not self._fits(pieces, (place, place, place + 1)):
                return self._wrong_type(self._positional[place], piece.value, (piece.start, piece.end))
        raise AssertionError("all pieces fit")

    def _too_many(self, piece: Piece) -> Wrong:
        names = [field.name for field in self._positional]
        message = f"{self._command.shortcode} has {len(names)} fields by position, and more are written"
        return Wrong("too_many_fields", message, (piece.start, piece.end), COLON, allowed=":".join(names))

    # What a field can take.

    def _take(self, field: Field, pieces: Sequence[Piece]) -> None:
        first, last = pieces[0], pieces[-1]
        at = (first.start, last.end)
        line_end = -1 if field.refers is None else self._text.find("\n", *at)
        if line_end >= 0:
            message = f"the code is not closed on the line of its field '{field.name}'"
            raise Wrong("unclosed", message, (first.start, line_end), "end it with ]", field=field.name)
        for piece in pieces:
            self._note(piece)
        if len(pieces) == 1:
            value, repair = self._value(field, first)
        elif all(piece.kind == "text" for piece in pieces):
            start = first.value_start if first.key in self._fields else first.start
            value, repair = _convert(field.form, plain(self._text[start : last.end]), is_text=True)
        else:
            value, repair = _MISFIT, ""
        self._keep(field, value, repair, first.value, at)

    def _value(self, field: Field, piece: Piece) -> tuple[Any, str]:
        """What a field makes of a piece, and what of that was lenient."""
        known = self._values.get((field.name, piece.start))
        if known is None:
            value = piece.value
            if piece.key and piece.key not in self._fields:
                value = plain(self._text[piece.start : piece.end])
            known = self._values[field.name, piece.start] = _convert(field.form, value, is_text=piece.kind != "json")
        return known

    def _set(self, field: Field, value: Any, at: tuple[int, int]) -> None:
        self._keep(field, *_convert(field.form, value, is_text=False), value, at)

    def _keep(self, field: Field, value: Any, repair: str, written: Any, at: tuple[int, int]) -> None:
        if value is _MISFIT:
            raise self._wrong_type(field, written, at)
        if repair:
            self._into.repairs[repair] = None
        if value is not None and value != "":
            self._into.args[field.name] = value
            self._into.spans[field.name] = at

    def _note(self, piece: Piece) -> None:
        for repair in piece.repairs:
            self._into.repairs[repair] = None

    def _wrong_type(self, field: Field, written: Any, at: tuple[int, int]) -> Wrong:
        read = "JSON" if isinstance(written, dict | list) else f"'{str(written)[:40]}'"
        wanted = _WANTED[field.form]
        message = f"'{field.name}' is {wanted}, and {read} is written"
        fix = COLON if field.form != "text" and isinstance(written, str) else ""
        return Wrong("wrong_type", message, at, fix or f"write {wanted}", field=field.name, allowed=wanted)


def _takes_in(field: Field) -> bool:
    """Whether colons that nobody escaped may belong to the field's text; ids and names of what exists have none."""
    return field.form in ("names", "moment") or (field.form == "text" and field.refers is None)


def _convert(form: Form, value: Any, *, is_text: bool) -> tuple[Any, str]:
    """A value as a form of field takes it, or _MISFIT; and what of that was lenient. None: nothing was written.

    `is_text`: the value was written as text, not in quotes or in JSON.
    """
    if value is None or (is_text and form != "text" and value in _NULLS):
        return None, NULL
    if isinstance(value, str):
        if not value.strip():
            return None, ""
        found, repair = _FROM_TEXT[form](value.strip())
        lenient = not is_text and form in ("integer", "number", "flag") and found is not _MISFIT
        return found, IN_QUOTES if lenient else repair
    return (value, "") if _is_native(form, value) else (_MISFIT, "")


def _is_native(form: Form, value: Any) -> bool:
    """Whether a value that is no text is of the form."""
    if isinstance(value, bool):
        return form == "flag"
    if isinstance(value, int):
        return form in ("integer", "number", "moment")
    if isinstance(value, float):
        return form in ("number", "moment")
    if form == "names":
        return isinstance(value, list) and all(isinstance(name, str) for name in value)
    return form == "json" and isinstance(value, dict | list)


def _number(value: str) -> tuple[Any, str]:
    if _INTEGER.fullmatch(value):
        return int(value), ""
    return (float(value) if _NUMBER.fullmatch(value) else _MISFIT), ""


def _json(value: str) -> tuple[Any, str]:
    if not value.startswith(("{", "[")):
        return _MISFIT, ""
    try:
        found = read_json(value, 0)
    except BadJson:
        return _MISFIT, ""
    return (found.value, JSON_IN_QUOTES) if found.end == len(value) else (_MISFIT, "")


def _names(value: str) -> tuple[list[str], str]:
    repair = ""
    if value.startswith("[") and value.endswith("]"):
        value, repair = value[1:-1], BARE_NAMES
    names = []
    for part in value.split(","):
        quoted = _NAME_IN_QUOTES.fullmatch(part.strip())
        name = part.strip() if quoted is None else quoted[quoted.lastindex or 0].strip()
        repair = repair if quoted is None else IN_QUOTES
        names += [name] if name else []
    return names, repair


def _moment(value: str) -> tuple[Any, str]:
    number, _ = _number(value)
    return (value if number is _MISFIT else number), ""


_FROM_TEXT: dict[Form, Callable[[str], tuple[Any, str]]] = {
    "text": lambda value: (value, ""),
    "integer": lambda value: (int(value) if _INTEGER.fullmatch(value) else _MISFIT, ""),
    "number": _number,
    "flag": lambda value: (_FLAGS.get(value.lower(), _MISFIT), ""),
    "json": _json,
    "names": _names,
    "moment": _moment,
    "rest": lambda value: (value, ""),
}
