"""The guide's blocks as a script: a process of its own, one namespace, the package's own processor."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncara import Execution, MultiStepProcessor
from tests.acceptance.guide import GUIDE, read_guide, statuses

ROOT = Path(__file__).parents[2]
HANG_S = 60

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not beside the repository")


def run_script(folder: Path, *arguments: str) -> str:
    """Run the blocks in a process of their own, on a database of the folder's; returns what was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.guide_script", *arguments],
        env={**os.environ, "SYNCARA_DATABASE": str(folder / "syncara.db"), "PYTHONIOENCODING": "utf-8"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=HANG_S,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@contextmanager
def onlooker(folder: Path) -> Iterator[MultiStepProcessor]:
    processor = MultiStepProcessor(folder / "syncara.db")
    try:
        yield processor
    finally:
        asyncio.run(processor.stop())


def only_run(folder: Path) -> Execution:
    with onlooker(folder) as processor:
        (execution,) = processor.list_executions()
        return execution


def test_a_script_that_ends_at_once_leaves_a_run_that_the_next_one_finishes(tmp_path: Path) -> None:
    """Getting Started as a script: `execute_workflow` does not wait, so the run outlives the process."""
    run_script(tmp_path, "1", "2")
    left = only_run(tmp_path)
    run_script(tmp_path, "1", "--wait")
    ended = only_run(tmp_path)

    assert "running" == left.status
    assert (left.id, "completed") == (ended.id, ended.status)
    assert {"Log Message": "completed", "Wait 2 seconds": "completed"} == statuses(ended)
    assert [1, 1] == [step.attempts for step in ended.steps.values()]


def test_the_guide_runs_from_its_first_block_to_its_last(tmp_path: Path) -> None:
    """One namespace, one process: the middle chapters add to one workflow, and the four runs complete."""
    printed = run_script(tmp_path, *map(str, read_guide()), "--wait")

    with onlooker(tmp_path) as processor:
        first, middle, *examples = reversed(processor.list_workflows())
        steps = [step.name for step in processor.get_workflow(middle.id).steps]
        problems = processor.validate(middle.id)
        runs = {run.workflow_id: run for run in processor.list_executions()}

    assert ["Data Processing Pipeline", "Process Data"] == [middle.name, steps[0]]
    assert ["Step 1", "Step 2", *(f"Parallel Task {n}" for n in (1, 2, 3)), "Conditional Step"] == steps[1:7]
    assert ["Retry Step", "Long Running Task", "Error Recovery"] == steps[7:]
    assert [("unknown_dependency", "Process Data")] == [
        (problem.code, problem.where.split("'")[1]) for problem in problems
    ]
    names = ["My First Workflow", "User Onboarding", "Data Processing Pipeline", "Daily Maintenance"]
    assert names == [workflow.name for workflow in (first, *examples)]
    assert {workflow.id for workflow in (first, *examples)} == set(runs)
    assert {"completed"} == {str(run.status) for run in runs.values()}
    said = printed.splitlines()
    assert said.index("[chat 123456789] Welcome to SyncaraBot! 🎉") < said.index(
        "[chat 123456789] Let me show you how to use the bot..."
    )
    assert "Daily maintenance completed successfully! ✅" in said
    assert any(line.startswith("Progress: ") for line in said)
