"""Pieces stay small, and nothing that only makes sense on one machine gets into the repository."""

from __future__ import annotations

import ast
import re
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "benchmarks", "examples", "docs")
"""Where Python files are."""
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

# Written so that no pattern matches its own text.
UNWANTED = {
    "a package registry's host": re.compile(
        r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|debian|ubuntu|rubygems|anaconda|golang|maven)[.](?:org|com)\b"
        r"|\b(?:crates|docker|ghcr|quay)[.]io\b"
    ),
    "a path of one machine": re.compile(r"(?<![\w.~/-])/(?:(?:work|root|tmp)(?![\w-])|(?:home|Users)/\w)"),
    "what looks like a secret": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
        r"|\bAKIA[0-9A-Z]{16}\b"
        r"|\bgh[opsru]_\w{36}"
        r"|\bsk-[\w-]{20}"
        r"|\bxox[abpr]-\w{10}"
        r"|\b\d{8,10}:[\w-]{35}\b"
        r"|://[^\s/:@{]+:[^\s/@{]+@"
    ),
    "a note to do it later": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"),
}


def functions(tree: ast.AST) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Every function with its length in lines, signature and docstring included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def sources(*folders: str) -> dict[str, str]:
    """The Python files in these folders of the repository, by path."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths}


def long_file(name: str, source: str) -> list[str]:
    lines = len(source.splitlines())
    return [f"{name}:{FILE_LINES_MAX + 1}: cut here, the file has {lines} lines"] if lines > FILE_LINES_MAX else []


def long_functions(name: str, source: str) -> list[str]:
    return [
        f"{name}:{node.lineno + FUNCTION_LINES_MAX}: cut here, {node.name}() has {length} lines"
        for node, length in functions(ast.parse(source))
        if length > FUNCTION_LINES_MAX
    ]


def unwanted(name: str, text: str) -> list[str]:
    return [
        f"{name}:{number}: {what}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in UNWANTED.items()
        if pattern.search(line)
    ]


def repository_files() -> list[Path]:
    """Every text file that git tracks or would offer to add; without a git checkout the test is skipped."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


def test_files_stay_small() -> None:
    """A file has at most 500 lines, be it of the package, a test or an example."""
    assert [] == [problem for name, source in sources(*FOLDERS).items() for problem in long_file(name, source)]


def test_functions_stay_small(capsys: pytest.CaptureFixture[str]) -> None:
    """A function of the package has at most 70 lines."""
    package = sources("src")
    lengths = [length for source in package.values() for _, length in functions(ast.parse(source))]
    with capsys.disabled():
        print(
            f" [{len(lengths)} functions, median {statistics.median(lengths):g} lines, longest {max(lengths)}] ", end=""
        )

    assert [] == [problem for name, source in package.items() for problem in long_functions(name, source)]


def test_a_long_function_is_reported_with_the_line_to_cut() -> None:
    """The report points at the first line over the limit."""
    source = "\n\nasync def long():\n" + "    pass\n" * FUNCTION_LINES_MAX

    assert ["x.py:73: cut here, long() has 71 lines"] == long_functions("x.py", source)
    assert [] == long_functions("x.py", source.removesuffix("    pass\n"))


def test_a_long_file_is_reported_with_the_line_to_cut() -> None:
    """The report points at the first line over the limit."""
    source = "pass\n" * FILE_LINES_MAX

    assert ["x.py:501: cut here, the file has 501 lines"] == long_file("x.py", source + "pass\n")
    assert [] == long_file("x.py", source)


def test_the_repository_holds_nothing_of_one_machine() -> None:
    """No file names a registry's host, a path of one machine, a secret or an unfinished task."""
    files = repository_files()

    assert files
    assert [] == [
        problem
        for path in files
        for problem in unwanted(str(path.relative_to(ROOT)), path.read_text("utf-8", errors="replace"))
    ]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package registry's host", "https://" + "pypi" + ".org/simple"),
        ("a package registry's host", "index." + "crates" + ".io"),
        ("a path of one machine", "cd " + "/wo" + "rk"),
        ("a path of one machine", 'open("' + "/tm" + 'p/x.db")'),
        ("a path of one machine", "/ho" + "me/someone"),
        ("what looks like a secret", "-----BEGIN " + "RSA PRIVATE KEY-----"),
        ("what looks like a secret", "TOKEN=12345678:" + "A" * 35),
        ("what looks like a secret", "mongodb://someone" + ":hunter2@localhost"),
        ("what looks like a secret", "key = 'sk" + "-" + "a1" * 12 + "'"),
        ("a note to do it later", "# TO" + "DO: later"),
    ],
)
def test_an_unwanted_text_is_reported_with_its_line(what: str, text: str) -> None:
    """Each pattern finds what it is there for."""
    assert [f"x.md:2: {what}"] == unwanted("x.md", f"fine\n{text}")


@pytest.mark.parametrize("text", ["src/tmp/x", "~/job/x", "GET https://example.org/tmp", "a todo list", "12:30:00"])
def test_harmless_text_is_not_reported(text: str) -> None:
    """Relative paths, URLs and ordinary words are no trace of a machine."""
    assert [] == unwanted("x.md", text)


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "docs/design.md"])
def test_a_reader_finds_the_documents(name: str) -> None:
    """What a newcomer looks for is there and is not empty."""
    assert (ROOT / name).read_text("utf-8").strip()


def test_decisions_are_written_down() -> None:
    """docs/decisions holds a page per decision."""
    assert list((ROOT / "docs" / "decisions").glob("*.md"))
