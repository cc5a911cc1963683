"""What a field could make of what was written for it, and how far that is from what was written."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from syncara.commands.registry import Field, Kind
from syncara.shortcodes.bind import choices, plain_type
from syncara.shortcodes.repair import values, words
from syncara.shortcodes.repair.known import Known
from syncara.shortcodes.repair.loose_json import Hopeless, pairs, read_loose
from syncara.shortcodes.repair.references import UNKNOWN, References
from syncara.shortcodes.repair.step_names import ALIAS, Reference
from syncara.shortcodes.repair.words import plain

_DIGITS = re.compile(r"[+-]?\d+(?:\.\d{1,2}|\.\d{4,})?")
_BRACKETS = re.compile(r"[\[\]{}]")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[a-z]{2,20}")
_QUOTES = "\"'“”‘’"
ALIASES = ("workflow_id", "execution_id", "message_id")
_COMPARES = re.compile(r"[<>=]=?|\b(?:context|steps)[.\[]")
_ASSIGNED = re.compile(r"\w+\s*=")
_MEMBER = re.compile(r"[\"'“]\w+[\"'”]\s*[:=]\s*[\"'“{\[\d]")
_WITHOUT_ITS_NAME = 5
_A_GUESS = 10
"""What a guess costs; a way to share pieces out costs 1."""
_CHARS_A_TRY = 5
_LIST_END = re.compile(r"[,;|\n]")


class Guess(NamedTuple):
    price: float
    """0: it is what was written."""
    value: Any
    """None: the field is left out."""


class Guesser:
    """For the code at one place of a reply."""

    def __init__(self, known: Known, place: int, kind: Kind, name: object) -> None:
        """`kind`: of the command. `name`: of the step that the code adds."""
        self._known = known
        self._place = place
        self._references = References(known, place, kind)
        self._dependencies = known.dependencies(place, name)
        self._guesses: dict[tuple[str, str, bool], Guess | None] = {}
        self.take = known.work.take

    def guess(self, field: Field, written: Any, *, labelled: bool = False) -> Guess | None:
        """`labelled`: the name of the field stands before it."""
        if written is None:
            return None
        if isinstance(written, dict | list):
            return self._from_json(field, written)
        if isinstance(written, int | float):
            written = str(written).lower() if isinstance(written, bool) else str(values.whole(written))
        asked = (field.name, written.strip(), labelled)
        if asked not in self._guesses:
            self.take(_A_GUESS + len(written) // _CHARS_A_TRY)
            self._guesses[asked] = self._from_text(field, asked[1], labelled=labelled)
        return self._guesses[asked]

    def _from_json(self, field: Field, written: Any) -> Guess | None:
        if field.form == "names":
            if isinstance(written, dict) and len(written) == 1:
                written = next(iter(written.values()))
            if not isinstance(written, list) or not all(isinstance(each, str | int) for each in written):
                return None
            return self._names(list(map(str, written)), 0)
        if field.form == "moment" and isinstance(written, dict):
            return self._from_text(field, " ".join(f"{amount} {unit}" for unit, amount in written.items()))
        return self._from_other_json(field, written) if field.form == "json" else None

    @staticmethod
    def _from_other_json(field: Field, written: Any) -> Guess | None:
        """A list where an object belongs, or the other way round."""
        kind = plain_type(field.type)
        if isinstance(written, kind):
            return Guess(0, written)
        if kind is list:
            inner = list(written.values())
            if len(inner) == 1 and isinstance(inner[0], list):
                return Guess(1, inner[0])
            if not all(isinstance(each, dict) for each in inner):
                return Guess(3, [written])
            named = [{"name": name, **each} for name, each in written.items()]
            return Guess(2, named if field.name == "steps" else inner)
        only = written[0] if len(written) == 1 else None
        is_meant = isinstance(only, dict) or (isinstance(only, str) and field.name == "params")
        return Guess(2, only) if is_meant else None

    def _from_text(self, field: Field, written: str, *, labelled: bool = False) -> Guess | None:
        if not written:
            return None
        options = choices(field.type)
        alike = words.ALIKE if labelled or " " not in written else 1.0
        meant = words.meaning("values", written, options, alike=alike) if options else None
        if meant is not None:
            return Guess(0 if meant == written else 0.3, meant)
        if not field.required and self._is_word_for_empty(field, written):
            return Guess(0.2, None)
        if options:
            return None
        match field.form:
            case "integer" | "number":
                return self._number(field, written)
            case "flag":
                meant_flag = values.flag(written)
                return None if meant_flag is None else Guess(0, meant_flag)
            case "moment":
                moment = values.moment(written)
                return Guess(4, written) if moment is None else Guess(0, moment)
            case "names":
                return self._names(written.split(","), 0)
            case "json":
                return self.several(field, written)
            case "text" if field.refers is not None:
                return self._reference(field, written)
            case _:
                return self._text(field, written)

    def _text(self, field: Field, written: str) -> Guess | None:
        """Free text; what goes by its name is hardly written without it."""
        if written in ALIASES or ALIAS.fullmatch(written):
            return None  # it stands for something else
        if field.named and not (field.name == "condition" and _COMPARES.search(written)):
            return Guess(_WITHOUT_ITS_NAME, written)
        return Guess(self._price_of_text(written), written)

    @staticmethod
    def _is_word_for_empty(field: Field, written: str) -> bool:
        every = field.name == "status" and plain(written) in words.words("empty", "all")
        return every or words.is_nothing(written)

    @staticmethod
    def _number(field: Field, written: str) -> Guess | None:
        value = None if ALIAS.fullmatch(written) else values.number(written)
        if value is None:
            return None
        found = values.whole(value)
        try:
            msgspec.convert(found, field.type)
        except msgspec.ValidationError:
            return None
        return Guess(0 if _DIGITS.fullmatch(written) else 0.3, found)

    @staticmethod
    def is_amount(written: Any) -> bool:
        """Whether a text is but a number, with a unit or without."""
        return isinstance(written, str) and values.number(written) is not None

    def handler(self, written: Any) -> str | None:
        """The handler that was meant."""
        return self._known.handler(written) if isinstance(written, str) else None

    def is_param(self, handler: Any, key: str) -> bool:
        """Whether a handler takes a param of that name."""
        return key in (self._known.params(self.handler(handler) or "") or {})

    def is_name(self, written: str) -> bool:
        """Whether a text is the name of something that fields refer to."""
        return written in self._known.handlers or written in ALIASES or ALIAS.fullmatch(written) is not None

    def names(self, written: str, parts: list[str]) -> Guess | None:
        """One name with colons in it, where there is a step of that name; several names."""
        whole = self._known.steps(self._place).by_plain.get(plain(written))
        return self._names(parts, 0) if whole is None else Guess(0, [whole])

    def _names(self, written: list[str], price: float) -> Guess | None:
        meant = self._dependencies.of(written)
        if meant is not None:
            return Guess(price + meant[1], meant[0] or None)
        numeric = any(each.strip().isdecimal() or values.number(each) is not None for each in written)
        return Guess(price + (6 if numeric else 2.5), [each.strip() for each in written if each.strip()])

    def several(self, field: Field, written: str) -> Guess | None:
        """JSON in text: quoted, as pairs of keys and values, or several objects in a row."""
        kind = plain_type(field.type)
        found = self.json_in(written)
        if isinstance(found, dict | list):
            guess = self._from_json(field, found)
            return None if guess is None else guess._replace(price=guess.price + 0.3)
        if kind is list:
            row = self.json_in(f"[{written}]") if written.startswith("{") else None
            if isinstance(row, list) and row and all(isinstance(each, dict) for each in row):
                return Guess(0.5, row)
            listed = [each.strip().strip(_QUOTES) for each in _LIST_END.split(written) if each.strip()]
            return Guess(3.5, listed) if len(listed) > 1 and not _BRACKETS.search(written) else None
        if _MEMBER.match(written) and isinstance(braced := self.json_in(f"{{{written}"), dict):
            return Guess(0.5, braced)
        paired = pairs(written)
        if paired is not None and (all(map(_is_param, paired)) or _ASSIGNED.match(written)):
            return Guess(1, paired)
        return Guess(3, written.strip(_QUOTES)) if field.name == "params" and written[0] not in "{[" else None

    @staticmethod
    def json_in(written: str) -> Any:
        """What a text says as JSON; the text itself when it says none."""
        text = written.strip()
        if text[:1] not in ("{", "["):
            return written
        try:
            loose = read_loose(text, 0)
        except Hopeless:
            return written
        return written if text[loose.end :].strip(" \t]})") else loose.value

    def _reference(self, field: Field, written: str) -> Guess | None:
        known = self._known
        match field.refers:
            case "workflow" | "execution":
                resolve = self._references.workflow if field.refers == "workflow" else self._references.execution
                meant = resolve(written) or Reference(written, UNKNOWN)
                unlikely = written in known.handlers or values.number(written) is not None
                return Guess(3 if unlikely else meant.price, meant.name)
            case "handler":
                handler = known.handler(written)
                if handler is not None:
                    return Guess(0 if handler == written else 0.5, written)
                return Guess(1.5 if _IDENTIFIER.fullmatch(written) else 4, written)
            case "template":
                template = known.template(written)
                return Guess(3, written) if template is None else Guess(0 if template == written else 0.5, template)
            case _:
                return Guess(0.5 if written.isdecimal() else 1, written)

    def _price_of_text(self, written: str) -> float:
        if values.number(written) is not None:
            return 3
        return 2.5 if written in self._known.handlers else 1


def _is_param(word: str) -> bool:
    """Whether handlers have a param of that name, or of what the word stands for."""
    return plain(word) in words.table("params")
