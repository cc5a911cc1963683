"""Lines of the table: the median of the repeats, their spread, and whether the reach was reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.rows import Row
from benchmarks.workload import Measures

HEAD = ("what", "median", "spread", "reach", "")


class Line(NamedTuple):
    name: str
    median: str
    spread: str
    reach: str
    verdict: str
    """`reached`, `MISSED`, or nothing where there is nothing to judge."""


def line_of(row: Row, repeats: Sequence[Measures], *, judged: bool) -> Line:
    """One row over all repeats. The reach may be a measurement itself; then its median counts."""
    values = [value for repeat in repeats if isinstance(value := repeat[row.metric], float | int)]
    if len(values) < len(repeats):
        return Line(row.name, "not measured", str(repeats[0][row.metric]), _reach(row, None), "")
    middle = median(values)
    bound = row.at_least if row.at_most is None else _bound(row.at_most, repeats)
    spread = f"{_number(min(values))} to {_number(max(values))}" if len(values) > 1 else ""
    line = Line(row.name, f"{_number(middle)} {row.unit}".strip(), spread, _reach(row, bound), "")
    if bound is None or not judged:
        return line
    reached = middle >= bound if row.at_most is None else middle <= bound
    return line._replace(verdict="reached" if reached else "MISSED")


def _bound(at_most: float | str, repeats: Sequence[Measures]) -> float:
    return median(float(repeat[at_most]) for repeat in repeats) if isinstance(at_most, str) else at_most


def _reach(row: Row, bound: float | None) -> str:
    if bound is None:
        return ""
    return f"{'>=' if row.at_most is None else '<='} {_number(bound)} {row.unit}".strip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def as_text(lines: Iterable[Line]) -> str:
    table = [HEAD, *lines]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in table
    )


def as_markdown(lines: Iterable[Line]) -> str:
    table = [HEAD, ("---",) * len(HEAD), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)
