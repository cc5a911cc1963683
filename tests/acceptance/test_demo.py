"""`make demo` does what it says, on a terminal and in a pipe, and fails when what it says is not so."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from tests.acceptance import demos
from tests.acceptance.demos import Ran, in_order

EXAMPLE = Path(__file__).parents[2] / "examples" / "onboarding"


def run(script: str, folder: Path, *arguments: str | Path) -> Ran:
    return demos.run(EXAMPLE / script, folder, *arguments)


def run_in_pipe(folder: Path) -> Ran:
    return run("demo.py", folder, folder)


def run_on_terminal(folder: Path) -> Ran:
    return demos.run_on_terminal(EXAMPLE / "demo.py", folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[Ran]]:
    """Three demos side by side: in a pipe, on a terminal, and one whose record has a call that no attempt explains."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("pipe", "terminal", "planted")}
    (folders["planted"] / "calls.jsonl").write_text('{"pid": 1, "key": "a call too many"}\n')
    with ThreadPoolExecutor() as threads:
        return {
            name: threads.submit(run_on_terminal if name == "terminal" else run_in_pipe, folder)
            for name, folder in folders.items()
        }


@pytest.fixture(scope="module")
def pipe(runs: dict[str, Future[Ran]]) -> Ran:
    return runs["pipe"].result()


def execution_of(ran: Ran) -> str:
    (execution_id,) = set(re.findall(r"ex_\w+", ran.text))
    return str(execution_id)


def test_the_demo_kills_the_worker_and_another_one_finishes_the_run(pipe: Ran) -> None:
    """The story is told in order, one line per change, and the exit code is 0."""
    story = [
        r"A run that outlives its process",
        r"▶ worker \d+ starts\.",
        r"worker \d+ │ started ex_\w+",
        r" +[\d.]+ s  Find time zone  error      attempt 1: ConnectionError: no answer",
        r" +[\d.]+ s  Find time zone  retrying   attempt 2 in [\d.]+ s",
        r" +[\d.]+ s  Settle in       delayed    for 5\.0 s",
        r"■ worker \d+ is killed with SIGKILL, [\d.]+ s into the 5 s delay\.",
        r"▶ worker \d+ starts\.",
        r"worker \d+ │ found ex_\w+",
        r" +[\d.]+ s  Settle in       completed",
        r" +[\d.]+ s  Invite team     skipped    the condition is false: context\.seats > 1",
        r" +[\d.]+ s  run             completed",
        r"✓ worker \d+ is done\.",
        r"Process \d+ opens onboarding\.db read-only and finds:",
        r"✓  Find time zone  completed  2 attempts +\+[\d.]+ s +[\d.]+ s",
        r"-  Invite team     skipped    the condition is false:",
        r'user  id: 1001, name: "Maya", onboarded: true, time_zone: "Lisbon", updates: 1',
        r"✓ No step ran again: 4 calls recorded, 4 attempts in the journal\.",
        r"✓ The user was saved once and updated once\.",
    ]

    assert 0 == pipe.exit_code, pipe.text
    assert story == in_order(story, pipe.lines), pipe.text


def test_three_processes_take_part(pipe: Ran) -> None:
    """The run is started, finished and shown by processes of their own."""
    pids = re.findall(r"^▶ worker (\d+) starts|^Process (\d+) opens", pipe.text, re.MULTILINE)

    assert 3 == len({worker or reader for worker, reader in pids})


def test_everything_fits_into_80_columns(pipe: Ran) -> None:
    """Nothing that is printed is wider than the narrowest usual terminal."""
    assert [] == [line for line in pipe.lines if len(line) > 80]


def test_a_pipe_gets_no_control_characters(pipe: Ran) -> None:
    """Without a terminal the demo is plain text."""
    assert "\x1b" not in pipe.text


def test_the_live_view_ends_with_the_stored_run(runs: dict[str, Future[Ran]]) -> None:
    """On a terminal the demo draws while the run goes on, and the last lines are the same as in a pipe."""
    terminal = runs["terminal"].result()

    assert 0 == terminal.exit_code, terminal.text
    assert re.search(r"Settle in +delayed +[━─]+ [\d.]+ s left", terminal.text), terminal.text
    assert "✓ The user was saved once and updated once." == terminal.lines[-1]


def test_the_file_holds_the_finished_run(pipe: Ran) -> None:
    """What the demo leaves behind can be read by anybody."""
    processor = MultiStepProcessor(pipe.folder / "onboarding.db")
    execution = processor.get_execution(execution_of(pipe))

    assert {
        "Save profile": ("completed", 1),
        "Say hello": ("completed", 1),
        "Find time zone": ("completed", 2),
        "Settle in": ("completed", 1),
        "Show tricks": ("completed", 1),
        "Invite team": ("skipped", 0),
        "Mark onboarded": ("completed", 1),
    } == {step.name: (step.status, step.attempts) for step in execution.steps.values()}


def test_a_call_that_no_attempt_explains_fails_the_demo(runs: dict[str, Future[Ran]]) -> None:
    """A record with one call too many makes the whole demo exit with 1, naming the call."""
    planted = runs["planted"].result()

    assert 1 == planted.exit_code
    assert "✗ Not as stated: No step ran again: 5 calls recorded, 4 attempts in the journal." in planted.text
    assert "a call too many" in planted.text


def test_a_worker_that_cannot_work_fails_the_demo(tmp_path: Path) -> None:
    """The demo does not wait for a process that is gone."""
    ran = run_in_pipe(tmp_path / "missing")

    assert 1 == ran.exit_code
    assert re.search(r"✗ Not as stated: worker \d+ ended before its time, with code 1\.", ran.text), ran.text


def test_a_database_that_exists_fails_the_demo(pipe: Ran) -> None:
    """The demo promises a fresh database and takes no other."""
    ran = run_in_pipe(pipe.folder)

    assert 1 == ran.exit_code
    assert "✗ Not as stated: the database is not fresh" in ran.text


def sql(statement: str) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "onboarding.db", isolation_level=None)) as connection:
            assert connection.execute(statement).rowcount > 0

    return tamper


def calls(edit: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        path = folder / "calls.jsonl"
        path.write_text("".join(edit(path.read_text().splitlines(keepends=True))))

    return tamper


def test_files_as_the_demo_left_them_are_shown_as_fine(pipe: Ran) -> None:
    """The process that shows the run can be asked again."""
    ran = run("show.py", pipe.folder, pipe.folder / "onboarding.db", pipe.folder / "calls.jsonl", execution_of(pipe))

    assert 0 == ran.exit_code, ran.text
    assert "✗" not in ran.text


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (sql("DELETE FROM events WHERE number = (SELECT max(number) FROM events)"), "The run is completed. But it is"),
        (sql("UPDATE events SET body = CAST(replace(body, 'Lisbon', 'London') AS BLOB)"), "journal_damaged"),
        (sql("UPDATE executions SET id = 'ex_other'"), "there is no execution"),
        (
            sql("UPDATE documents SET body = json_set(body, '$.updates', 2)"),
            "The user was saved once and updated once.",
        ),
        (
            sql("UPDATE documents SET body = json_set(body, '$.onboarded', json('false'))"),
            "The user was saved once and updated once.",
        ),
        (sql("DELETE FROM documents"), "The user was saved once and updated once. But the users are []"),
        (calls(lambda lines: [*lines, lines[0]]), "No step ran again: 5 calls recorded, 4 attempts"),
        (calls(lambda lines: lines[:-1]), "No step ran again: 3 calls recorded, 4 attempts"),
        (calls(lambda lines: [re.sub(r'"pid": \d+', '"pid": 1', line) for line in lines]), "But it was 1."),
    ],
)
def test_a_tampered_file_is_not_shown_as_fine(
    pipe: Ran, tmp_path: Path, tamper: Callable[[Path], None], said: str
) -> None:
    """The process that shows the run says what is not as stated, and exits with 1."""
    folder = Path(shutil.copytree(pipe.folder, tmp_path / "tampered"))
    tamper(folder)

    ran = run("show.py", folder, folder / "onboarding.db", folder / "calls.jsonl", execution_of(pipe))

    assert 1 == ran.exit_code, ran.text
    assert said in " ".join(ran.text.split()), ran.text
    assert "✗ Not as stated: " in ran.text
    assert "Traceback" not in ran.text
