"""What came of a reply is told to its model in a few lines."""

from __future__ import annotations

import re
from pathlib import Path

from syncara import MultiStepProcessor
from syncara.shortcodes.observation import ANSWER_CHARS_MAX, CHARS_MAX, observe
from syncara.shortcodes.outcome import Outcome, Reply

TEA = """\
I make tea.

[MULTISTEP:CREATE_WORKFLOW:Tea for two:Makes tea for Ana and Budi:600:2]
[MULTISTEP:ADD_STEP:workflow_id:Boil water:log:{"message":"boiling"}]
[MULTISTEP:ADD_STEP:workflow_id:Pour it:log:{"message":"pouring"}:Boil water:60]
[MULTISTEP:EXECUTE:workflow_id:{"guest":"Ana"}]

See [MULTISTEP:STATUS:execution_id].
"""


async def observed(folder: Path, text: str) -> tuple[Reply, str]:
    async with MultiStepProcessor(folder / "syncara.db") as bot:
        reply = await bot.process_reply(text, chat_id=5)
        return reply, observe(reply)


async def test_each_code_is_a_line_with_what_it_made(tmp_path: Path) -> None:
    """Its name, its answer, and the id, once; a reply of five codes takes no more than 600 characters."""
    reply, text = await observed(tmp_path, TEA)
    lines = text.splitlines()

    assert 600 >= len(text)
    assert ["CREATE_WORKFLOW", "ADD_STEP", "ADD_STEP", "EXECUTE", "STATUS"] == [
        line.partition(":")[0] for line in lines
    ]
    assert [outcome.id for outcome in reply.outcomes] == [line.rpartition(" ")[2] for line in lines]
    assert [1] * len(lines) == [
        line.count(str(outcome.id)) for line, outcome in zip(lines, reply.outcomes, strict=True)
    ]
    assert "Tea for two · running" in lines[-1]


async def test_what_was_asked_for_is_told_as_a_whole(tmp_path: Path) -> None:
    """The answer of a code that looks may have several lines; its id is on the first where it has none."""
    _, text = await observed(tmp_path, TEA.replace("See [MULTISTEP:STATUS:execution_id].", "[MULTISTEP:SHOW]"))
    shown = text.partition("\nSHOW: ")[2].splitlines()

    assert "wf_" in shown[0]
    assert ["Boil water", "Pour it"] == [
        name for name in ("Boil water", "Pour it") if any(name in s for s in shown[1:])
    ]


async def test_what_was_repaired_is_told(tmp_path: Path) -> None:
    """The model learns it, with each code; the chat does not read it."""
    reply, text = await observed(tmp_path, TEA.replace('{"message":"boiling"}', "{'message': 'boiling',}"))

    assert "\nADD_STEP (repaired: single quotes instead of double ones, a trailing comma): ➕" in text
    assert ["repaired"] == re.findall("repaired", text)
    assert "repaired" not in reply.text


async def test_of_a_refused_reply_the_note_is_told(tmp_path: Path) -> None:
    """It says what is wrong, and that nothing was done."""
    reply, text = await observed(tmp_path, TEA.replace(":log:", ":lgo:"))

    assert not reply.ok
    assert reply.note == text


async def test_nothing_is_told_of_a_reply_without_codes(tmp_path: Path) -> None:
    """There is nothing that its author does not know."""
    assert "" == (await observed(tmp_path, "Good morning!"))[1]


def test_an_observation_is_bounded() -> None:
    """A long answer is cut, and what does not fit is counted."""
    long = Outcome("MULTISTEP:STATUS", True, "ex_1", "x" * (ANSWER_CHARS_MAX + 1))
    line = "STATUS: " + "x" * (ANSWER_CHARS_MAX - 1) + "…"
    text = observe(Reply(True, "", (long,) * 1_000))

    assert line == observe(Reply(True, "", (long,)))
    assert CHARS_MAX >= len(text)
    assert [line, line, line, "… and 997 more."] == text.splitlines()
