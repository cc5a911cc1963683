"""pause, resume, cancel, resolve, cleanup and doctor: what changes a database, and what says whether it is sound."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from syncara.doors.cli.options import duration
from tests.cli.support import Command, Runs


def damage(runs: Runs, execution_id: str) -> None:
    """Change one byte of a run's journal."""
    with closing(sqlite3.connect(runs.folder / runs.database)) as file, file:
        file.execute(
            "UPDATE events SET body = CAST(replace(body, 'Started', 'Storted') AS BLOB) "
            "WHERE seq = 0 AND execution = (SELECT key FROM executions WHERE id = ?)",
            (execution_id,),
        )


# Steering.


def test_a_run_is_paused_resumed_and_cancelled(runs: Runs, command: Command) -> None:
    """Each says what the run is now; the second time nothing changes."""
    database = ("-d", runs.database)

    assert f"{runs.paused} is paused; nothing has changed.\n" == command("pause", runs.paused, *database).out
    resumed = command("resume", runs.paused, *database)
    assert f"{runs.paused} is running.\n" == resumed.out
    assert f"To let it go on: syncara start --database {runs.database}\n" == resumed.err
    cancelled = command("cancel", runs.paused, *database, "--json").json()
    assert (True, "cancelled") == (cancelled["changed"], cancelled["execution"]["status"])
    again = command("cancel", runs.paused, *database, "--json")
    assert (0, False) == (again.code, again.json()["changed"])


@pytest.mark.parametrize(("step", "answer", "code"), [("Wait", "maybe", 2), ("Wiat", "retry", 3), ("Wait", "retry", 0)])
def test_only_a_step_that_waits_for_an_answer_is_resolved(
    runs: Runs, command: Command, step: str, answer: str, code: int
) -> None:
    """Another answer is misuse, another step is not there; one that does not wait stays as it is."""
    done = command("resolve", runs.paused, step, answer, "-d", runs.database)

    assert (code, True) == (done.code, code != 0 or done.out.endswith("nothing has changed.\n"))


# cleanup.


def test_old_runs_are_deleted_and_open_ones_stay(runs: Runs, command: Command) -> None:
    """The age counts from a run's end."""
    assert "0 runs are deleted.\n" == command("cleanup", "--older-than", "1h", "-d", runs.database).out
    assert {"deleted": 2} == command("cleanup", "--older-than", "0", "-d", runs.database, "--json").json()
    left = command("list", "-d", runs.database, "--json").json()["executions"]
    assert [runs.paused] == [run["id"] for run in left]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45", 45), ("0.5", 0.5), ("90s", 90), ("15m", 900), ("1h30m", 5_400), ("30d", 2_592_000), ("2w", 1_209_600)],
)
def test_a_duration_is_written_in_seconds_or_units(text: str, seconds: float) -> None:
    """Units add up."""
    assert seconds == duration(text)


@pytest.mark.parametrize("text", ["", "d", "3q", "-1", "1h30", "1 h", "soon"])
def test_what_is_no_duration_is_refused(command: Command, text: str) -> None:
    """With the forms that can be used."""
    done = command("cleanup", "--older-than", text)

    assert 2 == done.code
    assert "1h30m" in done.err


# doctor.


def test_a_sound_database_is_well(runs: Runs, command: Command) -> None:
    """The report holds versions, settings with their sources, sizes, runs and the runner."""
    done = command("doctor", "-d", runs.database, "--json")
    report = done.json()["doctor"]

    assert 0 == done.code
    assert {"versions", "settings", "database", "runs", "audit", "runner", "warnings", "problems"} == report.keys()
    assert {"value": runs.database, "from": "--database"} == report["settings"]["database"]
    assert {"value": "full", "from": "default"} == report["settings"]["durability"]
    assert (runs.folder / runs.database).stat().st_size == report["database"]["bytes"]
    assert {"by_status": {"paused": 1, "failed": 1, "completed": 1}, "damaged": []} == report["runs"]
    assert 0 == report["audit"]["entries"]
    assert "✓ All is well." == command("doctor", "-d", runs.database).out.splitlines()[-1]


def test_a_setting_from_the_environment_is_named(runs: Runs, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a forgotten variable is found."""
    monkeypatch.setenv("SYNCARA_DATABASE", runs.database)
    monkeypatch.setenv("SYNCARA_RETENTION", "3600")
    settings = command("doctor", "--json").json()["doctor"]["settings"]

    assert {"value": runs.database, "from": "SYNCARA_DATABASE"} == settings["database"]
    assert {"value": 3600.0, "from": "SYNCARA_RETENTION"} == settings["retention"]


def test_a_setting_that_is_not_made_says_what_holds(runs: Runs, command: Command) -> None:
    """And which variable makes it."""
    lines = command("doctor", "-d", runs.database).out.splitlines()
    (workspace,) = [line for line in lines if line.startswith("workspace ")]

    assert [] == [line for line in lines if " none" in line]
    assert "the folder 'workspace' in the working folder" in workspace
    assert workspace.endswith("  default; SYNCARA_WORKSPACE changes it")


def test_a_damaged_journal_is_found_and_named(runs: Runs, command: Command) -> None:
    """The other runs are looked at all the same, and the list marks the damaged one."""
    damage(runs, runs.failed)
    done = command("doctor", "-d", runs.database, "--json")
    report = done.json()["doctor"]

    assert (1, [runs.failed]) == (done.code, report["runs"]["damaged"])
    assert f"run {runs.failed} is damaged" in report["problems"][0]
    assert "✗ run" in command("doctor", "-d", runs.database).out
    listed = [line.split() for line in command("list", "-d", runs.database).out.splitlines()]
    assert [runs.failed, "Tea", "damaged"] in [line[:3] for line in listed]
    assert (4, "journal_damaged") == (
        (broken := command("status", runs.failed, "-d", runs.database, "--json")).code,
        broken.json()["error"]["code"],
    )


def test_a_broken_file_is_found(runs: Runs, command: Command) -> None:
    """Pages that SQLite cannot make sense of are problems, not a crash."""
    path = runs.folder / runs.database
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    done = command("doctor", "-d", runs.database, "--json")

    assert 1 == done.code
    assert done.json()["doctor"]["problems"]


def test_a_file_of_another_program_is_told(command: Command, tmp_path: Path) -> None:
    """It is left as it is."""
    with closing(sqlite3.connect(tmp_path / "other.db")) as file:
        file.execute("CREATE TABLE t (x)")

    done = command("doctor", "-d", "other.db", "--json")

    assert 1 == done.code
    assert "belongs to another program" in done.json()["doctor"]["problems"][0]


def test_a_database_that_is_not_there_is_no_illness(command: Command, tmp_path: Path) -> None:
    """Looking makes no file."""
    done = command("doctor")

    assert (0, "syncara.db is not there yet; `syncara run` makes it.") == (done.code, done.out.splitlines()[-1])
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "said"), [(None, "cannot be read"), ("[roots", "bad_toml"), ("handler = 1", "unknown_key")]
)
def test_a_policy_that_cannot_be_taken_is_a_problem_before_the_database_is_there(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, said: str
) -> None:
    """So that a slip in it shows before the bot is started."""
    if text is not None:
        (tmp_path / "policy.toml").write_text(text)
    monkeypatch.setenv("SYNCARA_POLICY", "policy.toml")
    done = command("doctor", "--json")
    (problem,) = done.json()["doctor"]["problems"]

    assert (1, True) == (done.code, said in problem)
    assert "✗ policy: " in command("doctor").out


def test_journals_are_checked_under_a_policy_that_cannot_be_taken(
    runs: Runs, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One slip does not hide what else is wrong."""
    damage(runs, runs.failed)
    monkeypatch.setenv("SYNCARA_POLICY", "policy.toml")
    done = command("doctor", "-d", runs.database, "--json")

    assert 1 == done.code
    assert ["policy:", "run"] == [problem.split()[0] for problem in done.json()["doctor"]["problems"]]


def test_a_root_that_is_not_there_is_a_warning(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be made later: the exit code stays 0. A relative path is one in the workspace."""
    (tmp_path / "workspace" / "here").mkdir(parents=True)
    (tmp_path / "policy.toml").write_text('[roots.here]\npath = "here"\n[roots.gone]\npath = "gone"\n')
    monkeypatch.setenv("SYNCARA_POLICY", "policy.toml")
    done, told = command("doctor", "--json"), command("doctor").out

    assert (0, ["policy, roots.gone: workspace/gone is no folder"]) == (done.code, done.json()["doctor"]["warnings"])
    assert "! policy, roots.gone: " in told


def test_an_audit_that_was_changed_is_found(command: Command, tmp_path: Path) -> None:
    """With the entry, as `audit verify` names it."""

    async def take_a_reply() -> None:
        async with MultiStepProcessor(tmp_path / "syncara.db") as processor:
            await processor.process_reply("[MULTISTEP:CREATE_WORKFLOW:Tea]", chat_id=7)

    asyncio.run(take_a_reply())
    well = command("doctor")
    with closing(sqlite3.connect(tmp_path / "syncara.db")) as file, file:
        file.execute("UPDATE records SET at = at + 1 WHERE kind = 'audit'")
    done = command("doctor", "--json")
    (problem,) = done.json()["doctor"]["problems"]

    assert (0, "✓ All is well.") == (well.code, well.out.splitlines()[-1])
    assert (1, True) == (done.code, problem.startswith("audit: entry_changed: entry 1: "))
