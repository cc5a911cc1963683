"""The scripts of `examples/` do what their pages say, and three of them do so however often they are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance import shown_examples
from tests.acceptance.rig import run_family
from tests.acceptance.shown_examples import EXAMPLES, FOLDER

HANG_S = 60
POLL_S = 0.002
"""How often a script's record is looked at when it says when to kill."""
KILLS = 20
AT_ONCE = 2
SAID = {
    "broadcast": ["✓ everybody else got the message once", "✓ the report names who did not"],
    "custom_handlers": ["✓ the customer was charged once", "✓ three wrong params are three problems"],
    "error_recovery": ["✓ nothing stays booked", "✓ the seat is not held any longer, the flight is booked"],
    "maintenance": ["✓ both nights are completed", "✓ the second night cleared the first one's run"],
    "pipeline": ["✓ the summary was stored once", "✓ the five pieces of work were under way together"],
}
"""What each script has to have said. Onboarding and assistant are demos, and have tests of their own."""


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOLDER / name / "main.py", *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=HANG_S,
        check=False,
    )


@pytest.mark.parametrize("name", SAID)
def test_an_example_runs_to_its_end(name: str) -> None:
    """Without arguments it runs on a temporary database, says what it checked, and exits with 0."""
    done = run(name)

    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert SAID[name] == [line for line in done.stdout.splitlines() if line in SAID[name]]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_that_is_started_again_finds_its_run(tmp_path: Path, name: str) -> None:
    """On the same database, the second start joins the run of the first, and the statements still hold."""
    database = tmp_path / "example.db"
    first, second = run(name, database), run(name, database)

    assert (0, 0) == (first.returncode, second.returncode), second.stderr
    assert SAID[name] == [line for line in second.stdout.splitlines() if line in SAID[name]]


@pytest.mark.parametrize(
    ("name", "record"), [("broadcast", ".delivered"), ("custom_handlers", ".notes"), ("pipeline", ".notes")]
)
def test_an_example_that_is_killed_and_started_again_finishes(tmp_path: Path, name: str, record: str) -> None:
    """As its page says: the script itself is cut off once two lines are in its record, and the next start goes on."""
    database = tmp_path / "example.db"
    with subprocess.Popen([sys.executable, FOLDER / name / "main.py", database], stdout=subprocess.DEVNULL) as process:
        while lines(database.with_suffix(record)) < 2 and process.poll() is None:
            time.sleep(POLL_S)
        process.kill()
    done = run(name, database)

    assert -signal.SIGKILL == process.returncode
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert SAID[name][0] in done.stdout.splitlines()


def lines(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.exists() else 0


@pytest.mark.parametrize(
    ("name", "damaged", "said"),
    [
        ("broadcast", "example.delivered", "everybody else got the message once"),
        ("custom_handlers", "example.bank", "charged once"),
    ],
)
def test_an_example_fails_when_something_is_not_as_stated(tmp_path: Path, name: str, damaged: str, said: str) -> None:
    """A second delivery or charge that is planted is found, named, and makes the script exit with 1."""
    database, record = tmp_path / "example.db", tmp_path / damaged
    run(name, database)
    record.write_text(record.read_text() + record.read_text().splitlines(keepends=True)[0])
    done = run(name, database)

    assert 1 == done.returncode
    assert "not as stated: " in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_survives_kill_9_at_any_moment(tmp_path: Path, name: str) -> None:
    """After each of 20 kills the next process goes on; in the end the handlers' own file agrees with the journal."""
    families = EXAMPLES[name].families
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [
            pool.submit(run_family, name, tmp_path / str(number), moments, shown_examples.__name__)
            for number, moments in enumerate(families)
        ]
        caught = set().union(*(each.result() for each in runs))

    assert KILLS == sum(map(len, families))
    assert {step["name"] for step in EXAMPLES[name].definition["steps"]} <= caught


def test_every_example_has_a_page_and_is_run() -> None:
    """A folder of `examples/` has a README, and a script that a test runs."""
    folders = sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__")

    assert folders == sorted([*SAID, "assistant", "onboarding"])
    assert [] == [name for name in folders if not (FOLDER / name / "README.md").read_text("utf-8").strip()]
