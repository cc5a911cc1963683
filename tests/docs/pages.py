"""Pages of Markdown as what is in their fences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_FENCE = re.compile(r"^```(\w*)$")
_FILE = re.compile(r"`([\w-]+\.(\w+))`:$")
_SUFFIXES = {"python": "py", "yaml": "yaml", "json": "json", "toml": "toml"}


class Fence(NamedTuple):
    language: str
    heading: str
    """The nearest heading above it, without its marks."""
    line: int
    """Where its text begins in the page, from 1."""
    text: str
    file: str | None = None
    """The file that it is the content of: the line above ends with a name that fits the language, as in `bot.py`:"""

    @property
    def at_its_line(self) -> str:
        """The text behind as many empty lines as are above it in the page, for tracebacks that show the page's own."""
        return "\n" * (self.line - 1) + self.text


def fences(page: str) -> Iterator[Fence]:
    """What is between ``` and ```, in reading order."""
    heading, above, begun, language = "", "", 0, None
    lines = page.splitlines()
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if fence and language is None:
            language, begun = fence[1], number
        elif fence and language is not None:
            named = _FILE.search(above)
            file = named[1] if named and named[2] == _SUFFIXES.get(language) else None
            yield Fence(language, heading, begun + 1, "\n".join(lines[begun : number - 1]), file)
            above, language = "", None
        elif language is None:
            heading = line.strip("# `") if line.startswith("#") else heading
            above = line.rstrip() or above
