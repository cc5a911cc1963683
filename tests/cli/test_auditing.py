"""audit show and audit verify: what an operator sees of the audit, and what is found when somebody changed it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor
from syncara.policy import audit
from syncara.stores.sqlite import SqliteStore
from tests.cli.support import Command, document, syncara

STEPS = [{"name": "Send", "handler": "send_message", "params": {"text": "Hello"}}]
REPLY = f"[MULTISTEP:QUICK_WORKFLOW:Greet:{json.dumps(STEPS)}]"


@pytest.fixture
def audited(tmp_path: Path) -> str:
    """A database, `syncara.db`, with an audit of five entries; returns the id of the run."""

    async def make() -> str:
        async with MultiStepProcessor(tmp_path / "syncara.db", announce=False) as processor:
            reply = await processor.process_reply(REPLY, chat_id=7, user_id=7, message_id=31)
            await processor.wait(reply.execution_ids[0])
            await processor.process_reply("[MULTISTEP:PAUSE:nothing]", chat_id=7)
            return reply.execution_ids[0]

    return asyncio.run(make())


def change(folder: Path, sql: str) -> None:
    """Do something to the records behind the engine's back."""
    with closing(sqlite3.connect(folder / "syncara.db")) as file, file:
        assert file.execute(sql).rowcount


def test_the_entries_are_shown_in_their_order(audited: str, command: Command) -> None:
    """One line each: number, time, and what it was."""
    done = command("audit", "show")
    lines = done.out.splitlines()

    assert 0 == done.code
    assert ["1", "2", "3", "4", "5"] == [line.split()[0] for line in lines]
    assert lines[0].endswith(f"of the ai in chat 7, user 7, message 31 carried out: MULTISTEP:QUICK_WORKFLOW {audited}")
    assert f" for {audited}: allow, because " in lines[1]
    assert lines[2].endswith(f"{audited} 'Send' attempt 1 began: send_message send 7")
    assert lines[3].endswith(f"{audited} 'Send' attempt 1 succeeded: send_message send 7")
    assert lines[4].endswith("of the ai in chat 7 refused (not_found): MULTISTEP:PAUSE")


def test_scripts_get_everything(audited: str, command: Command) -> None:
    """The newest entries with `--limit`, each with its hash and that of the one before."""
    whole = command("audit", "show", "--json").json()["entries"]
    newest = command("audit", "show", "--json", "--limit", "2").json()["entries"]

    assert whole[3:] == newest
    assert [entry["hash"] for entry in whole[:-1]] == [entry["prev"] for entry in whole[1:]]
    assert ["reply", "plan", "effect", "effect", "reply"] == [entry["entry"]["kind"] for entry in whole]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            audit.PlanJudged("ex_1", "wf_1", "ab" * 32, 7, 7, "deny", "a line"),
            "plan abababababab for ex_1: deny, because a line",
        ),
        (
            audit.PlanJudged("", "wf_1", "ab" * 32, 7, 7, "deny", "a line"),
            "plan abababababab for no run: deny, because a line",
        ),
        (
            audit.ApprovalAnswered("ap_1", "ex_1", "ab" * 32, "approved", "Ana"),
            "approval ap_1 of plan abababababab for ex_1: approved by 'Ana'",
        ),
        (
            audit.AnswerRefused("ap_1", "ex_1", "refuse", None, "not_allowed"),
            "approval ap_1 for ex_1: None tried to refuse it (not_allowed)",
        ),
        (audit.Steered("ex_1", "expired"), "ex_1 expired"),
        (
            audit.Effect("ex_1", 7, "A\x1b[2J", "work", "", "work", "ex_1:st", 2, "failed", "timeout"),
            "ex_1 'A [2J' attempt 2 failed (timeout): work work",
        ),
        (audit.Steered("ex_1", "answered", "retry"), "ex_1 answered: retry"),
        (
            audit.ReplyTaken("developer", None, None, None, "", ok=True, commands=()),
            "command of the developer in no chat carried out: ",
        ),
        (
            audit.ReplyTaken(
                "developer",
                7,
                "ana",
                None,
                "",
                ok=True,
                commands=(audit.Command("pause_execution", ok=True, id="ex_1"),),
            ),
            "command of the developer in chat 7, user 'ana' carried out: pause_execution ex_1",
        ),
    ],
)
def test_each_kind_of_entry_is_said(tmp_path: Path, command: Command, entry: audit.Entry, said: str) -> None:
    """In a line without control characters."""
    records = [audit.seal(audit.unsealed(1.0, entry), audit.START)]
    with closing(SqliteStore(tmp_path / "syncara.db")) as store:
        store.acquire()
        store.append([], lambda error: None, inline=True, changes=records)

    assert command("audit", "show").out.rstrip("\n").endswith(said)


def test_a_whole_audit_is_verified_and_its_head_told(audited: str, command: Command) -> None:
    """People are told what that does not show, and what does."""
    done, scripted = command("audit", "verify"), command("audit", "verify", "--json").json()["audit"]
    noted = command("audit", "verify", "--head", scripted["head"])

    assert (0, 5, None) == (done.code, scripted["entries"], scripted["broken"])
    assert f"5 entries are as they were written.\nThe last has the hash {scripted['head']}\n" == done.out
    assert "cut off at the end, or all made anew" in done.err
    assert (0, done.out, "") == noted


OTHER_CHAT = """
    UPDATE records SET body = CAST(replace(CAST(body AS TEXT), '"address":7', '"address":8') AS BLOB)
    WHERE key LIKE '%3'
"""


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        (OTHER_CHAT, ("entry_changed", "entry 3")),
        ("UPDATE records SET at = at + 1 WHERE key LIKE '%4'", ("entry_changed", "entry 4")),
        ("UPDATE records SET key = '0000000000000009' WHERE key LIKE '%5'", ("entry_missing", "entry 5")),
        ("DELETE FROM records WHERE key LIKE '%1'", ("entry_missing", "entry 1")),
    ],
    ids=["content", "time", "number", "deleted"],
)
def test_the_first_broken_entry_is_named(
    audited: str, command: Command, tmp_path: Path, sql: str, broken: tuple[str, str]
) -> None:
    """The exit code is 1."""
    change(tmp_path, f"{sql} AND kind = 'audit'")
    done = command("audit", "verify", "--json")
    found = done.json()["audit"]["broken"]

    assert (1, *broken) == (done.code, found["code"], found["where"])
    assert f"✗ {broken[1]}: " in command("audit", "verify").out


def test_an_entry_that_cannot_be_read_hides_no_other(audited: str, command: Command, tmp_path: Path) -> None:
    """It keeps its line."""
    change(tmp_path, "UPDATE records SET body = x'ff' WHERE kind = 'audit' AND key LIKE '%3'")
    done = command("audit", "show")

    assert 0 == done.code
    assert [False, False, True, False, False] == ["cannot be read" in line for line in done.out.splitlines()]


def test_entries_cut_off_at_the_end_show_against_a_noted_head(audited: str, command: Command, tmp_path: Path) -> None:
    """Without it the chain looks whole."""
    head = command("audit", "verify", "--json").json()["audit"]["head"]
    change(tmp_path, "DELETE FROM records WHERE kind = 'audit' AND key LIKE '%5'")
    noted = command("audit", "verify", "--head", head, "--json")

    assert (0, 1) == (command("audit", "verify").code, noted.code)
    assert "head_missing" == noted.json()["audit"]["broken"]["code"]


def test_where_there_is_nothing_yet_the_audit_is_empty(command: Command, tmp_path: Path) -> None:
    """And whole."""
    MultiStepProcessor(tmp_path / "syncara.db").create_workflow("Tea")

    assert "The audit is empty.\n" == command("audit", "show").out
    assert (0, "0 entries are as they were written.\n") == command("audit", "verify")[:2]


@pytest.mark.parametrize("name", ["show", "verify"])
def test_without_a_database_none_is_made(command: Command, tmp_path: Path, name: str) -> None:
    """It is the error that all commands share."""
    done = command("audit", name, "--json")

    assert (4, "no_database") == (done.code, done.json()["error"]["code"])
    assert [] == list(tmp_path.iterdir())


async def test_both_work_beside_the_process_that_runs_the_database(tmp_path: Path) -> None:
    """They see what is committed, and change nothing."""

    async def say(*arguments: str) -> Any:
        return document(await asyncio.to_thread(syncara, *arguments, "--json", cwd=tmp_path))

    async with MultiStepProcessor(tmp_path / "syncara.db", announce=False) as processor:
        for number in range(3):
            await processor.process_reply("[MULTISTEP:PAUSE:nothing]", chat_id=7, message_id=number)

            assert number + 1 == (await say("audit", "verify"))["audit"]["entries"]
            assert number == (await say("audit", "show"))["entries"][-1]["entry"]["message_id"]
