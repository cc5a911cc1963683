"""approvals, approve, refuse: alone with the database, beside a bot that runs it, and when that bot dies."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from syncara import Approval, MultiStepProcessor
from syncara.doors.cli import approving
from syncara.policy.approvals import ANSWER
from syncara.stores.sqlite import SqliteStore
from syncara.testing import FakeClock
from tests.cli.programs.waiting import WRITE
from tests.cli.support import HANG_S, Command, Terminal, clean, document, finished, read_until, running, syncara
from tests.docs.pages import fences
from tests.docs.run_page import run as run_page
from tests.processes import under_way

PROGRAM = Path(__file__).with_name("programs") / "waiting.py"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "approvals.md"


class Waiting(NamedTuple):
    """A run that waits for its approval, in `syncara.db` of a folder."""

    folder: Path
    approval: Approval

    @property
    def id(self) -> str:
        return self.approval.id

    @property
    def run(self) -> str:
        return self.approval.execution_id

    def now(self) -> tuple[str, str]:
        """How the approval and its run stand."""
        processor = MultiStepProcessor(self.folder / "syncara.db", read_only=True)
        found = processor.get_approval(self.id).status, str(processor.get_execution(self.run).status)
        processor.close()
        return found

    def files(self) -> list[str]:
        return [path.name for path in (self.folder / "workspace").rglob("*") if path.is_file()]


async def asked(folder: Path, chat_id: Any = 7, clock: FakeClock | None = None, *, hands_off: bool = False) -> Waiting:
    database = folder / "syncara.db"
    async with MultiStepProcessor(database, announce=hands_off, clock=clock, hands_off=hands_off) as processor:
        reply = await processor.process_reply(WRITE, chat_id=chat_id, user_id=7)
        return Waiting(folder, processor.get_approval(reply.approval_ids[0]))


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    return asyncio.run(asked(tmp_path))


@contextmanager
def bot(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The bot, once its run is in the database; killed if it outlives the block."""
    program = [sys.executable, str(PROGRAM)]
    process = subprocess.Popen(program, cwd=folder, env=clean(None), stdout=subprocess.PIPE, text=True)
    with under_way(process, HANG_S):
        read_until(process, "ex_")
        yield process


def rest(process: subprocess.Popen[str]) -> str:
    """What it prints until its end."""
    assert process.stdout is not None
    return process.stdout.read()


def waiting_in(folder: Path) -> Waiting:
    processor = MultiStepProcessor(folder / "syncara.db", read_only=True)
    (approval,) = processor.list_approvals()
    processor.close()
    return Waiting(folder, approval)


def until_left(waiting: Waiting) -> None:
    """Look until an answer is in the database."""
    store = SqliteStore(waiting.folder / "syncara.db", read_only=True)
    until = time.monotonic() + HANG_S
    while store.record(ANSWER, waiting.id) is None:
        assert time.monotonic() < until, "no answer was left"
    store.close()


# Looking.


def test_what_waits_is_listed_with_its_effects(waiting: Waiting, command: Command) -> None:
    """Who asked for what, until when, the plan, and the command that answers it."""
    done = command("approvals")
    last, how = done.out.splitlines()[-2:]

    assert (0, "") == (done.code, done.err)
    assert "✋ May Note run? · asked for by 7\n" in done.out
    assert '📄 writes the file a.txt "hello" · Write\n' in done.out
    assert last.startswith("answer by ")
    assert last.endswith(f" UTC · plan {waiting.approval.plan_hash[:12]} · {waiting.id}")
    assert f"To answer: syncara approve {waiting.id}" == how


def test_the_command_that_answers_can_be_copied(waiting: Waiting) -> None:
    """It names the database, and a terminal of 80 columns does not break it."""
    terminal = Terminal("approvals", "--database", "syncara.db", cwd=waiting.folder)

    assert 0 == terminal.end()
    assert f"To answer: syncara approve {waiting.id} --database syncara.db" in terminal.text().splitlines()


def test_scripts_get_every_field(waiting: Waiting, command: Command) -> None:
    """The whole hash, and effects with their addresses."""
    (found,) = command("approvals", "--json").json()["approvals"]

    assert set(Approval.__struct_fields__) == set(found)
    assert ("pending", waiting.approval.plan_hash, None) == tuple(
        found[name] for name in ("status", "plan_hash", "answered_by")
    )
    assert [("Write", "file", "write", "a.txt", True)] == [
        tuple(effect[name] for name in ("step", "kind", "operation", "address", "own")) for effect in found["effects"]
    ]


def test_one_chats_approvals_are_listed(waiting: Waiting, command: Command) -> None:
    """The chat 7, which the chat '7' is not."""
    asyncio.run(asked(waiting.folder, "group"))
    listed = [command("approvals", "--json", "--chat-id", chat).json()["approvals"] for chat in ("7", "group", "8")]

    assert [[7], ["group"], []] == [[each["chat_id"] for each in found] for found in listed]


def test_what_no_longer_waits_is_listed_when_asked_for(tmp_path: Path, command: Command) -> None:
    """One line each, with what became of it."""
    approved, refused, cancelled = (asyncio.run(asked(tmp_path)) for _ in range(3))
    expired = asyncio.run(asked(tmp_path, clock=FakeClock(time.time() - 601)))
    command("approve", approved.id, "--yes")
    command("refuse", refused.id, "--reason", "not now")
    command("cancel", cancelled.run)
    listed = command("approvals", "--all")

    assert "Nothing waits for an approval.\n" == command("approvals").out
    assert {
        f"✅ Note was approved · by operator · {approved.run} · {approved.id}",
        f"🚫 Note was not approved, and does not run · by operator · not now · {refused.run} · {refused.id}",
        f"⏹️ Note ended before anybody answered · {cancelled.run} · {cancelled.id}",
        f"⌛ Note does not run: nobody answered in time · {expired.run} · {expired.id}",
    } == set(filter(None, listed.out.splitlines()))


# Answering where no process runs the database.


def test_an_approved_plan_runs_with_the_next_start(waiting: Waiting, command: Command) -> None:
    """Approving runs nothing by itself, and says how the run goes on."""
    done = command("approve", waiting.id, "--yes")

    assert 0 == done.code
    assert f"✅ Note was approved · by operator · {waiting.run} · {waiting.id}\n" == done.out
    assert "To let it go on: syncara start\n" == done.err
    assert ("approved", "running") == waiting.now()
    assert [] == waiting.files()
    assert 0 == syncara("start", cwd=waiting.folder).returncode
    assert ["a.txt"] == waiting.files()


def test_until_then_nothing_is_wrong_with_an_approved_plan(waiting: Waiting, command: Command) -> None:
    """Its journal says what it waits for; nothing of a missing handler, and of no attempt in the audit."""
    command("approve", waiting.id, "--yes")
    history, audit = command("history", waiting.run).out, command("audit", "show").out

    assert history.endswith("Write: blocked: it begins when a process runs this database\n")
    assert (False, False) == ("handler" in history, "attempt" in audit)


def test_a_refused_plan_never_runs(waiting: Waiting, command: Command) -> None:
    """The run ends with the reason."""
    refused = command("refuse", waiting.id, "--reason", "not now", "--json").json()["approval"]
    run = command("status", waiting.run, "--json").json()["execution"]

    assert ("refused", "operator", "not now") == tuple(refused[name] for name in ("status", "answered_by", "reason"))
    assert ("cancelled", "refused by operator: not now") == (run["status"], run["error"])
    assert "No run is open.\n" == syncara("start", cwd=waiting.folder).stdout
    assert [] == waiting.files()


def test_the_audit_says_who_approved(waiting: Waiting, command: Command) -> None:
    """Under which account, and for which plan."""
    command("approve", waiting.id, "--yes")

    said = f"approval {waiting.id} of plan {waiting.approval.plan_hash[:12]} for {waiting.run}"
    assert f"{said}: approved by {getpass.getuser()!r}\n" in command("audit", "show").out


@pytest.mark.parametrize(
    ("typed", "code", "became"),
    [(b"y\n", 0, ("approved", "running")), (b"n\n", 1, ("pending", "awaiting_approval"))],
)
def test_a_terminal_is_asked(waiting: Waiting, typed: bytes, code: int, became: tuple[str, str]) -> None:
    """The plan is shown first; with no, it goes on waiting."""
    terminal = Terminal("approve", waiting.id, cwd=waiting.folder)
    terminal.read_until("Approve Note? [y/N]")
    shown = terminal.text()
    terminal.type(typed)

    assert code == terminal.end()
    assert '📄 writes the file a.txt "hello" · Write' in shown
    assert became == waiting.now()
    assert (f"syncara refuse {waiting.id}" in terminal.text()) == (code == 1)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_terminal_nobody_is_asked(waiting: Waiting, command: Command, options: tuple[str, ...]) -> None:
    """A script must say --yes; nothing is approved by the lack of a terminal."""
    done = command("approve", waiting.id, *options)

    assert 2 == done.code
    assert "give --yes" in done.out + done.err
    assert ("pending", "awaiting_approval") == waiting.now()


@pytest.mark.parametrize("shown", [12, 64])
def test_the_plan_that_was_looked_at_is_approved(waiting: Waiting, command: Command, shown: int) -> None:
    """Its hash may be as short as it is shown."""
    done = command("approve", waiting.id, "--yes", "--plan-hash", waiting.approval.plan_hash[:shown].upper())

    assert (0, ("approved", "running")) == (done.code, waiting.now())


@pytest.mark.parametrize("other", ["", "0" * 12, "0" * 64, "{hash:.11}"])
def test_another_plan_is_not_approved(waiting: Waiting, command: Command, other: str) -> None:
    """Nor one whose hash says too little; the approval goes on waiting."""
    given = other.format(hash=waiting.approval.plan_hash)
    done = command("approve", waiting.id, "--yes", "--plan-hash", given, "--json")

    assert (1, "plan_changed") == (done.code, done.json()["error"]["code"])
    assert ("pending", "awaiting_approval") == waiting.now()


@pytest.mark.parametrize("first", [("approve", "--yes"), ("refuse",)], ids=lambda words: words[0])
def test_an_approval_is_answered_once(waiting: Waiting, command: Command, first: tuple[str, ...]) -> None:
    """Whatever the second answer is, the first one stays."""
    command(first[0], waiting.id, *first[1:])
    became = waiting.now()
    again = [command("approve", waiting.id, "--yes", "--json"), command("refuse", waiting.id, "--json")]

    assert [(1, "used")] * 2 == [(done.code, done.json()["error"]["code"]) for done in again]
    assert became == waiting.now()


def test_an_approval_that_is_over_cannot_be_answered(tmp_path: Path, command: Command) -> None:
    """Ten minutes after it was asked for; its run never begins."""
    late = asyncio.run(asked(tmp_path, clock=FakeClock(time.time() - 601)))
    done = [command("approve", late.id, "--yes", "--json"), command("refuse", late.id, "--json")]

    with bot(tmp_path) as process:
        said = rest(process)

    assert [(1, "expired")] * 2 == [(each.code, each.json()["error"]["code"]) for each in done]
    assert said.startswith("cancelled ")
    assert ("expired", "cancelled", []) == (*late.now(), late.files())


@pytest.mark.parametrize("words", [("approve", "--yes"), ("refuse",)], ids=lambda words: words[0])
def test_an_unknown_approval_is_not_found(waiting: Waiting, command: Command, words: tuple[str, ...]) -> None:
    """With the nearest id, or the command that lists them."""
    near, none = (command(words[0], name, *words[1:], "--json") for name in (waiting.id[:-1] + "u", "tea"))

    assert [(3, "not_found")] * 2 == [(done.code, done.json()["error"]["code"]) for done in (near, none)]
    assert f"Did you mean '{waiting.id}'?" == near.json()["error"]["fix"]
    assert "`syncara approvals` shows those that wait" == none.json()["error"]["fix"]


@pytest.mark.parametrize(
    "words", [("approvals",), ("approve", "ap_1", "--yes"), ("refuse", "ap_1")], ids=lambda words: words[0]
)
def test_no_database_is_made_in_looking_for_an_approval(
    tmp_path: Path, command: Command, words: tuple[str, ...]
) -> None:
    """The error is that of every command."""
    done = command(*words, "--json")

    assert (4, "no_database", []) == (done.code, done.json()["error"]["code"], list(tmp_path.iterdir()))


def test_the_shell_completes_what_waits(waiting: Waiting) -> None:
    """Ids of approvals that can be answered."""
    environment = {"_SYNCARA_COMPLETE": "bash_complete", "COMP_WORDS": "syncara approve ap", "COMP_CWORD": "2"}
    code = "from syncara.doors.cli import main; main()"
    words = [sys.executable, "-c", code]
    done = finished(words, cwd=waiting.folder, env=environment)

    assert [f"plain,{waiting.id}"] == done.stdout.split()


@pytest.mark.parametrize(("typed", "became"), [(b"y\n", "completed"), (b"n\n", "awaiting_approval")])
def test_a_reply_asks_about_its_own_plan_alone(tmp_path: Path, typed: bytes, became: str) -> None:
    """By its name; an older one that nobody was asked about yet goes on waiting, and its command is shown."""
    older = asyncio.run(asked(tmp_path, hands_off=True))
    (tmp_path / "reply.md").write_text(WRITE.replace(":Note:", ":Newer:"))
    terminal = Terminal("reply", "reply.md", cwd=tmp_path)
    terminal.read_until("Approve Newer? [y/N]")
    terminal.type(typed)
    terminal.end()
    newer = document(syncara("list", "--json", "--limit", "1", cwd=tmp_path))["executions"][0]

    assert 1 == terminal.text().count("[y/")
    assert ("pending", "awaiting_approval") == older.now()
    assert ("Newer", became) == (newer["workflow_name"], newer["status"])
    assert f"    syncara approve {older.id}" in terminal.text().splitlines()


# Answering beside the bot that runs the database.


def test_a_running_bot_takes_an_approval(tmp_path: Path) -> None:
    """The command waits until the bot has taken it; the run goes on there."""
    with bot(tmp_path) as process:
        waiting = waiting_in(tmp_path)
        done = syncara("approve", waiting.id, "--yes", cwd=tmp_path)
        said = rest(process)

    assert (0, "") == (done.returncode, done.stderr)
    assert f"✅ Note was approved · by operator · {waiting.run} · {waiting.id}\n" == done.stdout
    assert "completed None\n" == said
    assert ["a.txt"] == waiting.files()


def test_a_running_bot_takes_a_refusal(tmp_path: Path) -> None:
    """Its run ends there, with the reason."""
    with bot(tmp_path) as process:
        waiting = waiting_in(tmp_path)
        done = syncara("refuse", waiting.id, "--reason", "not now", "--json", cwd=tmp_path)
        said = rest(process)

    assert ("refused", "not now") == tuple(document(done)["approval"][name] for name in ("status", "reason"))
    assert "cancelled refused by operator: not now\n" == said
    assert [] == waiting.files()


@pytest.mark.parametrize(("answer", "code", "end"), [("approve --yes", 0, "completed"), ("refuse", 1, "cancelled")])
def test_a_start_says_what_waits_and_waits_for_it(waiting: Waiting, answer: str, code: int, end: str) -> None:
    """It is open like every other run; with its answer it goes on, or ends."""
    with running("start", "-d", "syncara.db", cwd=waiting.folder) as process:
        read_until(process, waiting.run)
        done = syncara(*answer.split(), waiting.id, cwd=waiting.folder)
        said, told = process.communicate(timeout=HANG_S)

    assert (0, code) == (done.returncode, process.returncode)
    assert [
        "1 run waits for a person's approval. To answer, type in another terminal:",
        f"    syncara approve {waiting.id} --database syncara.db",
    ] == told.splitlines()
    assert f"run    {end}" in said


def test_an_answer_that_the_policy_of_now_does_not_allow_is_told_as_such(waiting: Waiting) -> None:
    """The bot that runs the database drops it, and nothing is approved."""
    (waiting.folder / "policy.toml").write_text('files = "deny"\n')
    with running("start", cwd=waiting.folder, env={"SYNCARA_POLICY": "policy.toml"}) as process:
        read_until(process, waiting.run)
        done = syncara("approve", waiting.id, "--yes", "--json", cwd=waiting.folder)
        became = waiting.now()

    assert (1, "plan_changed") == (done.returncode, document(done)["error"]["code"])
    assert ("pending", "awaiting_approval", []) == (*became, waiting.files())


def test_a_start_on_a_terminal_reads_no_answer(tmp_path: Path) -> None:
    """The live view hides a prompt, and so what is typed there approves nothing."""
    waiting = asyncio.run(asked(tmp_path, hands_off=True))  # whoever starts the database asks
    terminal = Terminal("start", cwd=tmp_path)
    terminal.read_until("May Note run?")
    terminal.read_until("pending")
    terminal.type(b"y\n")
    done = syncara("refuse", waiting.id, cwd=tmp_path)

    assert (0, 1) == (done.returncode, terminal.end())
    assert ("refused", "cancelled", []) == (*waiting.now(), waiting.files())
    assert f"To answer: syncara approve {waiting.id}" in terminal.text()
    assert "[y/" not in terminal.text()


def test_a_start_names_the_first_of_many_that_wait(tmp_path: Path) -> None:
    """And the command that lists them all."""
    for _ in range(5):
        asyncio.run(asked(tmp_path))
    with running("start", cwd=tmp_path) as process:
        assert process.stderr is not None
        first, *commands, last = [process.stderr.readline() for _ in range(5)]

    assert first.startswith("5 runs wait for a person's approval. ")
    assert [True] * 3 == [command.startswith("    syncara approve ap_") for command in commands]
    assert "    syncara approvals lists the others.\n" == last


def test_what_cannot_be_answered_is_refused_beside_a_running_bot(tmp_path: Path) -> None:
    """At once, as where no process runs the database."""
    with bot(tmp_path):
        waiting = waiting_in(tmp_path)
        other = syncara("approve", waiting.id, "--yes", "--plan-hash", "0" * 64, "--json", cwd=tmp_path)
        unknown = syncara("refuse", "tea", "--json", cwd=tmp_path)
        became = waiting.now()
        syncara("approve", waiting.id, "--yes", cwd=tmp_path)
        again = syncara("refuse", waiting.id, "--json", cwd=tmp_path)

    assert ["plan_changed", "not_found", "used"] == [
        document(done)["error"]["code"] for done in (other, unknown, again)
    ]
    assert [1, 3, 1] == [done.returncode for done in (other, unknown, again)]
    assert ("pending", "awaiting_approval") == became


def test_an_answer_survives_the_bot_that_did_not_take_it(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left beside a bot that hung and was killed; the next start takes it. Nothing was approved meanwhile."""
    monkeypatch.setattr(approving, "TAKEN_S", 0.0)
    with bot(tmp_path) as process:
        waiting = waiting_in(tmp_path)
        os.kill(process.pid, signal.SIGSTOP)
        left = command("approve", waiting.id, "--yes", "--json")
        second = command("refuse", waiting.id, "--json")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(HANG_S)
    became = waiting.now()
    with bot(tmp_path) as started:
        said = rest(started)

    told = f"process {process.pid} that runs this database has not taken the answer yet"
    assert (4, "not_taken", told) == (left.code, *(left.json()["error"][name] for name in ("code", "message")))
    assert (1, "used") == (second.code, second.json()["error"]["code"])
    assert ("pending", "awaiting_approval") == became
    assert "completed None\n" == said
    assert ("approved", "completed", ["a.txt"]) == (*waiting.now(), waiting.files())


def test_a_bot_that_dies_while_it_is_waited_for_is_told(tmp_path: Path) -> None:
    """The answer is kept all the same, and the next start takes it."""
    with bot(tmp_path) as process:
        waiting = waiting_in(tmp_path)
        os.kill(process.pid, signal.SIGSTOP)
        with running("refuse", waiting.id, "--json", cwd=tmp_path) as answering:
            until_left(waiting)
            os.kill(process.pid, signal.SIGKILL)
            process.wait(HANG_S)
            told, _ = answering.communicate(timeout=HANG_S)
    with bot(tmp_path) as process:
        said = rest(process)

    assert (4, True) == (answering.returncode, "ended before it took the answer" in told)
    assert "cancelled refused by operator\n" == said
    assert ("refused", "cancelled", []) == (*waiting.now(), waiting.files())


# The page.


def test_the_commands_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go on where the page's Python ends: one plan is approved from outside, and runs."""
    monkeypatch.chdir(tmp_path)
    run_page(PAGE)
    (tmp_path / "workspace").rename(tmp_path / "before")
    (script,) = [fence.text for fence in fences(PAGE.read_text("utf-8")) if fence.language == "sh"]
    (tmp_path / "bin").mkdir()
    for name, words in (("syncara", f"{sys.executable} -m syncara"), ("python", sys.executable)):
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    done = finished(["/bin/sh", "-ec", script], cwd=tmp_path, env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})

    assert 0 == done.returncode, done.stderr
    assert 'writes the file note.txt "Ana likes tea" · Write\n' in done.stdout
    assert "✅ Note was approved · by operator" in done.stdout
    assert ["note.txt"] == [path.name for path in (tmp_path / "workspace").rglob("*.txt")]
