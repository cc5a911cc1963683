"""Long texts in parts: texts that are made to be slow to cut, at 64 KiB and at four times that."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.workload import Measures, growth, main
from syncara.answers import Form
from syncara.answers.parts import split

CASES: dict[str, tuple[Form, str]] = {
    "prose": ("plain", "Saya akan membuat workflow untuk Anda. 🎉 "),
    "one word": ("plain", "x"),
    "bold words in HTML": ("html", "<b>a</b> "),
    "entities": ("html", "&amp;"),
    "answers": ("markdown", "- ✅ **Step** · `ex_1` · 2 of 3\n"),
    "one line": ("markdown", "a "),
    "lines within lines": ("markdown", "  - a\n"),
    "white space": ("markdown", " "),
    "empty lines": ("markdown", "\n"),
    "code": ("markdown", "`a` "),
    "code blocks": ("markdown", "```\na\n```\n"),
    "bold words": ("markdown", "**a** "),
    "code in bold words": ("markdown", "**a `b`** "),
    "stars": ("markdown", "*"),
    "escapes": ("markdown", "\\*"),
    "backticks with a partner far away": ("markdown", "\\``"),
}
"""A form, and what is repeated in it."""
END = "\n\n`"
"""Of each text: the partner, which is in another paragraph."""


def measure(folder: Path, chars: int, rounds: int) -> Measures:
    """See `growth`."""

    def work(name: str, size: int) -> partial[tuple[str, ...]]:
        form, unit = CASES[name]
        return partial(split, unit * (size // len(unit)) + END, form)

    return growth(CASES, work, chars, rounds)


if __name__ == "__main__":
    main(measure)
