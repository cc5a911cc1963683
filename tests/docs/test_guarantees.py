"""docs/guarantees.md names tests that there are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of a file's test functions; none when there is no such file."""
    path = ROOT / file
    if not path.exists():
        return frozenset()
    nodes = ast.parse(path.read_text("utf-8")).body
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(page: str) -> list[str]:
    return [f"{file}::{test}" for file, test in _TEST.findall(page) if test not in names_in(file)]


def without_tests(page: str) -> list[str]:
    """The headings of guarantees that name no test."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    return [section.partition("\n")[0] for section in sections if not _TEST.search(section)]


def test_every_test_that_a_guarantee_names_exists() -> None:
    """A test that was renamed or removed leaves its guarantee without proof."""
    assert [] == missing(PAGE)


def test_every_guarantee_names_a_test() -> None:
    """What no test holds is no guarantee."""
    assert [] == without_tests(PAGE)


def test_what_is_missing_is_found() -> None:
    """A name that no file has, a file that is not there, a guarantee without a test."""
    here = "tests/docs/test_guarantees.py"
    page = f"# G\n## A\n`{here}::test_nothing`\n`tests/no.py::test_x`\n`{here}::test_what_is_missing_is_found`\n## B\n"

    assert [f"{here}::test_nothing", "tests/no.py::test_x"] == missing(page)
    assert ["B"] == without_tests(page)
