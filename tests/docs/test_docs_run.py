"""What the documentation shows runs as written, and prints what it says it prints."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from syncara.handlers.registry import BUILTIN
from tests.docs.pages import Fence, fences

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOW_TO = DOCS / "how-to"
OURS = [DOCS / "tutorial.md", DOCS / "guide.md", *sorted(HOW_TO.glob("*.md"))]
STATED = [
    *OURS[:2],
    *(
        HOW_TO / f"{name}.md"
        for name in (*sorted(BUILTIN), "custom-handlers", "replies", "policy", "approvals", "secrets")
    ),
]
PAGES = {str(path.relative_to(ROOT)): path for path in (ROOT / "README.md", *OURS)}
AT_ONCE = 2
HANG_S = 60


def run(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a page's blocks in a process of their own, whose working directory is the folder."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.docs.run_page", page],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[subprocess.CompletedProcess[str]]]:
    """Every page's run, a few of them at a time."""
    pool = ThreadPoolExecutor(AT_ONCE)
    submitted = {name: pool.submit(run, page, tmp_path_factory.mktemp("page")) for name, page in PAGES.items()}
    pool.shutdown(wait=False)
    return submitted


def shown(page: list[Fence]) -> list[str | None]:
    """For each Python block the text block right behind it, which shows what it prints; None without one."""
    return [
        after.text.rstrip() if after is not None and after.language == "text" else None
        for fence, after in pairwise([*page, None])
        if fence is not None and fence.language == "python"
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_as_written(name: str, runs: dict[str, Future[subprocess.CompletedProcess[str]]]) -> None:
    """The blocks of a page run in order, and where a text block follows, it is what was printed."""
    done = runs[name].result()
    assert 0 == done.returncode, done.stderr
    printed = [text.rstrip() for text in json.loads(done.stdout)]
    expected = shown(list(fences(PAGES[name].read_text("utf-8"))))

    assert [text if text is not None else said for text, said in zip(expected, printed, strict=True)] == printed


@pytest.mark.parametrize("page", STATED, ids=lambda page: page.name)
def test_a_page_states_what_comes_of_it(page: Path) -> None:
    """The page has Python to run, and says what it does: with an assert, or with the text that it prints."""
    found = list(fences(page.read_text("utf-8")))
    sources = [fence.text for fence in found if fence.language == "python"]
    asserts = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]

    assert sources
    assert asserts or any(shown(found))


@pytest.mark.parametrize("handler", sorted(BUILTIN))
def test_every_built_in_handler_has_a_page_that_runs_it(handler: str) -> None:
    """A handler without a page in docs/how-to, or a page whose code never names it, is not documented."""
    page = HOW_TO / f"{handler}.md"

    assert page.exists(), f"write docs/how-to/{handler}.md"
    assert any(f'"{handler}"' in fence.text for fence in fences(page.read_text("utf-8")) if fence.language == "python")


def test_what_a_page_shows_is_compared(tmp_path: Path) -> None:
    """A page that prints something else than it shows, or fails, is found; what it does not show is its own."""
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n```text\n2\n```\n```python\nprint(3)\n```\n```python\n1 / 0\n```\n")
    broken = run(page, tmp_path)
    page.write_text("\n".join(page.read_text().splitlines()[:-3]) + "\n")
    whole = run(page, tmp_path)

    assert 1 == broken.returncode
    assert f'File "{page}", line 11' in broken.stderr
    assert ["1\n", "3\n"] == json.loads(whole.stdout)
    assert ["2", None] == shown(list(fences(page.read_text())))
