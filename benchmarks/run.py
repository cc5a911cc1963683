"""Measure speed, beside the limits of the machine: `python benchmarks/run.py --help`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `benchmarks`, when this file is run as a script

from benchmarks.report import Line, as_markdown, as_text, line_of
from benchmarks.rows import WORKLOADS, Workload
from benchmarks.workload import Measures, child

REPEATS = 5


def main() -> int:
    """Print the table; 1 when a reach was missed."""
    chosen = _arguments()
    repeats = 1 if chosen.quick else chosen.repeat
    wanted = [workload for workload in WORKLOADS if chosen.only in (None, workload.name)]
    measured: dict[str, list[Measures]] = {}
    lines: list[Line] = []
    for workload in wanted:
        measured[workload.name] = found = _measure(workload, repeats, quick=chosen.quick)
        lines += [line_of(row, found, judged=not chosen.quick) for row in workload.rows]
    machine = describe_machine()
    if chosen.json is not None:
        chosen.json.write_text(json.dumps({"machine": machine, "measured": measured}, indent=2), "utf-8")
    print(f"{machine}; " + ("too small to measure anything" if chosen.quick else f"median of {repeats}") + "\n")
    print((as_markdown if chosen.markdown else as_text)(lines))
    return int(any(line.verdict == "MISSED" for line in lines))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure speed, beside the limits of this machine.")
    parser.add_argument("--quick", action="store_true", help="once, with sizes that only show that everything works")
    parser.add_argument("--only", choices=[workload.name for workload in WORKLOADS], help="one workload")
    parser.add_argument(
        "--repeat",
        type=int,
        choices=range(1, 101),
        default=REPEATS,
        metavar="N",
        help="how often each is measured (default %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement to FILE")
    parser.add_argument("--markdown", action="store_true", help="print the table for a README")
    return parser.parse_args()


def _measure(workload: Workload, repeats: int, *, quick: bool) -> list[Measures]:
    count = 1 if workload.once else repeats
    found = []
    for number in range(1, count + 1):
        print(f"{workload.name} {number}/{count}", file=sys.stderr)
        sizes = workload.quick if quick else workload.sizes
        found.append(child(workload.module, workload.function, **sizes))
    return found


def describe_machine() -> str:
    python, sqlite = platform.python_version(), sqlite3.sqlite_version
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"Python {python}, SQLite {sqlite}, {platform.system()}, {os.cpu_count()} cores{load}"


if __name__ == "__main__":
    sys.exit(main())
