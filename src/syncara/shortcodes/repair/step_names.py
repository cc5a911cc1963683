"""Steps that a code refers to by another name than their own: a slip, a number, words around it, several at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from syncara.shortcodes.repair import words
from syncara.shortcodes.repair.words import plain

NAME_ALIKE = 0.75
CONTAINED_CHARS_MIN = 4
WRAPPING = " \t\"'“”‘’`{}[]<>()$%#@*?.!:"
"""What may stand around a name, and is no part of it."""
SEARCHED_MAX = 20
"""Among how many steps on each side a name is searched that is nearly the one written."""
_LOST = 3.0
"""The price of leaving out a number beyond the steps there are, beside others that are right."""

_NUMBER = re.compile(
    r"(?:the\s+)?(?:steps?|langkah|tahap|task|tugas|id|no\.?|nomor|s|dep|dependency|ke)?[\s_#.-]*(?:id|ke|no\.?)?[\s_#.-]*"
    r"0*(\d{1,4})(?:st|nd|rd|th)?[\s_-]*(?:id|step)?",
    re.IGNORECASE,
)
ALIAS = re.compile(r"step_?\d{1,6}(?:_id)?", re.IGNORECASE)
_AND = re.compile(r"^(?:and|dan|serta|&|\+)\s+", re.IGNORECASE)
_RANGE = re.compile(
    r"(?:steps?|langkah)?[\s_]*(\d{1,3})\s*(?:-|–|to|through|sampai|hingga|s/d)\s*(?:step|langkah)?[\s_]*(\d{1,3})",
    re.IGNORECASE,
)
_JOINT = re.compile(r"\s*(?:[,;&+|/:\n]|->|→|=>)\s*|\s+(?=step)", re.IGNORECASE)


class Reference(NamedTuple):
    """How something is referred to, and the price of having been guessed."""

    name: str
    price: float


def contained(written: str, names: Sequence[str]) -> str | None:
    """The only name that contains what was written, or is contained in it."""
    word = plain(written)
    found = {
        name
        for name in names
        for own in [plain(name)]
        if min(len(own), len(word)) >= CONTAINED_CHARS_MIN and (own in word or word in own)
    }
    return found.pop() if len(found) == 1 else None


class StepNames:
    """The names of the steps of a workflow, in their order."""

    def __init__(self, names: Sequence[str], *, complete: bool = True) -> None:
        """`complete`: there are no others, which could not be read."""
        self.order = list(names)
        self.complete = complete

    @cached_property
    def positions(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.order)}

    @cached_property
    def by_plain(self) -> dict[str, str]:
        return {plain(name): name for name in reversed(self.order)}

    def called(self, written: str) -> str | None:
        """The name of the step that was meant, wherever it stands."""
        if written in self.positions:
            return written
        bare = written.strip(WRAPPING)
        number = self.number(bare, len(self.order))
        if number is not None:
            return self.order[number] if 0 <= number < len(self.order) else None
        return self.alike(bare, len(self.order))

    def alike(self, bare: str, own: int) -> str | None:
        """The step with nearly that name; only among those around the position `own`, and not the one there."""
        same = self.by_plain.get(plain(bare))
        if same is not None:
            return same
        said = " ".join(word for word in words.parts(bare) if word not in words.words("steps", "called"))
        if said and plain(said) in self.by_plain:
            return self.by_plain[plain(said)]
        first = max(0, own - SEARCHED_MAX)
        around = [name for number, name in enumerate(self.order[first : own + SEARCHED_MAX], first) if number != own]
        found = words.nearest(said or bare, around, NAME_ALIKE) or contained(said or bare, around)
        return None if found is None or words.has_another_word(said or bare, found) else found

    @staticmethod
    def number(bare: str, own: int) -> int | None:
        """The position, from 0, of a step that goes by its number; `own`: that of the step which refers to it."""
        word = plain(bare)
        for position, said in enumerate(("first", "second", "third")):
            if word in words.words("steps", said):
                return position
        if word in words.words("steps", "before"):
            return own - 1
        found = _NUMBER.fullmatch(bare)
        return None if found is None else int(found[1]) - 1


class Dependencies:
    """What one step can wait for."""

    def __init__(self, names: StepNames, own: int, own_name: object = None) -> None:
        """`own`: the step's position."""
        self._names = names
        self._own = own
        self._own_name = plain(own_name) if isinstance(own_name, str) else ""

    def of(self, written: Sequence[str]) -> tuple[list[str], float] | None:
        """The steps that were meant, and the price of having been guessed; None when one of them cannot be told."""
        found: dict[str, None] = {}
        price, lost = 0.0, False
        for each in written:
            if not plain(each) or plain(each) in words.words("empty", "words"):
                price += 0.2
                continue
            if len(written) > 1 and self._is_itself(each):
                price += 1
                continue
            meant = self._several(each)
            if meant is not None:
                price += meant[1]
                found.update(dict.fromkeys(meant[0]))
            elif self._is_beyond(each):
                price, lost = price + _LOST, True
            else:
                return None
        return None if lost and not found else (list(found), price)

    def _several(self, written: str) -> tuple[list[str], float] | None:
        one = self._one(written)
        if one is not None:
            return [one.name] if one.name else [], one.price
        if plain(written) in words.words("steps", "every"):
            return self._names.order[: self._own], 0.5
        through = _RANGE.fullmatch(written.strip(WRAPPING))
        if through is not None and 0 < int(through[1]) < int(through[2]) <= self._own:
            return [f"step{number}_id" for number in range(int(through[1]), int(through[2]) + 1)], 0.5
        between = "|".join(words.words("steps", "and"))
        joined = re.sub(rf"\s(?:{between})\s", ",", written.strip(WRAPPING), flags=re.IGNORECASE)
        found = [self._one(part) for part in _JOINT.split(joined) if plain(part)]
        if len(found) < 2 or None in found:  # noqa: PLR2004 - two make several
            return None
        return [each.name for each in found if each and each.name], 0.5 + sum(each.price for each in found if each)

    def _one(self, written: str) -> Reference | None:
        """A step; an empty name when the first one waits for itself."""
        names, own = self._names, self._own
        if names.positions.get(written, own) != own:
            return Reference(written, 0)
        bare = _AND.sub("", written.strip(WRAPPING))
        number = names.number(bare, own)
        if number is None:
            found = names.alike(bare, own)
            return None if found is None else self._but_itself(names.positions[found], 0.4, found)
        exact = ALIAS.fullmatch(written) is not None
        if not names.complete:
            return Reference(written if exact else f"step{number + 1}_id", 0.0 if exact else 0.4)
        if not 0 <= number < max(len(names.order), own + 1):
            return Reference("step1_id", _LOST) if own == 1 and len(names.order) <= 2 else None  # noqa: PLR2004 - the only other one
        return self._but_itself(number, 0.0 if exact else 1.2 if bare.isdecimal() else 0.4)

    def _but_itself(self, number: int, price: float, name: str = "") -> Reference:
        """A step that waits for itself was meant to wait for the one before it."""
        if number != self._own:
            return Reference(name or f"step{number + 1}_id", price)
        if number == 0:
            return Reference("", 1)
        return Reference(self._names.order[number - 1] if name else f"step{number}_id", 1)

    def _is_itself(self, written: str) -> bool:
        number = self._names.number(written.strip(WRAPPING), self._own)
        return self._names.complete and (number == self._own or plain(written) == self._own_name)

    def _is_beyond(self, written: str) -> bool:
        number = self._names.number(written.strip(WRAPPING), self._own)
        return number is not None and number >= len(self._names.order)
