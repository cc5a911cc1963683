"""The benchmarks run: every workload reports every row of the table. Nothing is timed here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import line_of
from benchmarks.rows import WORKLOADS, Row

ROOT = Path(__file__).parents[2]


def test_a_quick_run_prints_every_row(tmp_path: Path) -> None:
    """With tiny sizes all workloads succeed, each row is printed once, and the measurements are in the JSON file."""
    written = tmp_path / "results.json"

    done = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--quick", "--json", written],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.split("\n\n", 1)[1].splitlines()
    assert [row.name for workload in WORKLOADS for row in workload.rows] == [line.split("  ")[0] for line in table[1:]]
    measured = json.loads(written.read_text())["measured"]
    for workload in WORKLOADS:
        assert {row.metric for row in workload.rows} <= measured[workload.name][0].keys()
    assert [0, 0] == [measured["crash"][0][name] for name in ("lost", "committed_again")]


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("rate", "rate", "/s", at_least=20), "reached"),
        (Row("rate", "rate", "/s", at_least=21), "MISSED"),
        (Row("rate", "rate", "/s", at_most=20), "reached"),
        (Row("rate", "rate", "/s", at_most="limit"), "MISSED"),
        (Row("rate", "rate", "/s"), ""),
    ],
)
def test_the_median_is_judged_against_the_reach(row: Row, verdict: str) -> None:
    """A reach is a number, or the median of what was measured alongside; a row without one is only shown."""
    line = line_of(row, [{"rate": rate, "limit": 19} for rate in (10, 20, 30)], judged=True)

    assert ("20 /s", "10 to 30", verdict) == (line.median, line.spread, line.verdict)


def test_what_could_not_be_measured_says_why() -> None:
    """A reason in the place of a number is printed and not judged."""
    line = line_of(Row("traced", "fsyncs", "", at_most=1), [{"fsyncs": "strace is not installed"}], judged=True)

    assert ("not measured", "strace is not installed", "") == (line.median, line.spread, line.verdict)
