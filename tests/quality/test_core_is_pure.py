"""The core decides from its arguments alone: it imports and calls nothing that reaches outside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "src" / "syncara" / "core"
# Modules that compute and do nothing else. Add one only if it needs no clock, no chance and no I/O.
PURE_STDLIB = """
    __future__ abc array ast bisect collections copy dataclasses difflib enum fractions functools hashlib heapq
    itertools json keyword math operator re string types typing unicodedata zlib
"""
PURE = {"msgspec", *PURE_STDLIB.split()}
IMPURE_CALLS = frozenset({"__import__", "breakpoint", "eval", "exec", "input", "open", "print"})


def imported(tree: ast.AST) -> list[tuple[int, str]]:
    """Line and full name of every import, at the top of a module or inside a function."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, "." * node.level + (node.module or "")))
    return found


def is_pure(module: str) -> bool:
    return module.partition(".")[0] in PURE or f"{module}.".startswith("syncara.core.")


def impurities(source: str) -> list[tuple[int, str]]:
    tree = ast.parse(source)
    modules = [(line, f"imports {module}") for line, module in imported(tree) if not is_pure(module)]
    names = [
        (node.lineno, f"uses {node.id}")
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in IMPURE_CALLS
    ]
    return sorted(modules + names)


def test_the_core_reaches_nothing_outside() -> None:
    """core/ imports msgspec, itself and pure standard library, and calls no builtin with an effect."""
    sources = sorted(CORE.rglob("*.py"))
    found = [
        f"{path.relative_to(CORE.parent)}:{line} {what}"
        for path in sources
        for line, what in impurities(path.read_text("utf-8"))
    ]

    assert sources
    assert [] == found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import time", [(1, "imports time")]),
        ("import math, os.path", [(1, "imports os.path")]),
        ("from datetime import datetime", [(1, "imports datetime")]),
        ("def late():\n    from random import random", [(2, "imports random")]),
        ("import syncara.stores", [(1, "imports syncara.stores")]),
        ("from syncara import core", [(1, "imports syncara")]),
        ("from . import model", [(1, "imports .")]),
        ("open('x')", [(1, "uses open")]),
        ("import re\nimport msgspec\nfrom syncara.core.model import Step\nfrom syncara.core import model", []),
    ],
)
def test_an_impurity_is_named_with_its_line(source: str, expected: list[tuple[int, str]]) -> None:
    """The check sees every way to import, wherever it stands."""
    assert expected == impurities(source)
