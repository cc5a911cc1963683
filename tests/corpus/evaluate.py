"""Judges how broken replies are repaired: `python -m tests.corpus.evaluate tuned|held|fresh|certain`.

An entry is right when its reply does at once what was meant, or is refused and does what was meant once each suggestion
of the note stands in the place of what it corrects; and, where nobody can know what was meant, when nothing happens
and no suggestion makes anything happen.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple, cast

from syncara import Documents, MultiStepProcessor
from syncara.commands import COMMANDS
from syncara.shortcodes.outcome import Reply
from syncara.stores.memory import MemoryStore
from syncara.testing.clock import FakeClock
from tests.corpus.entry import Entry, entries
from tests.corpus.traces import difference, traces

NOW = 1_882_915_200.0
"""The first of September 2029: the dates in the corpus lie ahead, and within a year."""
CHAT_ID = 7
NAMES_MAY_DIFFER = {
    "duplicate_step_name": frozenset({"name"}),
    "delay_longer_than_timeout": frozenset({"timeout"}),
}
"""What the README allows to differ, by class. A timeout that is too short would be refused."""
_LONG_AND_SHORT = ("MULTISTEP:STATUS", "MULTISTEP:PROGRESS")
"""Answered in one line within a sentence, and at length on a line of their own."""
_ID = re.compile(r"\b(?:wf|ex|st)_[0-9a-z]{16}\b")


class Outcome(StrEnum):
    AT_ONCE = "at once"
    REPAIRED = "repaired"
    LEFT = "left alone"
    """Nothing can be known, nothing happened, and nothing was made up."""
    NO_SUGGESTION = "no suggestion"
    WRONG_SUGGESTION = "wrong suggestion"
    WRONG_EXECUTION = "WRONG EXECUTION"


RIGHT = (Outcome.AT_ONCE, Outcome.REPAIRED, Outcome.LEFT)


class Verdict(NamedTuple):
    entry: Entry
    outcome: Outcome
    detail: str = ""

    @property
    def right(self) -> bool:
        return self.outcome in RIGHT


class Chat:
    """A chat in a fresh database. Nothing that is started in it goes on by itself."""

    def __init__(self) -> None:
        self._clock = FakeClock(NOW)
        self._bot = MultiStepProcessor(
            store=MemoryStore(),
            documents=cast(Documents, _NoDocuments()),
            clock=self._clock,
            announce=False,
            hands_off=True,
        )
        self._messages = 0

    async def say(self, text: str) -> Reply:
        self._messages += 1
        return await self._bot.process_reply(
            text, message_id=self._messages, language="en", chat_id=CHAT_ID, user_id=CHAT_ID
        )

    async def set_up(self, entry: Entry) -> None:
        for code in entry.setup:
            reply = await self.say(code)
            assert reply.ok, reply.note

    def traces(self) -> dict[str, Any]:
        return traces(self._bot, self._clock.now())

    async def close(self) -> None:
        await self._bot.stop()


class _NoDocuments:
    """Stands where the collections would be; no step runs, so none is asked for."""


async def judge(entry: Entry) -> Verdict:
    chat, other = Chat(), Chat()
    try:
        return await _judge(entry, chat, other)
    finally:
        await chat.close()
        await other.close()


async def _judge(entry: Entry, chat: Chat, other: Chat) -> Verdict:
    await chat.set_up(entry)
    await other.set_up(entry)
    before = chat.traces()
    if not entry.meant:
        return await _judge_unknowable(entry, chat, before)
    wanted = await other.say("\n".join(entry.meant))
    if not wanted.ok:
        return Verdict(entry, Outcome.NO_SUGGESTION, f"what was meant is refused: {wanted.note}")
    goal = {**other.traces(), "read": _read(wanted)}
    ignored = NAMES_MAY_DIFFER.get(entry.class_, frozenset())
    first = await chat.say(entry.text)
    if first.ok:
        missed = difference(goal, {**chat.traces(), "read": _read(first)}, ignored)
        if not missed:
            return Verdict(entry, Outcome.AT_ONCE)
        idle = chat.traces() == before and not first.outcomes
        return Verdict(entry, Outcome.NO_SUGGESTION if idle else Outcome.WRONG_EXECUTION, f"it ran: {missed}")
    text = corrected(entry.text, first)
    second = await chat.say(text)
    if second.ok:
        missed = difference(goal, {**chat.traces(), "read": _read(second)}, ignored)
        return Verdict(entry, Outcome.WRONG_SUGGESTION if missed else Outcome.REPAIRED, missed)
    silent = any(not problem.example for problem in first.errors)
    return Verdict(entry, Outcome.NO_SUGGESTION if silent else Outcome.WRONG_SUGGESTION, first.note or "")


async def _judge_unknowable(entry: Entry, chat: Chat, before: dict[str, Any]) -> Verdict:
    first = await chat.say(entry.text)
    if chat.traces() != before:
        return Verdict(entry, Outcome.WRONG_EXECUTION, "something ran")
    if not first.ok:
        await chat.say(corrected(entry.text, first))
        if chat.traces() != before:
            return Verdict(entry, Outcome.WRONG_SUGGESTION, first.note or "")
    return Verdict(entry, Outcome.LEFT)


def corrected(text: str, reply: Reply) -> str:
    """The text of a refused reply with each suggestion in the place of what it corrects."""
    suggestions = {(problem.replaces, problem.example) for problem in reply.errors if problem.example}
    for (start, end), example in sorted(suggestions, reverse=True):
        text = text[:start] + example + text[end:]
    return text


def _read(reply: Reply) -> list[list[str]]:
    """What the codes that only read were about, or what they answered: ids by the order of their appearance."""
    read = [each for each in reply.outcomes if COMMANDS[each.shortcode].kind == "reads"]
    answers = [(each.shortcode, each.id or "", "" if each.shortcode in _LONG_AND_SHORT else each.text) for each in read]
    found = list(dict.fromkeys(_ID.findall(" ".join(f"{id} {text}" for _, id, text in answers))))
    return [[_ID.sub(lambda id: f"#{found.index(id.group())}", part) for part in answer] for answer in answers]


async def judge_all(part: str) -> list[Verdict]:
    return [await judge(entry) for entry in entries(part)]


def table(verdicts: Sequence[Verdict]) -> str:
    """One line a class with the counts, and the figure of all."""
    by_class: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
    for verdict in verdicts:
        by_class[verdict.entry.class_][verdict.outcome] += 1
    heads = ["class", *Outcome]
    rows = [[name, *(str(counts[outcome] or "") for outcome in Outcome)] for name, counts in by_class.items()]
    total = Counter(verdict.outcome for verdict in verdicts)
    rows.append([f"all {len(verdicts)}", *(str(total[outcome] or "") for outcome in Outcome)])
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *rows]]
    return "\n".join([*lines, f"right: {share(verdicts):.1%}"])


def share(verdicts: Sequence[Verdict]) -> float:
    """How much of it is right."""
    return sum(verdict.right for verdict in verdicts) / len(verdicts)


def suggested_share(verdicts: Sequence[Verdict]) -> float:
    """How many of the replies that got suggestions do what was meant with them."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return counts[Outcome.REPAIRED] / (counts[Outcome.REPAIRED] + counts[Outcome.WRONG_SUGGESTION])


def main() -> None:
    parser = argparse.ArgumentParser(description="How broken replies are repaired")
    parser.add_argument("part", choices=["tuned", "held", "fresh", "certain"])
    parser.add_argument("--why", action="store_true", help="tell what became of each entry that is not right")
    asked = parser.parse_args()
    verdicts = asyncio.run(judge_all(asked.part))
    print(table(verdicts))
    for verdict in verdicts if asked.why else ():
        if not verdict.right:
            print(f"\n## {verdict.entry.id}: {verdict.outcome}\n{verdict.detail}")


if __name__ == "__main__":
    main()
