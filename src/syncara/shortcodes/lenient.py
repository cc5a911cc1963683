"""JSON as language models write it: one object or list, read from the middle of a text.

What is certain is repaired, and said: smart and single quotes, trailing commas, Python's words, bare keys, bare
placeholders, raw line breaks. Everything else that is not JSON is an error with its place; nothing is guessed. Reading
takes linear time, and no text makes it raise anything but BadJson.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from syncara.core.limits import JSON_DEPTH_MAX
from syncara.shortcodes.characters import DOUBLE_QUOTES, INVISIBLE, SINGLE_QUOTES

SMART_QUOTES = "smart quotes instead of straight ones"
STRAIGHT_SINGLE_QUOTES = "single quotes instead of double ones"
TRAILING_COMMA = "a trailing comma"
PYTHON_WORDS = "True, False or None instead of true, false or null"
BARE_KEYS = "keys without quotes"
BARE_PLACEHOLDER = "a placeholder without quotes"
RAW_BREAK = "a line break inside a text"
NEEDLESS_ESCAPE = "a needless backslash"

SPACE = rf"[\s{INVISIBLE}]*+"
PLACEHOLDER = re.compile(r"\{(?:(?:context|steps|secret)\.|(?:item|index)\b)[^{}:\"'\n]*+\}")
_TOKEN = re.compile(
    SPACE + r'(?:"([^"\\\x00-\x1f]*+)"'
    r"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![\w.+-]))"
    r"|([,:\]}])"
    r"|([{\[])"
    rf"|([\"'{DOUBLE_QUOTES}{SINGLE_QUOTES}])"
    r"|([^\W\d]\w*+))?"
)
_PLAIN = re.compile(SPACE + r'(?:"([^"\\\x00-\x1f]*+)"|(0|[1-9][0-9]{0,17}+))' + SPACE + ",")
_STRING, _NUMBER, _MARK, _OPEN, _QUOTE, _WORD = range(1, 7)
_QUOTED = {
    '"': re.compile(r'((?:[^"\\]|\\[\s\S])*+)"'),
    "'": re.compile(r"((?:[^'\\]|\\[\s\S])*+)'"),
    **{
        quote: re.compile(rf"((?:[^{alike}\\]|\\[\s\S])*+)[{alike}]")
        for alike in (DOUBLE_QUOTES + '"', SINGLE_QUOTES + "'")
        for quote in alike[:-1]
    },
}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[\s\S])")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NEEDLESS = "':[]" + DOUBLE_QUOTES + SINGLE_QUOTES
_TO_THE_END = re.compile(r"[^\s,:{}\]\"]*+\Z")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_DIGITS_SAFE, _DIGITS_MAX = 18, 20
_CLOSED: Any = object()


class Json(msgspec.Struct, frozen=True, gc=False):
    value: Any
    """A dict or a list."""
    end: int
    repairs: tuple[str, ...]
    keys: dict[str, tuple[int, int]]
    """Where the keys of the outermost object stand."""


class BadJson(Exception):
    """What is no JSON, and cannot be read as any with certainty."""

    def __init__(self, message: str, at: int, fix: str = "", *, text_at: int = -1, cut: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.fix = fix
        self.text_at = text_at
        """Where the text in quotes began that ends at, or runs over, `at`; else -1."""
        self.cut = cut
        """The text as a whole ends before the JSON does."""


def read_json(text: str, start: int) -> Json:
    """The object or list whose `{` or `[` is at `start`. Raises BadJson."""
    return _Reader(text, start).read()


class _Reader:
    __slots__ = ("_keys", "_pos", "_repairs", "_start", "_text", "_text_at")

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._pos = start
        self._repairs: dict[str, None] = {}
        self._keys: dict[str, tuple[int, int]] = {}
        self._text_at = -1

    def read(self) -> Json:
        top: Any = self._container()
        outer: list[Any] = []
        more, comma = True, False
        while True:
            if more and type(top) is list:
                comma = self._plain(top) or comma
            value = self._entry(top, more, outermost=not outer)
            if value is _CLOSED:
                if comma:
                    self._repairs[TRAILING_COMMA] = None
                if not outer:
                    return Json(top, self._pos, tuple(self._repairs), self._keys)
                top = outer.pop()
            elif type(value) is dict or type(value) is list:
                outer.append(top)
                top, more, comma = value, True, False
                if len(outer) >= JSON_DEPTH_MAX:
                    raise BadJson(f"the JSON is nested deeper than {JSON_DEPTH_MAX} levels", self._pos - 1)
                continue
            more = comma = self._comma()

    def _container(self) -> Any:
        opened = self._text[self._pos]
        self._pos += 1
        return {} if opened == "{" else []

    def _plain(self, top: list[Any]) -> bool:
        """Take the entries that are plain and followed by a comma, quickly; whether there were any."""
        text, pos = self._text, self._pos
        while (entry := _PLAIN.match(text, pos)) is not None:
            top.append(entry[1] if entry[2] is None else int(entry[2]))
            pos = entry.end()
        found = pos > self._pos
        if found:
            self._pos, self._text_at = pos, -1
        return found

    def _entry(self, top: Any, more: bool, *, outermost: bool) -> Any:
        """Put the next entry into `top`; its value, empty for now if it has entries itself. `more`: one may come."""
        is_object = type(top) is dict
        token = _TOKEN.match(self._text, self._pos)
        assert token is not None
        if token.lastindex == _MARK and token[_MARK] == ("}" if is_object else "]"):
            self._pos, self._text_at = token.end(), -1
            return _CLOSED
        if not more:
            raise self._unexpected("a comma or a closing bracket is missing here")
        if not is_object:
            value = self._value(token)
            top.append(value)
            return value
        key_at = token.end() if token.lastindex is None else token.start(token.lastindex)
        key = self._key(token)
        if key in top:
            raise BadJson(f"the key '{key[:40]}' stands here twice", key_at, "keep one of them")
        if outermost:
            self._keys[key] = (key_at, self._pos if token[_STRING] is None else token.end(_STRING))
        self._colon()
        token = _TOKEN.match(self._text, self._pos)
        assert token is not None
        top[key] = value = self._value(token)
        return value

    def _comma(self) -> bool:
        if self._text.startswith(",", self._pos):  # the usual case, quickly
            self._pos, self._text_at = self._pos + 1, -1
            return True
        token = _TOKEN.match(self._text, self._pos)
        if token is None or token[_MARK] != ",":
            return False
        self._pos, self._text_at = token.end(), -1
        return True

    def _colon(self) -> None:
        if self._text.startswith(":", self._pos):
            self._pos, self._text_at = self._pos + 1, -1
            return
        token = _TOKEN.match(self._text, self._pos)
        if token is None or token[_MARK] != ":":
            raise self._unexpected("a colon is missing after the key")
        self._pos, self._text_at = token.end(), -1

    def _key(self, token: re.Match[str]) -> str:
        kind = token.lastindex
        if kind in (_STRING, _QUOTE):
            return self._string(token)
        if kind == _WORD and token[_WORD] not in _WORDS:
            self._pos = token.end()
            self._repairs[BARE_KEYS] = None
            return token[_WORD]
        raise self._unexpected("a key in double quotes is missing here")

    def _value(self, token: re.Match[str]) -> Any:
        kind = token.lastindex
        if kind in (_STRING, _QUOTE):
            return self._string(token)
        if kind == _NUMBER:
            return self._number(token)
        if kind == _OPEN:
            self._pos = token.start(_OPEN)
            bare = PLACEHOLDER.match(self._text, self._pos)
            if bare is None:
                return self._container()
            self._pos = bare.end()
            self._repairs[BARE_PLACEHOLDER] = None
            return bare.group()
        if kind == _WORD:
            return self._word(token)
        raise self._unexpected("a value is missing here")

    def _word(self, token: re.Match[str]) -> Any:
        word = token[_WORD]
        if word not in _WORDS:
            raise self._unexpected(f"'{word[:40]}' is no JSON value", "put text in double quotes")
        if word[0].isupper():
            self._repairs[PYTHON_WORDS] = None
        self._pos = token.end()
        return _WORDS[word]

    def _number(self, token: re.Match[str]) -> int | float:
        written = token[_NUMBER]
        self._pos = token.end()
        if len(written) <= _DIGITS_SAFE and written.isdigit():
            return int(written)
        if written.lstrip("-").isdigit():
            if len(written) <= _DIGITS_MAX and -(1 << 63) <= (whole := int(written)) < 1 << 64:
                return whole
        elif math.isfinite(number := float(written)):
            return number
        raise BadJson("this number is beyond 64 bits", token.start(_NUMBER), "put it in quotes, as text")

    def _string(self, token: re.Match[str]) -> str:
        if token.lastindex == _STRING:
            self._text_at = token.start(_STRING) - 1
            self._pos = token.end()
            return token[_STRING]
        start = self._text_at = token.start(_QUOTE)
        quote = token[_QUOTE]
        body = _QUOTED[quote].match(self._text, start + 1)
        if body is None:
            raise BadJson("this text in quotes is not closed", start, "close it", text_at=start, cut=True)
        self._pos = body.end()
        written = body[1]
        if quote != '"':
            self._repairs[STRAIGHT_SINGLE_QUOTES if quote == "'" else SMART_QUOTES] = None
        if "\n" in written:
            self._repairs[RAW_BREAK] = None
        return self._unescaped(written, start + 1, quote) if "\\" in written else written

    def _unescaped(self, written: str, at: int, quote: str) -> str:
        def replaced(escape: re.Match[str]) -> str:
            kind = escape[1]
            if kind in _ESCAPES:
                return _ESCAPES[kind]
            if len(kind) > 1:
                return chr(int(kind[1:], 16))
            if kind not in _NEEDLESS:
                fix = "write a backslash that belongs to the text twice"
                raise BadJson(f"'{escape.group()}' is no escape of JSON", at + escape.start(), fix)
            if quote == '"':
                self._repairs[NEEDLESS_ESCAPE] = None
            return kind

        result = _ESCAPE.sub(replaced, written)
        if _SURROGATE.search(result) is None:
            return result
        try:
            return result.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            message = "an escape in this text is half of a character"
            raise BadJson(message, at - 1, "write the character itself") from None

    def _unexpected(self, message: str, fix: str = "") -> BadJson:
        """The next thing is not what has to come."""
        token = _TOKEN.match(self._text, self._pos)
        assert token is not None
        at = token.end() if token.lastindex is None else token.start(token.lastindex)
        at -= token.lastindex == _STRING
        if _TO_THE_END.match(self._text, at):
            return BadJson("the JSON is not closed", self._start, "close it", cut=True)
        if self._text_at >= 0:
            fix = 'write a double quote inside a text as \\"'
            message = "after the text in quotes comes something that does not belong there"
            return BadJson(message, at, fix, text_at=self._text_at)
        return BadJson(message, at, fix)
