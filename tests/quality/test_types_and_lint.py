"""Format, lint rules and types hold, and their configuration is shown to catch what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, input=stdin, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["ruff format --check .", "ruff check --output-format concise .", "mypy"])
def test_the_whole_repository_passes(command: str) -> None:
    """Every Python file is formatted, follows the lint rules and is fully typed."""
    done = run(*command.split())

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "source"),
    [
        ("ANN001", "def double(number) -> int:\n    return 2 * number\n"),
        ("E501", f'LONG = "{"x" * 120}"\n'),
        ("F401", "import json\n"),
        ("S102", 'exec("1")\n'),
        ("T201", 'print("hello")\n'),
    ],
)
def test_a_planted_lint_error_is_reported(code: str, source: str) -> None:
    """Each kind of lint rule that the house leans on is switched on for the package."""
    done = run(
        "ruff", "check", "--output-format", "concise", "--stdin-filename", "src/syncara/planted.py", stdin=source
    )

    assert f" {code} " in done.stdout


def test_unformatted_code_is_reported() -> None:
    """The formatter refuses what it would write differently."""
    done = run("ruff", "format", "--check", "--stdin-filename", "src/syncara/planted.py", stdin="x = 'single'\n")

    assert done.returncode == 1


@pytest.mark.parametrize(
    ("code", "source"),
    [
        ("no-untyped-def", "def double(number):\n    return 2 * number\n"),
        ("type-arg", "def first(items: list) -> object:\n    return items[0]\n"),
        ("return-value", "def name() -> str:\n    return 1\n"),
        ("ignore-without-code", "NUMBER: int = str()  # type: ignore\n"),
    ],
)
def test_a_planted_type_error_is_reported(tmp_path: Path, code: str, source: str) -> None:
    """Types are checked strictly."""
    planted = tmp_path / "planted.py"
    planted.write_text(source)

    done = run("mypy", str(planted))

    assert f"[{code}]" in done.stdout
