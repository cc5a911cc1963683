"""Words in CommonMark, with GitHub's tables, strikethrough and links of its own thought of."""

from __future__ import annotations

import re

from syncara.answers.links import links, stretches

_SPECIAL = re.compile(r"[\\`*_\[\]<&~|$]")
_BEGINS_BLOCK = re.compile(r"[#>+=:-]|\d{1,9}(?=[.)])")


def text(words: str) -> str:
    """Words that stay words; a code span holds those that would be linked, for nothing else keeps them from it."""
    return " ".join(_linked(each) if linked else _escaped(each) for each, linked in stretches(words))


def strong(words: str) -> str:
    return code(words) if links(words) else f"**{_escaped(words)}**"


def code(words: str) -> str:
    # A code span that holds backticks would need longer fences, which many chat programs do not know.
    return text(words) if "`" in words else f"`{words}`"


def line(written: str) -> str:
    """The line with a backslash where its beginning would make it a heading, a quote or an item."""
    found = _BEGINS_BLOCK.match(written)
    if found is None:
        return written
    place = found.end() if found[0].isdigit() else 0
    return f"{written[:place]}\\{written[place:]}"


def _escaped(words: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", words)


def _linked(words: str) -> str:
    pieces = [f"`{each}`" if links(each) else _escaped(each) for each in words.split("`")]
    return "&#96;".join(pieces)  # a backtick, escaped or not, could be read as a part of the marks beside it
