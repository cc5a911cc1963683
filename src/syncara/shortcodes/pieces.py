"""From the inside of a code to its pieces: what stands between the colons, as text or JSON.

Text ends at a colon or `]` that is neither escaped nor inside brackets of its own, nor the colon of a URL; JSON ends
where JSON ends. A piece never runs into the next code, nor over an empty line or a fence: its code was never closed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from syncara.shortcodes.characters import DOUBLE_QUOTES, OPENING_QUOTES, SINGLE_QUOTES
from syncara.shortcodes.lenient import PLACEHOLDER, SPACE, BadJson, Json, read_json

PIECES_MAX = 24
COLON = r"write a colon that belongs to a text as \:"
QUOTED_FIELD = "quotes around a field"

_URL_COLON = r"(?<=[A-Za-z]):(?=//)"
_URL = re.compile(_URL_COLON)
_SIMPLE = re.compile(rf"[ \t\r\n]*+((?:[^\\\[\]:{{}}{OPENING_QUOTES}=\n]++|{_URL_COLON})*+)([:\]])")
_SPACE = re.compile(SPACE)
_RUN = re.compile(rf"(?:[^\\\[\]:\n]++|\\[^\n]|\\(?=\n|\Z)|{_URL_COLON})++")
_BREAK = re.compile(r"\n[ \t]*+(?:\r?\n\s*+(?![\s:\]]|\Z)|`{3}|~{3})")
_KEY = re.compile(r"([A-Za-z_]\w*+)[ \t]*+=(?!=)" + SPACE)
_ALIKE = {'"': '"', "'": "'", "“": DOUBLE_QUOTES + '"', "‘": SINGLE_QUOTES + "'"}
_QUOTED = {quote: re.compile(rf"{quote}((?:[^{alike}\\\n]|\\.)*+)\\?([{alike}])?") for quote, alike in _ALIKE.items()}
_DELIMITER = re.compile(r"(?<!\\)[:\[\]]")
_LIST = re.compile(rf"\[\s*+(?:[{OPENING_QUOTES}{{\[\]\d-]|(?:true|false|null|True|False|None)\b|\Z)")
_LIST_FOR_SURE = re.compile(rf"\[\s*+[{OPENING_QUOTES}{{\[]")
_ESCAPE = re.compile(r"\\([:\[\]\\])")
_ESCAPE_IN_QUOTES = re.compile(r"\\([:\[\]\\\"'])")


class Piece(msgspec.Struct, frozen=True, gc=False):
    """One piece. `value` is its text, without the spaces around it and escapes resolved, or what its JSON says."""

    kind: Literal["empty", "text", "quoted", "json"]
    start: int
    end: int
    value: Any
    key: str = ""
    """Of `key=value`; `start` is then the key's, `value_start` and `value` what follows the sign."""
    value_start: int = -1
    json: Json | None = None
    repairs: tuple[str, ...] = ()


class Wrong(Exception):
    """What keeps a code from being read; the scanner makes a CodeProblem of it."""

    def __init__(
        self,
        code: str,
        message: str,
        at: tuple[int, int],
        fix: str = "",
        *,
        field: str = "",
        allowed: str = "",
        nearest: str = "",
        resume: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at = at
        self.fix = fix
        self.field = field
        self.allowed = allowed
        self.nearest = nearest
        self.resume = resume
        """Where the next code may begin; None: after this one."""
        self.pieces: Sequence[Piece] = ()
        """Those read before."""


_EMPTY = Piece("empty", 0, 0, "")


def plain(written: str) -> str:
    """Text with its escapes resolved."""
    if "\\" not in written:
        return written
    return _ESCAPE.sub(r"\1", written.removeprefix("\\") if written.startswith("\\{") else written)


class Lexer:
    """Reads the insides of the codes of one text. `openers` are the places where codes begin, in order."""

    def __init__(self, text: str, openers: Sequence[int]) -> None:
        self._text = text
        self._openers = openers
        self._opens = frozenset(openers)

    def pieces(self, pos: int) -> tuple[list[Piece], int]:
        """The pieces from `pos` on, and where the code has ended. Raises Wrong."""
        found: list[Piece] = []
        try:
            return found, self._read(pos, found)
        except Wrong as wrong:
            wrong.pieces = found
            raise

    def _read(self, pos: int, found: list[Piece]) -> int:
        text = self._text
        while True:
            simple = _SIMPLE.match(text, pos)
            if simple is not None:
                value, start = simple[1].rstrip(), simple.start(1)
                piece = Piece("text", start, start + len(value), value) if value else _EMPTY
                pos = simple.end() - 1
            else:
                piece, pos = self._piece(pos)
            found.append(piece)
            if text[pos] == "]":
                return pos + 1
            if len(found) == PIECES_MAX:
                message = f"the code has more than {PIECES_MAX} fields"
                raise Wrong("too_many_fields", message, (pos, pos + 1), COLON, resume=pos)
            pos += 1

    def rest(self, pos: int) -> tuple[Piece, int]:
        """Everything from `pos` to the end of the code as one text, and where the code has ended. Raises Wrong."""
        text = self._text
        start = self._skip(pos)
        if text.startswith(("{", "["), start):
            try:
                end = self._skip(read_json(text, start).end)
            except BadJson as error:
                if error.cut:
                    raise self._torn(error, start) from None
                end = start
            if text.startswith("]", end) and end > start:
                return Piece("text", start, end, text[start:end].rstrip()), end + 1
        end = self._text_end(start, start, colons=False)
        written = text[start:end].rstrip()
        return Piece("text", start, start + len(written), plain(written)), end + 1

    def _skip(self, pos: int) -> int:
        space = _SPACE.match(self._text, pos)
        return pos if space is None else space.end()

    def _piece(self, pos: int) -> tuple[Piece, int]:
        """The piece from `pos` on, and the place of the colon or bracket that ends it."""
        text, start = self._text, self._skip(pos)
        key = _KEY.match(text, start)
        name, at = ("", start) if key is None else (key[1], key.end())
        first = text[at : at + 1]
        if first in ("{", "[") and at not in self._opens:
            read = self._json(at)
            if read is not None:
                end = self._skip(read.end)
                return Piece("json", start, read.end, read.value, name, at, read, read.repairs), end
        elif first in _QUOTED and (closed := self._quoted_end(at, first)) is not None:
            value = _ESCAPE_IN_QUOTES.sub(r"\1", text[at + 1 : closed - 1]).strip()
            piece = Piece("quoted", start, closed, value, name, at, None, (QUOTED_FIELD,))
            return piece if value else _EMPTY, self._skip(closed)
        end = self._text_end(at, start)
        written = text[at:end].rstrip()
        return Piece("text", start, at + len(written), plain(written), name, at), end

    def _quoted_end(self, at: int, quote: str) -> int | None:
        """Where the field in quotes that begins at `at` ends; None when it is text that only begins with a quote."""
        quoted = _QUOTED[quote].match(self._text, at)
        assert quoted is not None
        end = quoted.end()
        after = end if quoted[2] is None else self._skip(end)
        if after == len(self._text):
            raise self._cut(at)
        if quoted[2] is not None and self._text[after] in ":]":
            return end
        if quoted[2] is not None and not _DELIMITER.search(quoted[1]):
            return None
        message = "it is not clear where this field ends: it begins with a quote"
        fix = r"close the quote at the end of the field, or write \: \[ \] for what is part of a text"
        raise Wrong("ambiguous", message, (at, end), fix, resume=end)

    def _json(self, at: int) -> Json | None:
        """The JSON that begins at `at`; None when it is text that only begins like it."""
        text = self._text
        if PLACEHOLDER.match(text, at):
            return None
        if text[at] == "[" and not _LIST.match(text, at):
            return None
        surely = text[at] == "{" or _LIST_FOR_SURE.match(text, at) is not None
        try:
            read = read_json(text, at)
        except BadJson as error:
            if surely or error.cut:
                raise self._torn(error, at) from None
            return None
        end = self._skip(read.end)
        if text.startswith((":", "]"), end):
            return read
        if end == len(text):
            raise self._cut(at)
        if end in self._opens:
            raise self._unclosed(at, read.end)
        if surely:
            fix = "end the field after its JSON with a colon or ]"
            raise Wrong("bad_json", "something follows the JSON of this field", (end, end + 1), fix, resume=end)
        return None

    def _text_end(self, pos: int, start: int, *, colons: bool = True) -> int:
        """Where the text that runs from `pos` ends; `start` is where its piece began."""
        text, size, depth, escaped = self._text, len(self._text), 0, 0
        while pos < size:
            match text[pos]:
                case ":" if not depth and colons and not _URL.match(text, pos):
                    return pos
                case "]" if not depth:
                    return pos
                case "]":
                    depth -= 1
                case "[":
                    if pos in self._opens:
                        raise self._unclosed(start, pos)
                    depth += 1
                case "\n":
                    if _BREAK.match(text, pos):
                        raise self._unclosed(start, pos)
                    pos = self._skip(pos) - 1
                case ":":
                    pass
                case _:
                    run = _RUN.match(text, pos)
                    assert run is not None
                    pos = run.end() - 1
                    if "\\" in run[0]:  # an escaped ] without an escaped [ before it closes a plain one
                        escaped += run[0].count("\\[") - run[0].count("\\]")
                        depth, escaped = max(depth + min(escaped, 0), 0), max(escaped, 0)
            pos += 1
        raise self._cut(start)

    def _cut(self, at: int) -> Wrong:
        size = len(self._text)
        message = "the reply ends in the middle of this code"
        return Wrong("cut_off", message, (at, size), "write the code to its end, with ]", resume=size)

    def _unclosed(self, start: int, stop: int) -> Wrong:
        end = start + len(self._text[start:stop].rstrip())
        message = "the code is not closed"
        fix = r"end it with ]; write a [ that belongs to a text as \["
        return Wrong("unclosed", message, (start, max(end, start)), fix, resume=stop)

    def _torn(self, error: BadJson, at: int) -> Wrong:
        """JSON that cannot be read: its code was cut off, or never closed, or has a mistake in it."""
        text_at = error.text_at
        swallowed = None if text_at < 0 else self._swallowed(text_at, len(self._text) if error.cut else error.at)
        if swallowed is not None:
            message = "the text in quotes that begins here is not closed"
            return Wrong("bad_json", message, (text_at, text_at + 1), "close it", resume=swallowed)
        if error.cut:
            return self._cut(at)
        if error.at in self._opens:
            return self._unclosed(at, error.at)
        return Wrong("bad_json", error.message, (error.at, error.at + 1), error.fix, resume=error.at)

    def _swallowed(self, start: int, stop: int) -> int | None:
        """The first code on a later line of what was read as one text in quotes: then that text was never closed."""
        line_end = self._text.find("\n", start, stop)
        if line_end < 0:
            return None
        next_at = bisect_right(self._openers, line_end)
        return self._openers[next_at] if next_at < len(self._openers) and self._openers[next_at] < stop else None
