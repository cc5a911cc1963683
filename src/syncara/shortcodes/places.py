"""Where in a reply a code stands: shown as code, alone on its line, or in a sentence."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from syncara.shortcodes.characters import DOUBLE_QUOTES, QUESTION_MARKS, SINGLE_QUOTES

FENCE_INDENT_MAX = 3
"""How many columns further in than its fence the closing fence may stand."""

_PARAGRAPH_END = re.compile(r"\n[ \t]*+(?:\r?\n|\Z|>|`{3}|~{3}|(?:[-*+•]|[0-9]{1,9}[.)])[ \t]|#{1,6}[ \t])")
_TICKS = re.compile(r"`++")
_CLOSING_FENCE = re.compile(r"^([ \t]*+)(`{3,}+|~{3,}+)[ \t\r]*+$", re.MULTILINE)
_CLOSING_TAG = {tag: re.compile(rf"</{tag}\s*+>", re.IGNORECASE) for tag in ("pre", "code", "blockquote")}

_TAG = re.compile(r"</?(?:b|i|u|s|em|strong|br|p|li)\s*+/?>", re.IGNORECASE)
_LETTER = r"[^\W_\u2139\u2460-\u249b\u2776-\u2793]"
"""Or digit; but not what is drawn as a sign: \u2139, numbers in circles."""
_WORD = re.compile(rf"{_LETTER}|[{QUESTION_MARKS}]|~~|-->")
_MARKER = re.compile(
    r"(?:(?:[-*+•]|[0-9]++(?:\.[0-9]++)*+[.):]?|\([0-9]++\)|[A-Za-z][.)]|\[[ xX✓✔]\])(?![^\W_])"
    r"|[#*_\s]++|[0-9]\ufe0f?\u20e3|</?(?:b|i|u|s|em|strong|br|p|li)\s*+/?>)*+"
)
_NOT_BESIDE = re.compile(rf"{_LETTER}|[{QUESTION_MARKS}{DOUBLE_QUOTES}{SINGLE_QUOTES}\"'«»()\[\]{{}}<`]|~~")


class Shown:
    """Finds the ends of what is shown as code."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._runs: dict[int, list[int]] | None = None
        self._paragraph = (0, 0)

    def block(self, token: re.Match[str]) -> int:
        """The end of a quoted line, or of what a fence encloses: to the end of the text when nothing closes it."""
        text = self._text
        line_end = text.find("\n", token.end())
        if line_end < 0:
            return len(text)
        fence = token["fence"]
        if fence is None:
            return line_end
        indent = token.start("fence") - token.start() + FENCE_INDENT_MAX
        for closing in _CLOSING_FENCE.finditer(text, line_end + 1):
            if closing[2].startswith(fence) and len(closing[1]) <= indent:
                return closing.end()
        return len(text)

    def html(self, token: re.Match[str]) -> int:
        """The end of a comment, or of an element that shows or quotes: the end of the text when nothing closes it."""
        tag = token["tag"]
        if tag is None:
            end = self._text.find("-->", token.end())
            return len(self._text) if end < 0 else end + 3
        closing = _CLOSING_TAG[tag.lower()].search(self._text, token.end())
        return len(self._text) if closing is None else closing.end()

    def closing_ticks(self, pos: int, size: int) -> int | None:
        """Where the next run of exactly `size` backticks begins in the same paragraph."""
        if self._runs is None:
            self._runs = {}
            for run in _TICKS.finditer(self._text):
                self._runs.setdefault(run.end() - run.start(), []).append(run.start())
        starts = self._runs.get(size, [])
        place = bisect_left(starts, pos)
        found = place < len(starts) and starts[place] < self.paragraph_end(pos)
        return starts[place] if found else None

    def paragraph_end(self, pos: int) -> int:
        start, end = self._paragraph
        if not start <= pos < end:
            found = _PARAGRAPH_END.search(self._text, pos)
            end = len(self._text) if found is None else found.start()
            self._paragraph = (pos, end)
        return end


def places(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[bool, bool]]:
    """For each code whether codes alone fill its lines, and whether no words follow it on its last line.

    `spans` are disjoint and in order. A bullet, number, emphasis or emoji may stand before a code that is alone.
    """
    marked: list[tuple[bool, bool]] = []
    group: list[str] = []
    before = text[: spans[0][0]].rpartition("\n")[2] if spans else ""
    for place, (_, end) in enumerate(spans):
        after = text[end : spans[place + 1][0]] if place + 1 < len(spans) else text[end:]
        on_line, line_break, _ = after.partition("\n")
        group.append(on_line)
        if line_break or place + 1 == len(spans):
            marked.extend(_marks(before, group))
            before, group = after.rpartition("\n")[2], []
    return marked


def _marks(before: str, group: Sequence[str]) -> list[tuple[bool, bool]]:
    """The marks of codes that share lines: what stands before the first, and behind each of them."""
    ends_line: list[bool] = []
    quiet = True
    for behind in reversed(group):
        quiet = quiet and _WORD.search(_TAG.sub("", behind)) is None
        ends_line.append(quiet)
    marker = _MARKER.match(before)
    rest = before if marker is None else before[marker.end() :]
    alone = quiet and _NOT_BESIDE.search(rest) is None
    return [(alone, ends) for ends in reversed(ends_line)]
