"""Links between pages lead to a file that is there, and to a heading that is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
INDEXES = {
    "docs/how-to": "*.md",
    "docs/decisions": "*.md",
    "examples": "*/README.md",
}
"""Folders with a README.md that lists their pages, and which pages these are."""
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.*)$", _FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCED.sub("", page.read_text("utf-8"))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield f"{page.name}: {link}"


def unlisted(folder: Path, pages: str) -> list[str]:
    """Pages of a folder that its index does not name."""
    index = folder / "README.md"
    named = {folder / link.partition("#")[0] for link in _LINK.findall(index.read_text("utf-8"))}
    return [str(page.relative_to(folder)) for page in sorted(folder.glob(pages)) if page not in {index, *named}]


def test_every_link_leads_somewhere() -> None:
    """No page links to a file or heading that is not there."""
    assert PAGES
    assert [] == [link for page in PAGES for link in broken(page)]


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    """A missing file, a missing heading; code in a fence holds no links and no headings."""
    page = tmp_path / "page.md"
    page.write_text(
        "# `A`: one b\n[1](page.md#a-one-b) [2](#c) [3](no.md) [4](https://x.y)\n```\n# c\n[5](no.md)\n```\n"
    )

    assert ["page.md: #c", "page.md: no.md"] == list(broken(page))


@pytest.mark.parametrize("folder", INDEXES)
def test_an_index_names_every_page_of_its_folder(folder: str) -> None:
    """A page that no index names is not found by anyone who looks for it."""
    assert [] == unlisted(ROOT / folder, INDEXES[folder])


def test_a_page_that_no_index_names_is_found(tmp_path: Path) -> None:
    """Whatever else the index names."""
    for name in ("README", "a", "b"):
        (tmp_path / f"{name}.md").write_text("[a](a.md#x)")

    assert ["b.md"] == unlisted(tmp_path, "*.md")
