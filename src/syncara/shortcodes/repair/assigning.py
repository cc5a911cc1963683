"""Which of the things written in a code is which field: by label, by what each looks like, and by the order.

A code that strict reading cannot make sense of has a field too many, one left out, two in each other's places, or a
colon that belongs to a text. All of these are one question: which way to share the pieces out among the fields is the
least unlikely? Each thing that would have to be wrong has a price; the cheapest way is taken.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from syncara.commands.registry import Command, Field
from syncara.shortcodes.characters import COLONS
from syncara.shortcodes.repair import values, words
from syncara.shortcodes.repair.guesses import ALIASES, Guess, Guesser
from syncara.shortcodes.repair.step_names import ALIAS
from syncara.shortcodes.repair.words import field_of

PIECES_MAX = 24
TEXT_CHARS_MAX = 1_000
"""Of text outside of JSON; more of it is no field, but the rest of a reply."""
_LATEST = ("workflow", "execution")
"""What has an alias for the latest."""
PRICE_MAX = 12.0
"""What a way may cost at the most; dearer ones are guesses without ground."""

_NATURAL = 2.6
"""The price of a reading in the order of the fields that leaves no doubt."""
_SKIPPED = 2.0
_SKIPPED_JSON = 2.5
_SKIPPED_ALIAS = 2.2
"""For a workflow or run that is not named: the latest can be meant."""
_DROPPED = 5.0
_EMPTY = 1.0
"""For a field that has to be there, and was left empty; or for one that was left empty in another's place."""
_OUT_OF_ORDER = 1.5
_BY_NAME = 0.4
_LATER_BY_NAME = 0.01
"""For each field that goes by its name and comes before the one that is taken."""
_TRAILING = 3.0
"""For what follows all fields."""
_JOINED_NUMBER = 1.5
_JOINED = 1.6
_JOINED_IN_A_SENTENCE = 0.4
_JOINED_BY_FORM = {"json": 0.3, "names": 0.3, "moment": 0.1}
_LABEL = re.compile(r"\s*[\"'“*_]*([^\W\d][\w -]{0,30}?)[\"'”*_]*\s*(?:=>|=|:)\s*(.*)", re.DOTALL)
_QUOTED = re.compile(r"\s*([\"'“‘])([^\n]*)[\"'”’]\s*")
_ESCAPE = re.compile(r"\\([:\[\]\\])")
_ESCAPED_LABEL = re.compile(r"[^:=]*\\[:=]")


class Piece(NamedTuple):
    """Something written between separators. `value`: text, a list or an object; None: nothing."""

    start: int
    end: int
    value: Any
    label: str = ""
    """The key of `key={…}`."""


class Way(NamedTuple):
    price: float
    args: dict[str, Any]


def assign(command: Command, pieces: Sequence[Piece], text: str, guesser: Guesser) -> Way | None:
    """The fields of a command, or None when too much would have to be guessed. `text` is what the pieces are of."""
    too_long = any(isinstance(piece.value, str) and len(piece.value) > TEXT_CHARS_MAX for piece in pieces)
    if too_long or len(pieces) > PIECES_MAX:
        return None
    if command.kind == "acts" and not _is_certain(pieces):
        return None
    twice = [one.value == other.value and one.value in ALIASES for one, other in itertools.pairwise(pieces)]
    pieces = [piece for piece, again in zip(pieces, [False, *twice], strict=False) if not again]
    labelled, rest = _by_label(command, list(pieces), text, guesser)
    fields = [field for field in command.fields if field.name not in labelled]
    best = _in_order(fields, rest, text, guesser)
    if best is None or best.price > _NATURAL:
        ways = [way for way in (best, _by_looks(fields, rest, guesser)) if way is not None]
        best = min(ways, key=lambda way: way.price, default=None)
    if best is None or best.price > PRICE_MAX:
        return None
    found = {**best.args, **labelled}
    for field in command.fields:
        if field.required and field.name not in found and field.refers in _LATEST and command.kind != "acts":
            found[field.name] = f"{field.refers}_id"
    return Way(best.price, found)


def _is_certain(pieces: Sequence[Piece]) -> bool:
    """Whether what is written for something that acts can say one thing only: one name, or an alias with words behind.

    What stands beside a name may belong to it, and a number may name another one.
    """
    written = [piece.value for piece in pieces if piece.value is not None]
    others = [value for value in written if value not in ALIASES]
    spoken = all(isinstance(value, str) and not any(map(str.isnumeric, value)) for value in others)
    return len(written) == 1 or (bool(written) and written[0] in ALIASES and spoken)


# Labels.


def _by_label(command: Command, pieces: list[Piece], text: str, guesser: Guesser) -> tuple[dict[str, Any], list[Piece]]:
    """The fields that are written with their names; and the other pieces."""
    found: dict[str, Any] = {}
    rest: list[Piece] = []
    pieces = _with_labels_joined(command, pieces, text)
    for number, piece in enumerate(pieces):
        if isinstance(piece.value, dict) and not piece.label and _is_fields(command, piece.value, number, pieces):
            for name, value in fields_in(command, piece.value, guesser).items():
                _keep(found, field_of(command, name), value, guesser)
            continue
        label, written = _label(piece, text)
        named = _field_of(command, label, written, guesser)
        if named is None or named.name in found:
            rest.append(piece._replace(value={piece.label: piece.value}) if piece.label else piece)
        else:
            _keep(found, named, written, guesser)
    return found, rest


def _field_of(command: Command, label: str, written: Any, guesser: Guesser) -> Field | None:
    """The field that a label names; of several, the one that its value suits best."""
    meant = words.table("fields").get(words.plain(label), ())
    fields = [field for field in command.fields if field.name in meant]
    if len(fields) < 2 or label in {field.name for field in command.fields}:  # noqa: PLR2004 - nothing to choose from
        return field_of(command, label) if label else None
    guesses = [(guess.price, field) for field in fields if (guess := guesser.guess(field, written)) is not None]
    return min(guesses, key=lambda each: each[0], default=(0, fields[0]))[1]


def _label(piece: Piece, text: str) -> tuple[str, Any]:
    """The label of a piece, and what is written behind it; an empty label when there is none."""
    if piece.label or not isinstance(piece.value, str):
        return piece.label, piece.value
    if _ESCAPED_LABEL.match(text, piece.start, piece.end):
        return "", None
    found = _LABEL.fullmatch(piece.value)
    if found is None:
        return "", None
    quoted = _QUOTED.fullmatch(found[2])
    return found[1], found[2] if quoted is None else quoted[2]


def fields_in(
    command: Command, written: Mapping[str, Any], guesser: Guesser, also: Collection[str] = ()
) -> dict[str, Any]:
    """The fields in an object, by their names or other words; what is none belongs to the field that takes an object.

    `also`: what may stand in the object besides the fields, and stays as it is.
    """
    exact = {*(field.name for field in command.fields), *also}
    found = {key: value for key, value in written.items() if key in exact}
    others = {key: value for key, value in written.items() if key not in exact}
    for key in sorted(others, key=lambda key: guesser.handler(others[key]) is None):  # it tells what the params are
        field = field_of(command, key)
        if field is None or field.name in found or guesser.is_param(found.get("handler"), key):
            continue
        if field.refers != "handler" or guesser.handler(others[key]):
            found[field.name] = others.pop(key)
    takes = [field.name for field in command.positional if field.form == "json"]
    if others and len(takes) == 1 and isinstance(inner := found.get(takes[0], {}), dict):
        found[takes[0]] = {**inner, **others}
    return found


def _keep(found: dict[str, Any], field: Field | None, value: Any, guesser: Guesser) -> None:
    if field is None or field.name in found:
        return
    guess = guesser.guess(field, value, labelled=True)
    if guess is None:
        found[field.name] = value
    elif guess.value is not None:
        found[field.name] = guess.value


def _is_fields(command: Command, value: dict[str, Any], number: int, pieces: Sequence[Piece]) -> bool:
    """Whether an object holds fields of the command, and is not itself the value of one."""
    known = {field.name for key in value if (field := field_of(command, key)) is not None}
    takes_json = {field.name for field in command.positional if field.form == "json"}
    required = {field.name for field in command.fields if field.required and field.refers not in _LATEST}
    if takes_json and required and required <= value.keys():
        return True
    if not value or len(known) < len(value):
        return False
    if not takes_json or not value.keys().isdisjoint({*ALIASES, *takes_json}):
        return True
    options = {field.name for field in command.fields if field.named or field.name in ("timeout", "dependencies")}
    return number == len(pieces) - 1 and known <= options


def _with_labels_joined(command: Command, pieces: list[Piece], text: str) -> list[Piece]:
    """`name`, ` Tea`, `timeout`, ` 60` with the labels, which have become pieces of their own, at their values."""
    labels = [_lone_label(command, piece, text) for piece in pieces]
    places = [number for number, label in enumerate(labels[:-1]) if label and not labels[number + 1]]
    if len(places) < 2:  # noqa: PLR2004 - a single one may be a value
        return pieces
    joined = []
    for number, piece in enumerate(pieces):
        if number - 1 in places:
            joined.append(Piece(pieces[number - 1].start, piece.end, piece.value, labels[number - 1]))
        elif number not in places:
            joined.append(piece)
    return joined


def _lone_label(command: Command, piece: Piece, text: str) -> str:
    """The field that a piece names, when it may be a label and a colon follows it."""
    if not isinstance(piece.value, str) or piece.value in ALIASES or text[piece.end : piece.end + 1] not in COLONS:
        return ""
    field = field_of(command, piece.value, alike=0.9)
    return "" if field is None else field.name


# By the order, with fields left out and texts that take in what follows them.


def _in_order(fields: Sequence[Field], pieces: Sequence[Piece], text: str, guesser: Guesser) -> Way | None:
    @lru_cache(None)
    def best(number: int, start: int) -> tuple[float, tuple[tuple[str, Any], ...]]:
        """The cheapest way to share the pieces from `start` on out among the fields from `number` on."""
        if number == len(fields):
            return sum(_price_of_dropping(piece, _TRAILING) for piece in pieces[start:]), ()
        field = fields[number]
        written = start < len(pieces)
        if written and pieces[start].value is None:
            price, args = best(number + 1, start + 1)
            return price + (_EMPTY if field.required else 0), args
        price, args = best(number + 1, start)
        ways = [(price + _left_out(field, written=written), args)]
        if written:
            price, args = best(number, start + 1)
            ways.append((price + _price_of_dropping(pieces[start], _DROPPED), args))
        for stop, guess in _groups(field, pieces, start, text, guesser) if written else ():
            price, args = best(number + 1, stop)
            named = ((field.name, guess.value),) if guess.value is not None else ()
            ways.append((price + guess.price + (_BY_NAME if field.named else 0), named + args))
        return min(ways, key=lambda way: way[0])

    price, args = best(0, 0)
    return None if math.isinf(price) else Way(price, dict(args))


def _price_of_dropping(piece: Piece, price: float) -> float:
    """Of leaving out what was written; JSON and the names of steps were not written for nothing."""
    if piece.value is None:
        return 0
    if isinstance(piece.value, str) and values.recurs(piece.value):
        return math.inf
    is_kept = ALIAS.fullmatch(piece.value) if isinstance(piece.value, str) else piece.value
    return math.inf if is_kept else price


def _left_out(field: Field, *, written: bool = True) -> float:
    """The price of a field without a value; `written`: more was written after it."""
    if field.required:
        return _SKIPPED_ALIAS if field.refers in _LATEST else math.inf
    if field.named or not written:
        return _LATER_BY_NAME if written else 0
    return _SKIPPED_JSON if field.form == "json" else _SKIPPED


def _groups(
    field: Field, pieces: Sequence[Piece], start: int, text: str, guesser: Guesser
) -> Iterator[tuple[int, Guess]]:
    """What the field makes of the piece at `start`, alone and with those that follow it."""
    guess = guesser.guess(field, pieces[start].value)
    if guess is not None:
        yield start + 1, guess
    if not (field.form in ("names", "moment", "json") or (field.form == "text" and field.refers is None)):
        return
    extra, extra_of_text = 0.0, 0.0
    whole = slice(pieces[0].start, pieces[-1].end)
    for stop in range(start + 2, len(pieces) + 1):
        before, after = pieces[stop - 2], pieces[stop - 1]
        if not isinstance(after.value, str) and not (field.form == "json" and after.value is not None):
            return
        if not isinstance(before.value, str) and field.form != "json":
            return
        written = text[pieces[start].start : after.end]
        guess = _joined(field, written, pieces[start:stop], guesser)
        extra_of_text += _joint(before, after, text, guesser, whole)
        extra += _JOINED_BY_FORM.get(field.form, 0)
        if guess is not None:
            is_text = field.form == "text" or (field.form == "json" and isinstance(guess.value, str))
            yield stop, guess._replace(price=guess.price + (extra_of_text if is_text else extra))


def _joined(field: Field, written: str, pieces: Sequence[Piece], guesser: Guesser) -> Guess | None:
    """What the field makes of several pieces, which are `written` with what is between them."""
    if field.form == "json":
        return guesser.several(field, written)
    if field.form == "names":
        return guesser.names(written, [str(piece.value) for piece in pieces])
    return guesser.guess(field, _ESCAPE.sub(r"\1", written))


def _joint(before: Piece, after: Piece, text: str, guesser: Guesser, whole: slice) -> float:
    """The price of a colon that belongs to a text; who escapes such colons has escaped all of them."""
    if "\\:" in text[whole]:
        return math.inf
    price = _JOINED_IN_A_SENTENCE if text[before.end + 1 : before.end + 2].isspace() else _JOINED
    is_field = any(map(guesser.is_amount, (before.value, after.value))) or guesser.is_name(str(after.value))
    return price + (_JOINED_NUMBER if is_field else 0)


# By what each piece looks like, in whatever order.


def _by_looks(fields: Sequence[Field], pieces: Sequence[Piece], guesser: Guesser) -> Way | None:
    written = [piece for piece in pieces if piece.value is not None]
    guesses = [
        [
            (place, field, guess)
            for place, field in enumerate(fields)
            if (guess := guesser.guess(field, piece.value)) is not None and guess.price < _DROPPED
        ]
        for piece in written
    ]

    left_out = [(1 << place, price) for place, field in enumerate(fields) if (price := _left_out(field, written=False))]

    @lru_cache(None)
    def best(number: int, taken: int, last: int) -> tuple[float, tuple[tuple[str, Any], ...]]:
        guesser.take()
        if number == len(written):
            return sum(price for place, price in left_out if not taken & place), ()
        price, args = best(number + 1, taken, last)
        ways = [(price + _price_of_dropping(written[number], _DROPPED), args)]
        for place, field, guess in guesses[number]:
            if taken >> place & 1:
                continue
            price, args = best(number + 1, taken | 1 << place, place)
            price += guess.price + (_OUT_OF_ORDER if place < last else 0) + (_BY_NAME if field.named else 0)
            named = ((field.name, guess.value),) if guess.value is not None else ()
            ways.append((price, named + args))
        return min(ways, key=lambda way: way[0])

    price, args = best(0, 0, 0)
    names = [name for name, _ in args]
    price += sum(_SKIPPED for place, field in enumerate(fields) if not field.named and _is_gap(fields, place, names))
    return None if math.isinf(price) else Way(price, dict(args))


def _is_gap(fields: Sequence[Field], place: int, names: Sequence[str]) -> bool:
    """Whether a field is left out before another that is there."""
    later = {field.name for field in fields[place + 1 :] if not field.named}
    return fields[place].name not in names and not later.isdisjoint(names)
