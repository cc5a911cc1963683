"""From the pieces of a code to its command's fields: by position, by name, and what each form of field can take.

Where there are more pieces than fields, or a piece cannot be what its field needs, colons that nobody escaped may be
the reason: texts then take in the pieces beside them, if there is exactly one way in which everything fits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, NamedTuple

from syncara.commands.registry import Command, Field, Form
from syncara.shortcodes.forms import MISFIT, WANTED, convert
from syncara.shortcodes.pieces import COLON, PIECES_MAX, Piece, Wrong, plain

BY_NAME = "a field by its name"

_OTHER_NAMES = {
    "after": "dependencies",
    "attempts": "retries",
    "concurrency": "max_parallel",
    "delay": "delay_seconds",
    "depends": "dependencies",
    "depends_on": "dependencies",
    "desc": "description",
    "global_timeout": "timeout",
    "if": "condition",
    "max_parallel_steps": "max_parallel",
    "max_retries": "retries",
    "output": "save_as",
    "parallel": "max_parallel",
    "requires": "dependencies",
    "retry": "retries",
    "retry_count": "retries",
    "when": "condition",
}
"""What fields are called elsewhere, where spelling does not lead to their name."""
_ANY_TEXT: tuple[Form, ...] = ("text", "names", "moment")
"""The forms that any text has."""
_HOUR, _MINUTE = re.compile(r"(?:^|.*\D)(?:[01]?[0-9]|2[0-3])", re.DOTALL), re.compile(r"[0-5][0-9](?![0-9])")

_Group = tuple[int, int, int]
"""The number of a field, and the pieces that it takes: from one, up to another."""
_Way = tuple[_Group, ...]


def _is_time(piece: Piece, after: Piece) -> bool:
    """Whether two texts, with the colon between them, are written as a time in prose is."""
    if piece.kind != "text" or after.kind != "text" or after.start != piece.end + 1:
        return False
    return _MINUTE.match(after.value) is not None and _HOUR.fullmatch(piece.value) is not None


class Fields(NamedTuple):
    """What was written."""

    args: dict[str, Any]
    spans: dict[str, tuple[int, int]]
    repairs: dict[str, None]


class Layout:
    """How the fields of a command are laid out."""

    def __init__(self, command: Command) -> None:
        self.shortcode = command.shortcode
        self.fields = {field.name: field for field in command.fields}
        self.positional = command.positional
        self.takes_in = [_takes_in(field) for field in self.positional]
        """Whether colons that nobody escaped may belong to a field's text."""
        self.direct = [
            tuple((place, place, place + 1) for place in range(count)) for count in range(len(self.positional) + 1)
        ]
        """For each number of pieces the way in which each field takes one."""
        self.room = [0]
        """How many pieces the fields by position can take, from each on."""
        self.room_before_json = [-1]
        """How many of these before the last field that can take JSON; -1: there is none."""
        for field, takes_in in zip(reversed(self.positional), reversed(self.takes_in), strict=True):
            before = self.room_before_json[0]
            if before >= 0:
                before = PIECES_MAX if takes_in else before + 1
            elif field.form in ("json", "names"):
                before = 0
            self.room_before_json.insert(0, before)
            self.room.insert(0, PIECES_MAX if takes_in else self.room[0] + 1)


def _takes_in(field: Field) -> bool:
    """Ids and the names of what exists have no colons."""
    return field.form in _ANY_TEXT and (field.form != "text" or field.refers is None)


def read_fields(layout: Layout, pieces: Sequence[Piece], text: str, into: Fields) -> None:
    """Put the fields that were written into `into`. Raises Wrong; what was read until then stays there."""
    reading = _Reading(layout, text, into)
    by_position, by_name = reading.split(_without_empty_ends(pieces))
    ways = reading.ways(by_position)
    if not ways and reading.ends_with_names(by_position):
        by_name.insert(0, (by_position[-1], []))
        by_position = _without_empty_ends(by_position[:-1])
        ways = reading.ways(by_position)
    for piece, more in by_name:
        reading.take_named(piece, more)
    reading.take_positional(by_position, ways)


def salvage(layout: Layout, pieces: Sequence[Piece], text: str, into: Fields) -> None:
    """Put into `into` what can be had by position of a code that is wrong further on."""
    reading = _Reading(layout, text, into)
    for field, piece in zip(layout.positional, pieces, strict=False):
        if piece.key or not reading.take_if_fit(field, piece):
            return


def _without_empty_ends(pieces: Sequence[Piece]) -> Sequence[Piece]:
    end = len(pieces)
    while end and pieces[end - 1].kind == "empty":
        end -= 1
    return pieces if end == len(pieces) else pieces[:end]


class _Reading:
    def __init__(self, layout: Layout, text: str, into: Fields) -> None:
        self._layout = layout
        self._text = text
        self._into = into
        self._fields = layout.fields
        self._positional = layout.positional
        self._values: dict[tuple[str, int], tuple[Any, str]] = {}
        """What fields made of pieces, by where these begin."""

    # Which pieces are fields by position, and which by name.

    def split(self, pieces: Sequence[Piece]) -> tuple[Sequence[Piece], list[tuple[Piece, list[Piece]]]]:
        """The pieces by position; and those by name, each with the pieces after it that belong to its text."""
        first = 0
        while first < len(pieces) and not self._is_named(pieces[first], first):
            first += 1
        named: list[tuple[Piece, list[Piece]]] = []
        for piece in pieces[first:]:
            if piece.key or piece.kind == "json":
                named.append((piece, []))
            elif piece.kind != "empty":
                named[-1][1].append(piece)
        return _without_empty_ends(pieces[:first]), named

    def _is_named(self, piece: Piece, place: int) -> bool:
        if not piece.key:
            return False
        if piece.key in self._fields or _OTHER_NAMES.get(piece.key) in self._fields:
            return True
        field = self._positional[place] if place < len(self._positional) else None
        return field is None or field.form != "text" or field.refers is not None

    def ends_with_names(self, pieces: Sequence[Piece]) -> bool:
        """Whether pieces that do not fit by position end with an object of fields by name."""
        last = pieces[-1]
        if last.key or not isinstance(last.value, dict):
            return False
        if not self._fields.keys().isdisjoint(last.value):
            return True
        return len(pieces) > len(self._positional) and bool(self.ways(pieces[:-1]))

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
        self._into.repairs.update(dict.fromkeys(piece.repairs))
        for key, value in piece.value.items():
            at = piece.json.keys[key]
            self._set(self._known(key, at), value, at)

    def _known(self, name: str, at: tuple[int, int]) -> Field:
        field = self._fields.get(name)
        if field is None:
            raise self._unknown(name[:40], at)
        if not field.named:
            self._into.repairs[BY_NAME] = None
        return field

    def _unknown(self, name: str, at: tuple[int, int]) -> Wrong:
        known = list(self._fields)
        meant = _OTHER_NAMES.get(name.lower().replace("-", "_"), "")
        near = [meant] if meant in known else get_close_matches(name, known, 1)
        message = f"{self._layout.shortcode} has no field '{name}'"
        fix = f"Did you mean '{near[0]}'?" if near else f"the fields are {', '.join(known)}"
        return Wrong("unknown_field", message, at, fix, allowed=", ".join(known), nearest="".join(near))

    # By position.

    def take_positional(self, pieces: Sequence[Piece], ways: Sequence[_Way]) -> None:
        if not ways:
            raise self._misfit(pieces)
        if len(ways) > 1:
            raise self._ambiguous(pieces, *ways)
        self._refuse_a_time_cut_in_two(pieces, ways[0])
        for number, start, stop in ways[0]:
            if pieces[start].kind != "empty":
                self._take(self._positional[number], pieces[start:stop])

    def take_if_fit(self, field: Field, piece: Piece) -> bool:
        value, repair = ("", "") if piece.kind == "empty" else self._value(field, piece)
        if value is not MISFIT:
            self._keep(field, value, repair, piece.value, (piece.start, piece.end))
        return value is not MISFIT

    def ways(self, pieces: Sequence[Piece]) -> list[_Way]:
        """Ways to share the pieces out among the fields by position: none, the only one, or two of them.

        Where one piece for each field fits, no other way counts.
        """
        if len(pieces) <= len(self._positional):
            direct = self._layout.direct[len(pieces)]
            for group in direct:
                if not self.fits(pieces, group):
                    break
            else:
                return [direct]
        if len(pieces) > self._layout.room[0]:
            return []
        every = _Sharing(self, self._layout, pieces).ways(0, 0)
        if len(every) < 2:  # noqa: PLR2004 - two are too many
            return every
        as_written = _Sharing(self, self._layout, pieces, self._prose_colons(pieces)).ways(0, 0)
        sure = len(as_written) == 1 and len(as_written[0]) > 1 and not self._follows_space(pieces[0])
        return as_written if sure else every[:2]

    def _prose_colons(self, pieces: Sequence[Piece]) -> list[bool]:
        """For each piece whether the colon before it is written as in prose: `note: this`, or in a time, `10:30`."""
        prose = [False]
        for piece, after in pairwise(pieces):
            texts = piece.kind == after.kind == "text"
            spaced = texts and self._text[piece.end] == ":" and self._follows_space(after)
            prose.append((spaced and not after.value.isdigit()) or _is_time(piece, after))
        return prose

    def _follows_space(self, piece: Piece) -> bool:
        return piece.kind != "empty" and self._text[piece.start - 1].isspace()

    def fits(self, pieces: Sequence[Piece], group: _Group) -> bool:
        number, start, stop = group
        piece = pieces[start]
        if stop - start > 1 or piece.kind == "empty":
            return True
        field = self._positional[number]
        if field.form in _ANY_TEXT and piece.kind != "json":
            return True
        return self._value(field, piece)[0] is not MISFIT

    def _refuse_a_time_cut_in_two(self, pieces: Sequence[Piece], way: _Way) -> None:
        """`at 10:30` fits as a text and a number, and was hardly meant so."""
        for (number, start, stop), (next_number, _, _) in pairwise(way):
            field, after = self._positional[number], pieces[stop]
            if not _is_time(pieces[stop - 1], after):
                continue
            if (field.form == "text" and field.refers is None) or self._follows_space(pieces[start]):
                at = (pieces[start].start, after.end)
                message = f"'{self._text[at[0] : at[1]][-40:]}' may be one text with a time, or two fields"
                fix = f"{COLON}; or name the next field: {self._positional[next_number].name}={after.value}"
                raise Wrong("ambiguous", message, at, fix, field=field.name)

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
            if not self.fits(pieces, (place, place, place + 1)):
                at = (piece.start, piece.end)
                return self._wrong_type(self._positional[place], piece.value, at, by_position=True)
        raise AssertionError("all pieces fit")

    def _too_many(self, piece: Piece) -> Wrong:
        names = [field.name for field in self._positional]
        message = f"{self._layout.shortcode} has {len(names)} fields by position, and more are written"
        return Wrong("too_many_fields", message, (piece.start, piece.end), COLON, allowed=":".join(names))

    # What a field can take.

    def _take(self, field: Field, pieces: Sequence[Piece]) -> None:
        first, last = pieces[0], pieces[-1]
        at = (first.start, last.end)
        if field.refers is not None and (line_end := self._text.find("\n", *at)) >= 0:
            message = f"the code is not closed on the line of its field '{field.name}'"
            raise Wrong("unclosed", message, (first.start, line_end), "end it with ]", field=field.name)
        if first.repairs:
            self._into.repairs.update(dict.fromkeys(first.repairs))
        if first is last:
            value, repair = self._value(field, first)
        elif all(piece.kind == "text" for piece in pieces):
            start = first.value_start if first.key in self._fields else first.start
            value, repair = convert(field.form, plain(self._text[start : last.end]), is_text=True)
        else:
            value, repair = MISFIT, ""
        self._keep(field, value, repair, first.value, at)

    def _value(self, field: Field, piece: Piece) -> tuple[Any, str]:
        """What a field makes of a piece, and what of that was lenient."""
        if field.form == piece.kind == "text" and not piece.key:
            return piece.value, ""
        known = self._values.get((field.name, piece.start))
        if known is None:
            value = piece.value
            if piece.key and piece.key not in self._fields:
                value = plain(self._text[piece.start : piece.end])
            known = self._values[field.name, piece.start] = convert(field.form, value, is_text=piece.kind != "json")
        return known

    def _set(self, field: Field, value: Any, at: tuple[int, int]) -> None:
        self._keep(field, *convert(field.form, value, is_text=False), value, at)

    def _keep(self, field: Field, value: Any, repair: str, written: Any, at: tuple[int, int]) -> None:
        if value is MISFIT:
            raise self._wrong_type(field, written, at)
        if field.name in self._into.args:
            raise Wrong("repeated_field", f"'{field.name}' is given twice", at, "give it once", field=field.name)
        if repair:
            self._into.repairs[repair] = None
        if value is not None and value != "":
            self._into.args[field.name] = value
            self._into.spans[field.name] = at

    def _wrong_type(self, field: Field, written: Any, at: tuple[int, int], *, by_position: bool = False) -> Wrong:
        is_json = isinstance(written, dict | list)
        wanted, read = WANTED[field.form], "JSON" if is_json else f"'{str(written)[:40]}'"
        message = f"'{field.name}' is {wanted}, and {read} is written"
        fix = f"write {wanted}"
        if by_position and is_json:
            fix = f"a field before it may be missing: {':'.join(each.name for each in self._positional)}"
        elif by_position:
            fix += f"; {COLON}"
        return Wrong("wrong_type", message, at, fix, field=field.name, allowed=wanted)


class _Sharing:
    """Shares pieces out among the fields by position, in their order."""

    def __init__(
        self, reading: _Reading, layout: Layout, pieces: Sequence[Piece], prose: Sequence[bool] | None = None
    ) -> None:
        """With `prose`, colons count as what they are written as: as prose inside a text, else between fields."""
        self._reading = reading
        self._layout = layout
        self._pieces = pieces
        self._prose = prose
        self._known: dict[tuple[int, int], list[_Way]] = {}
        self._to_json = [-1]
        """From each piece on, how many pieces come before the next JSON; -1: there is none."""
        for piece in reversed(pieces):
            ahead = self._to_json[-1]
            self._to_json.append(0 if piece.kind == "json" else ahead + 1 if ahead >= 0 else -1)
        self._to_json.reverse()

    def ways(self, number: int, start: int) -> list[_Way]:
        """Ways for the fields and the pieces from these on: all of them, or some if there are more than one."""
        if start == len(self._pieces):
            return [()]
        if (number, start) in self._known:
            return self._known[number, start]
        found = self._known[number, start] = []
        if self._prose is not None and self._prose[start]:
            return found
        room, before_json = self._layout.room[number + 1], self._layout.room_before_json[number + 1]
        first = max(start + 1, len(self._pieces) - room)  # the fields after it have no room for more
        for stop in range(first, self._reach(number, start) + 1):
            if self._to_json[stop] > before_json:
                continue
            if self._reading.fits(self._pieces, (number, start, stop)):
                found += [((number, start, stop), *way) for way in self.ways(number + 1, stop)]
                if len(found) > 1:
                    break
        return found

    def _reach(self, number: int, start: int) -> int:
        """Up to where a field may take in pieces, when it starts with one of them."""
        pieces, stop = self._pieces, start + 1
        if self._layout.takes_in[number] and pieces[start].kind == "text":
            while stop < len(pieces) and pieces[stop].kind == "text" and (self._prose is None or self._prose[stop]):
                stop += 1
        return stop
