"""docs/guarantees.md and docs/security.md name tests that there are, and the README has the rules that they hold."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")
PROMISES, _, LIMITS = SECURITY.partition("## What is not protected\n")
README = (ROOT / "README.md").read_text("utf-8")
RULES = 20
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_RULE = re.compile(r"^\d+\. .*$", re.MULTILINE)

EACH_PAGE = pytest.mark.parametrize("page", [GUARANTEES, SECURITY], ids=["guarantees", "security"])


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
    """The headings of guarantees, and the numbered rules, that name no test."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    rules = [rule for section in sections for rule in re.split(r"^(?=\d+\. )", section, flags=re.MULTILINE)[1:]]
    return [part.partition("\n")[0] for part in (*sections, *rules) if not _TEST.search(part)]


@EACH_PAGE
def test_every_test_that_a_guarantee_names_exists(page: str) -> None:
    """A test that was renamed or removed leaves its guarantee without proof."""
    assert [] == missing(page)


@EACH_PAGE
def test_every_guarantee_names_a_test(page: str) -> None:
    """What no test holds is no guarantee."""
    assert [] == without_tests(page)


def test_the_rules_of_the_readme_are_those_that_are_held() -> None:
    """Word for word, so that none is promised without a test."""
    rules = _RULE.findall(SECURITY)

    assert RULES == len(rules)
    assert rules == _RULE.findall(README)


def test_what_is_not_protected_is_said() -> None:
    """The page has both halves."""
    assert "**Your code.**" in LIMITS


def test_what_is_missing_is_found() -> None:
    """A name that no file has, a file that is not there, a guarantee or a rule without a test."""
    here = "tests/docs/test_guarantees.py"
    page = f"# G\n## A\n`{here}::test_nothing`\n`tests/no.py::test_x`\n`{here}::test_what_is_missing_is_found`\n## B\n"
    rules = f"## C\n1. D\n   - `{here}::test_nothing`\n2. E\n## F\n`tests/no.py::test_x`\n"

    assert [f"{here}::test_nothing", "tests/no.py::test_x"] == missing(page)
    assert ["B"] == without_tests(page)
    assert ["2. E"] == without_tests(rules)
