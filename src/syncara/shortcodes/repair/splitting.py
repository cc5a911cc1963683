"""The inside of a code that could not be read, in pieces: whatever separates them, wherever it ends."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from syncara.shortcodes.characters import COLONS
from syncara.shortcodes.repair.assigning import Piece
from syncara.shortcodes.repair.loose_json import Hopeless, Loose, escaped_opener, read_loose
from syncara.shortcodes.suspicions import WRAPPED

_CHANGED = re.compile(
    r"(?P<shown>`[^`\n]+`)"
    r"|(?P<invisible>[\u200b\u200e\u200f\u2060\u2061-\u2064\ufeff\u00ad]|(?<=[\x21-\x7e])[\u200c\u200d](?=[\x21-\x7e]))"
    r"|(?P<entity>&(?:[a-zA-Z]{2,8}|#\d{2,5}|#x[0-9a-fA-F]{2,4});)"
    r"|\\(?P<escaped>[_*~`&#|>!.()+=-])"
    r"|\\(?P<bracket>[\[\]])"
    r"|(?P<slashes>\\+)(?=[\"'])"
)
_QUOTES = {'"': '"', "'": "'", "“": '”"“', "‘": "’'‘", "„": '“”"', "”": '”"', "«": "»"}
_LABEL = re.compile(r"([^\W\d]\w*)\s*(?:=>|=)\s*(?=[\[{])")
_LABEL_WITH_COLON = re.compile(r"[\"']?([^\W\d]\w*)[\"']?\s*(?:=>|=|:)\s*(?=[\[{])")
_PLACEHOLDER_ID = re.compile(r"\{{1,2}[\w.]+\}|[\[{<(]{1,2}\s*[$%]?[^\W\d][\w .,-]*[\]})>]{1,2}(?=\s*[:|,;\]})>]|\s*$)")
_STRAYS = re.compile(r"[\]}]+(?=\s*:\s*[^\s\]])")
_TEXT = r"[\"'“]([^\"'“”{}:]*)[\"'”]"
_TEXTS = re.compile(rf"\{{(?:\s*{_TEXT}(?:\s*,)?)+\s*\}}")
"""`{"text"}` and `{"One", "Two"}`"""
_OTHER_SEPARATOR = re.compile(r"[,;|]\s*(?=[\w\"'=]+\s*[\]:,;|])")
"""Behind JSON, before a plain field."""
_ESCAPE = re.compile(r"\\([:\[\]\\])")
_BLANK_END = re.compile(r"[ \t]*(?:[*_`\"'”|]|</\w+>)*[ \t.!]*(?=\n|$)")


class Cleaned(NamedTuple):
    """A stretch of a text without what only disturbs, and where each character of it came from."""

    text: str
    origin: list[int]


def cleaned(text: str, start: int, limit: int) -> Cleaned:
    """Without invisible characters, HTML entities, the backslashes of Markdown, and those before JSON's own quotes."""
    stretch = text[start:limit]
    in_markdown = text.endswith("\\", 0, start) or stretch.startswith("\\")
    slashes = escaped_opener(stretch)
    parts: list[str] = []
    origin: list[int] = []
    end = 0
    for found in _CHANGED.finditer(stretch):
        kept = _kept(found, slashes, in_markdown=in_markdown)
        parts += [stretch[end : found.start()], kept]
        origin += [*range(start + end, start + found.start()), *([start + found.start()] * len(kept))]
        end = found.end()
    parts.append(stretch[end:])
    origin += [*range(start + end, limit + 1)]
    return Cleaned("".join(parts), origin)


def _kept(found: re.Match[str], slashes: int, *, in_markdown: bool) -> str:
    if found["shown"]:
        return found.group()
    if found["slashes"]:
        return "" if len(found["slashes"]) == slashes else found["slashes"]
    if found["bracket"]:
        return found["bracket"] if in_markdown else found.group()
    return html.unescape(found["entity"]) if found["entity"] else found["escaped"] or ""


class Split(NamedTuple):
    pieces: list[Piece]
    end: int
    closed: bool
    """Whether a closing bracket ends the code."""


def split(text: str, pos: int, separator: str, closer: str) -> Split:
    """The pieces from `pos` on. Raises Hopeless. `closer`: the bracket that ends the code; none: the line does."""
    for stop in _stops(text, pos):
        found = _Splitter(text[:stop], separator, closer).run(pos)
        if found.closed:
            return found
    line = _stops(text, pos)[0]
    return _Splitter(text[:line], separator, closer).run(pos)


def _stops(text: str, pos: int) -> list[int]:
    """Where a code may end at the latest: with its line, with its paragraph, or with the text."""
    line, paragraph = text.find("\n", pos), re.compile(r"\n[ \t]*\n").search(text, pos)
    stops = [line, -1 if paragraph is None else paragraph.start(), len(text)]
    return [stop for stop in stops if stop >= 0]


class _Splitter:
    def __init__(self, text: str, separator: str, closer: str) -> None:
        self._text = text
        self._separator = separator
        self._closer = closer
        self._pieces: list[Piece] = []

    def run(self, pos: int) -> Split:
        text = self._text
        while True:
            pos = self._piece(pos)
            if pos >= len(text) or text[pos] == "\n":
                return Split(self._pieces, min(pos, len(text)), not self._closer)
            if self._at_separator(pos):
                pos += len(self._separator)
            elif isinstance(self._pieces[-1].value, dict | list) and (other := _OTHER_SEPARATOR.match(text, pos)):
                pos = other.end()
            elif text[pos] != " " or self._separator != " ":
                return Split(self._pieces, pos, closed=True)

    def _skip(self, pos: int) -> int:
        while pos < len(self._text) and self._text[pos].isspace():
            pos += 1
        return pos

    def _at_separator(self, pos: int) -> bool:
        text, separator = self._text, self._separator
        if separator == " ":
            return text[pos : pos + 1] in (" ", "\t")
        if separator == ":":
            return text[pos : pos + 1] in tuple(COLONS) and not text.startswith("//", pos + 1)
        return text.startswith(separator, pos)

    def _piece(self, pos: int) -> int:
        """Take the piece that begins at `pos`; where it ends."""
        text, start = self._text, self._skip(pos)
        if start >= len(text):
            self._pieces.append(Piece(start, start, None))
            return start
        label = (_LABEL if self._separator in ":=" else _LABEL_WITH_COLON).match(text, start)
        at = start if label is None else label.end()
        if text[at] in "{[" and not _PLACEHOLDER_ID.match(text, at):
            end = self._json(start, at, "" if label is None else label[1])
            if end is not None:
                return end
        if text[start] in _QUOTES:
            end = self._quoted(start)
            if end is not None:
                return end
        return self._plain(start)

    def _json(self, start: int, at: int, label: str) -> int | None:
        try:
            loose = read_loose(self._text, at)
        except Hopeless:
            only = _TEXTS.match(self._text, at)
            if only is None:
                raise
            texts = re.findall(_TEXT, only.group())
            loose = Loose(texts if len(texts) > 1 else texts[0], only.end())
        end = self._skip_strays(loose.end)
        is_end = end >= len(self._text) or self._at_separator(end) or self._ends(end)
        if not is_end and not _OTHER_SEPARATOR.match(self._text, end):
            return None
        self._pieces.append(Piece(start, loose.end, loose.value, label))
        return end

    def _skip_strays(self, pos: int) -> int:
        """Past closing brackets too many, where fields follow them."""
        end = self._skip(pos) if self._separator != " " else pos
        strays = _STRAYS.match(self._text, end)
        return end if strays is None or "]" not in self._text[strays.end() :] else self._skip(strays.end())

    def _quoted(self, start: int) -> int | None:
        """A text in quotes that ends where its quotes do."""
        text, closing = self._text, _QUOTES[self._text[start]]
        end = start + 1
        while end < len(text) and text[end] != "\n":
            if text[end] == "\\":
                end += 1
            elif text[end] in closing:
                after = self._skip(end + 1) if self._separator != " " else end + 1
                if after >= len(text) or self._at_separator(after) or self._ends(after):
                    value = re.sub(r"\\(.)", r"\1", text[start + 1 : end]).strip()
                    self._pieces.append(Piece(start, end + 1, value or None))
                    return after
            end += 1
        return None

    def _plain(self, start: int) -> int:
        text, pos, depth = self._text, start, 0
        while pos < len(text):
            char = text[pos]
            if char == "\\":
                pos += 2
                continue
            if not depth and (self._at_separator(pos) or self._ends(pos)):
                break
            if char in "[(":
                depth += 1
            elif char in "])" and depth:
                depth -= 1
            elif char == "\n":
                break
            pos += 1
        pos = min(pos, len(text))
        written = text[start:pos].strip()
        if (wrapped := WRAPPED.fullmatch(written)) is not None:
            written = wrapped["text"].strip()
        self._pieces.append(Piece(start, start + len(written), _ESCAPE.sub(r"\1", written) or None))
        return pos

    def _ends(self, pos: int) -> bool:
        """Whether the code is closed here."""
        char, closer = self._text[pos], self._closer
        if not closer:
            return False
        if char in ("]", closer):
            return True
        return char in "]})>»】」）］" and _BLANK_END.match(self._text, pos + 1) is not None
