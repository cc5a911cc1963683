"""The engine in simulation: random workflows, failures, pauses, cancels and crashes, and an oracle over them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter

import pytest
from click.testing import CliRunner

from syncara.testing import simulate
from syncara.testing.__main__ import main
from syncara.testing.coverage import EXPECTED, Coverage
from syncara.testing.scenario import scenario

SEEDS = 500
REGRESSIONS = {
    5: "a start that was refused left a timer behind, and then there was no execution to wake",
    44: "a bundle was refused for a conflict, and then the executions that it steered for want of disk space",
    64: "an approval that a full disk had refused was kept, and given later",
    230: "what a bundle told an execution was written with the bundle before it, and not with its own",
    473: "a cancel was refused, although it was on its way to the disk, because a bundle over the same run had raised",
    674: "a run paused before its start and resumed after it had its global timeout extended by the pause",
    1255: "a pause was refused because of a bundle that somebody else had asked for",
    2225: "a suspect whose turn had come, but no slot, ran beside another one after a restart",
    4859: "a start that came with the stop of the engine was written to a store that had been closed, and never told",
    5191: "a run was cancelled when the time for its approval had passed, while no process ran (the oracle was wrong)",
    6807: "a suspect that erred alone started its retry without a turn, beside the step that killed the process",
}


def test_500_seeds_hold_and_hit_everything() -> None:
    """No simulation breaks a rule; together they see each kind of event, status change, crash boundary and answer."""
    coverage = Coverage()
    for seed in range(SEEDS):
        coverage.add([simulate(seed).coverage])
    assert [] == coverage.missing()


@pytest.mark.parametrize("seed", REGRESSIONS, ids=str)
def test_a_seed_that_once_failed_holds(seed: int) -> None:
    """What a simulation has found stays found."""
    assert simulate(seed).seed == seed


def test_a_seed_always_makes_the_same_scenario() -> None:
    """A scenario depends on nothing but its seed."""
    assert scenario(7) == scenario(7)
    assert scenario(7) != scenario(8)


@pytest.mark.parametrize("seed", [21, 26, 44])
def test_a_seed_replays_event_for_event_in_another_process(seed: int) -> None:
    """Neither ids nor the order of sets nor the time of day get into a simulation."""
    script = f"from syncara.testing import simulate; [print(line) for line in simulate({seed}).trace]"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    replay = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert list(simulate(seed).trace) == replay.stdout.splitlines()


@pytest.mark.parametrize(
    "never",
    [("event", "Ticked"), ("event", "Approved"), ("approval", "expired"), ("approval", "while paused")],
    ids=": ".join,
)
def test_coverage_names_what_was_never_hit(never: tuple[str, str]) -> None:
    """Whatever is expected and has no count is missing."""
    coverage = Coverage()
    for kind, whats in EXPECTED.items():
        for what in whats:
            coverage.count(kind, what)
    assert [] == coverage.missing()
    coverage.counts = Counter({key: n for key, n in coverage.counts.items() if key != never})
    assert [": ".join(never)] == coverage.missing()


def test_command_line_prints_how_often_each_thing_was_hit() -> None:
    """The table has a line for everything that is expected, hit or not."""
    result = CliRunner().invoke(main, ["--seeds", "2", "--start", "40"])
    assert 0 == result.exit_code
    assert all(what in result.output for whats in EXPECTED.values() for what in whats)


def test_command_line_fails_with_the_seed_and_how_to_replay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing seed ends the run with exit code 1, its journal and the command that repeats it."""
    monkeypatch.setattr("syncara.core.machine.retry_wait", lambda *args: -1.0)
    result = CliRunner().invoke(main, ["--seeds", str(SEEDS)])
    assert 1 == result.exit_code
    found = re.match(r"seed (\d+): the wait before a retry follows its formula\n", result.output)
    assert found
    assert result.output.endswith(f"replay: python -m syncara.testing --start {found[1]} --seeds 1\n")
