"""What CommonMark shows as code or as a quotation does not act, by comparison with a parser of CommonMark."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import markdown_it
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.shortcodes import scan

CODE = "[MULTISTEP:PAUSE:x{}]\n"
PIECES = [
    *["text\n", "word ", "\n", "\n\n", "\r\n", "\t", "  ", "    ", "---\n", "# title\n", "a: b\n", "`", "``", "\\`"],
    *["```\n", "~~~\n", "````\n", "```py\n", "``` x\n", "  ```\n", "    ```\n", "\t```\n", "~~~ `x`\n"],
    *["- ", "* ", "+ ", "1. ", "2. ", "> ", "> > ", "- ```\n", "> ```\n", "> q\n", "- > q\n", "1. > q\n"],
]
LINES = st.lists(st.sampled_from([*PIECES, CODE, CODE, CODE, CODE]), min_size=2, max_size=12)


def numbered(pieces: Sequence[str]) -> str:
    """One text, with a number in each code."""
    return "".join(piece.format(number) if piece == CODE else piece for number, piece in enumerate(pieces))


def shown(tokens: Sequence[Any], quotes: int = 0) -> Iterator[str]:
    """The numbers of the codes that stand in fences, between backticks, and in quotations."""
    for token in tokens:
        quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.children:
            yield from shown(token.children, quotes)
        elif quotes or token.type in ("fence", "code_inline"):
            yield from re.findall(r"MULTISTEP:PAUSE:x(\d+)", token.content)


@settings(max_examples=400, deadline=None)
@given(LINES)
def test_a_code_that_is_shown_does_not_act(pieces: Sequence[str]) -> None:
    """A reply either shows a code where CommonMark does, or is refused."""
    text = numbered(pieces)
    calls = scan(text)
    if any(call.error is not None or call.quoted or not call.alone for call in calls):
        return
    acting = {call.args["execution_id"].removeprefix("x") for call in calls}

    assert set() == acting & set(shown(markdown_it.MarkdownIt("commonmark").parse(text)))
