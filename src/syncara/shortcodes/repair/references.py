"""What a code refers to by another name than its own: workflows, runs and steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from syncara.commands.draft import Sheet
from syncara.shortcodes.repair import words
from syncara.shortcodes.repair.known import Known
from syncara.shortcodes.repair.words import plain

NAME_ALIKE = 0.75
CONTAINED_CHARS_MIN = 4
_UNLIKE_AN_ID = 3.5
"""The price of taking words that look like no id for one."""

_WRAPPING = " \t\"'“”‘’`{}[]<>()$%#@*?.!:"
_NUMBERED = re.compile(
    r"(?:workflow|wf|flow|alur|w|execution|exec|run)?[\s_-]*(?:id)?[\s_#-]*0*(\d{1,3})(?:[\s_-]*id)?", re.IGNORECASE
)
_STEP_NUMBER = re.compile(
    r"(?:the\s+)?(?:steps?|langkah|tahap|task|tugas|id|no\.?|nomor|s|dep|dependency|ke)?[\s_#.-]*(?:id|ke|no\.?)?[\s_#.-]*"
    r"0*(\d{1,4})(?:st|nd|rd|th)?[\s_-]*(?:id|step)?",
    re.IGNORECASE,
)
_STEP_ALIAS = re.compile(r"step_?\d{1,6}(?:_id)?", re.IGNORECASE)
_AND = re.compile(r"^(?:and|dan|serta|&|\+)\s+", re.IGNORECASE)
_JOINT = re.compile(r"\s*(?:[,;&+|/:\n]|->|→|=>)\s*|\s+(?=step)", re.IGNORECASE)
_ID_LIKE = re.compile(r"[\w-]*\d[\w-]*|(?:wf|ex|flow|run|id)[_-]\w+", re.IGNORECASE)


class Reference(NamedTuple):
    """How something is referred to, and the price of having been guessed."""

    name: str
    price: float


class References:
    """For the code at one place of a reply. `added`: the name of the step that it adds."""

    def __init__(self, known: Known, place: int, added: object = None) -> None:
        self._known = known
        self._place = place
        self._before = [sheet for sheet in known.made if sheet.place < place]
        self._sheet = known.sheet(place) or (self._before[-1] if self._before else None)
        self._added = added
        self._is_sure = known.sheet(place) is not None
        """Whether all steps of the workflow are known."""
        self._listed: list[str] | None = None
        self._at: int | None = None

    def of_list(self, names: list[str]) -> References:
        """Among the steps of a list, which are not known elsewhere."""
        found = References(self._known, self._place)
        found._listed, found._at, found._is_sure = names, len(names), True  # noqa: SLF001 - another of its kind
        return found

    def at(self, position: int) -> References:
        """For the step at a position of that list."""
        found = self.of_list(self.names())
        found._at = position  # noqa: SLF001 - another of its kind
        return found

    # Workflows.

    def workflow(self, written: str) -> Reference | None:
        if written == "workflow_id":
            return Reference(written, 0)
        names = [*(sheet.name for sheet in self._before), *self._known.stored]
        if written in names or self._known.draft.desk.workflow(written, self._known.draft.chat.owner) is not None:
            return Reference(written, 0)
        bare = written.strip(_WRAPPING)
        if plain(bare) in words.words("aliases", "workflow_id"):
            return Reference("workflow_id", 0.2)
        return self._numbered(bare) or self._named(bare, names) or self._invented(written)

    def _numbered(self, bare: str) -> Reference | None:
        found = _NUMBERED.fullmatch(bare)
        if found is None or not 0 < int(found[1]) <= len(self._known.made):
            return None
        return Reference(self._call(self._known.made[int(found[1]) - 1]), 0.3)

    def _named(self, bare: str, names: Sequence[str]) -> Reference | None:
        found = words.nearest(bare, list(dict.fromkeys(names)), NAME_ALIKE) or _contained(bare, names)
        if found is None:
            return None
        made = next((sheet for sheet in reversed(self._before) if sheet.name == found), None)
        return Reference(found if made is None else self._call(made), 0.5)

    def _invented(self, written: str) -> Reference | None:
        """A name or id that nothing has: the reply's own workflow, or the only one of the chat."""
        price = 1.0 if _ID_LIKE.fullmatch(written.strip(_WRAPPING)) else _UNLIKE_AN_ID
        made = self._known.made
        if not made:
            return Reference("workflow_id", price) if len(self._known.stored) == 1 else None
        others = self._known.unknown_workflows
        target = made[0]
        if len(made) > 1:
            if written not in others:
                return None
            number = list(others).index(written)
            in_turn = len(others) == len(made)
            before = [sheet for sheet in made if sheet.place < others[written]]
            target = made[number] if in_turn else (before or made)[-1]
        return Reference(self._call(target), price)

    def _call(self, sheet: Sheet) -> str:
        """How the code refers to a workflow that the reply makes."""
        nearest = self._before[-1] if self._before else None
        return "workflow_id" if sheet is nearest or len(self._known.made) == 1 else sheet.name

    # Runs.

    def execution(self, written: str) -> Reference | None:
        if written == "execution_id":
            return Reference(written, 0)
        runs = self._known.runs
        if any(written == execution_id for execution_id, _, _ in runs):
            return Reference(written, 0)
        bare = written.strip(_WRAPPING)
        if plain(bare) in words.words("aliases", "execution_id"):
            return Reference("execution_id", 0.2)
        started = [start.sheet.name for start in self._known.draft.starts if start.place < self._place]
        names = [*started, *(name for _, name, _ in runs)]
        named = words.nearest(bare, list(dict.fromkeys(names)), NAME_ALIKE) or _contained(bare, names)
        if named is not None and started:
            return Reference("execution_id", 0.5) if started[-1] == named else None
        if named is not None:
            latest = next(number for number, name in enumerate(names) if name == named)
            return Reference(runs[latest][0] if latest else "execution_id", 0.5)
        return self._invented_run(bare, len(started))

    def _invented_run(self, bare: str, started: int) -> Reference | None:
        price = 1.0 if _ID_LIKE.fullmatch(bare) else _UNLIKE_AN_ID
        if started:
            return Reference("execution_id", price) if started == 1 else None
        runs = self._known.runs
        if len(runs) == 1 or (runs and all(status in _ENDED for _, _, status in runs[1:])):
            return Reference("execution_id", price)
        return None

    # Steps.

    def dependencies(self, written: Sequence[str]) -> tuple[list[str], float] | None:
        """The steps that were meant; None when one of them cannot be told."""
        found: dict[str, None] = {}
        price, lost = 0.0, 0
        for each in written:
            if plain(each) in words.words("empty", "words") or not plain(each):
                price += 0.2
                continue
            if len(written) > 1 and self._is_itself(each):
                price += 1
                continue
            meant = self._several(each)
            if meant is None and self._is_beyond(each):
                lost += 1
                continue
            if meant is None:
                return None
            price += meant[1]
            found.update(dict.fromkeys(meant[0]))
        if lost and not found:
            return None
        return list(found), price + 3 * lost

    def _several(self, written: str) -> tuple[list[str], float] | None:
        one = self.step(written)
        if one is not None:
            return [one.name] if one.name else [], one.price
        if plain(written) in words.words("steps", "every"):
            return self._steps()[: self._position()], 0.5
        joined = re.sub(
            r"\s(?:%s)\s" % "|".join(words.words("steps", "and")), ",", written.strip(_WRAPPING), flags=re.IGNORECASE
        )
        parts = [part for part in _JOINT.split(joined) if plain(part)]
        if len(parts) < 2:  # noqa: PLR2004 - two make several
            return None
        found = [self.step(part) for part in parts]
        if not all(found):
            return None
        return [each.name for each in found if each and each.name], 0.5 + sum(each.price for each in found if each)

    def step(self, written: str) -> Reference | None:
        """A step of the workflow that the code is about; an empty name when the first one waits for itself."""
        steps, own = self._steps(), self._position()
        if written in steps and (written != self._added or steps.index(written) != own):
            return Reference(written, 0)
        bare = _AND.sub("", written.strip(_WRAPPING))
        number = self._number(bare)
        if number is not None:
            exact = _STEP_ALIAS.fullmatch(written) is not None
            if not self._is_sure:
                return Reference(written if exact else f"step{number + 1}_id", 0.0 if exact else 0.4)
            if not 0 <= number < max(len(steps), own + 1):
                return None
            price = 0.0 if exact else 1.2 if bare.isdigit() else 0.4
            return self._unless_itself(number, price)
        return self._by_name(bare, steps, own)

    def _by_name(self, bare: str, steps: Sequence[str], own: int) -> Reference | None:
        same = next((name for name in steps if plain(name) == plain(bare)), None)
        if same is None:
            said = " ".join(word for word in words.parts(bare) if word not in words.words("steps", "called"))
            same = next((name for name in steps if said and plain(name) == plain(said)), None)
            others = [name for number, name in enumerate(steps) if number != own]
            same = same or words.nearest(said or bare, others, NAME_ALIKE) or _contained(said or bare, others)
        if same is None:
            return None
        return self._unless_itself(steps.index(same), 0.4, same) if own >= 0 else Reference(same, 0.4)

    def _unless_itself(self, number: int, price: float, name: str = "") -> Reference:
        """A step that waits for itself was meant to wait for the one before it."""
        if number != self._position():
            return Reference(name or f"step{number + 1}_id", price)
        if number == 0:
            return Reference("", 1)
        return Reference(self._steps()[number - 1] if name else f"step{number}_id", 1)

    def _number(self, bare: str) -> int | None:
        """The place, from 0, of a step that goes by its number."""
        word = plain(bare)
        for place, said in enumerate(("first", "second", "third")):
            if word in words.words("steps", said):
                return place
        if word in words.words("steps", "before"):
            return self._position() - 1
        found = _STEP_NUMBER.fullmatch(bare)
        return None if found is None else int(found[1]) - 1

    def _is_itself(self, written: str) -> bool:
        """Whether the step waits for itself, by its name or number."""
        number = self._number(written.strip(_WRAPPING))
        return self._is_sure and (number == self._position() or plain(written) == plain(str(self._added)))

    def _is_beyond(self, written: str) -> bool:
        """Whether a number is beyond the steps that there are."""
        number = self._number(written.strip(_WRAPPING))
        return number is not None and number >= len(self._steps())

    def names(self) -> list[str]:
        """The steps that there are, in their order."""
        return self._steps()

    def name(self, written: str) -> str | None:
        """The name of the step that was meant."""
        if written in self._steps():
            return written
        number = self._number(written.strip(_WRAPPING))
        if number is not None:
            return self._steps()[number] if 0 <= number < len(self._steps()) else None
        found = self._by_name(written.strip(_WRAPPING), self._steps(), -1)
        return None if found is None else found.name

    def _steps(self) -> list[str]:
        if self._listed is not None:
            return self._listed
        return [] if self._sheet is None else [step.name for step in self._sheet.steps]

    def _position(self) -> int:
        return self._known.position(self._place, self._added) if self._at is None else self._at


_ENDED = ("completed", "completed_with_errors", "failed", "cancelled")


def _contained(written: str, names: Sequence[str]) -> str | None:
    """The only name that contains what was written, or is contained in it."""
    word = plain(written)
    found = {
        name
        for name in names
        for own in [plain(name)]
        if min(len(own), len(word)) >= CONTAINED_CHARS_MIN and (own in word or word in own)
    }
    return found.pop() if len(found) == 1 else None
