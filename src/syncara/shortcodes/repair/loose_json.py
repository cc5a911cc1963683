"""JSON with mistakes in it, read as what its author must have meant.

Beyond what `lenient` accepts: missing and needless brackets, commas, colons and quotes, quotes inside texts, comments,
`=` for the colon, quotes with backslashes before them, values without quotes. What is offered as a correction is shown
to its author before it acts, so that more may be guessed here than where a reply is carried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from syncara.core.limits import JSON_DEPTH_MAX
from syncara.shortcodes.characters import CLOSING
from syncara.shortcodes.lenient import PLACEHOLDER

_SPACE = re.compile(r"(?:[\s\u200b\ufeff]|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
_QUOTES = "\"'“”„‟‘’‚‛«»"
_DOUBLE, _SINGLE = '"“”„‟«»', "'‘’‚‛"
_COLON = re.compile(r"\s*(?:=>|:|=|：)\s*")
_KEY = re.compile(r"[^\W\d][\w$. -]*?(?=[\"'“”]?\s*(?:=>|[:=：]))")
_NEXT_KEY = r"(?:\\*[\"'“”„‟‘’«»][^\"'“”„‟‘’«»\n]{1,60}\\*[\"'“”„‟‘’«»]|[^\W\d][\w$.-]{0,60})\s*(?:=>|[:=：])(?!//)"
_NEXT_MEMBER = re.compile(rf"\s*[,;]?\s*(?:(?://|#)[^\n]*\n\s*)?{_NEXT_KEY}")
_AFTER_COMMA = re.compile(rf"\s*[,;][\s,;]*(?:$|[}}\]]|//|#|/\*|{_NEXT_KEY})")
_NEXT_ITEM = re.compile(r"\s+[\"“](?=[^\s,\]])|\s*,\s*(?:[\"'“”„‟‘’{\[\d-]|true|false|null|//|#|/\*|\]|$)|\s*\]|\s*$")
KEY_CHARS_MAX = 80
_MEMBER_IN_TEXT = re.compile(r"\s*(?:\}\s*,\s*\{|,)\s*[\"“”][\w$.-]{1,60}[\"“”]\s*:\s*(?=[\"“”{\[\d]|true|false|null)")
_MEMBER_AT_ONCE = re.compile(r"[\"“”][\w$.-]{1,60}[\"“”]\s*:\s*(?=[\"“”{\[\d]|true|false|null)")
_COMMENT = re.compile(r"\s*(?://|/\*|#)")
_WEAK_CLOSER = re.compile(r"\s*[:\]]")
_CLOSERS = re.compile(rf"\s*[{CLOSING}\\]+\s*(?=[:,;|{{»{CLOSING}]|//|#|$|\n)|\s*$")
_NEXT_FIELD = re.compile(r"\s*:(?!//)")
_CLOSERS_AT_END = re.compile(r"\s*[}\]]+(?=\s*(?::(?!//)[^{}]*)?\]?\s*$)")
_NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_SURE_NUMBER = re.compile(_NUMBER)
_THOUSANDS = re.compile(r"\d{1,3}\.\d\d0")
_UNDERSCORED = re.compile(r"\d+(?:_\d+)+")
_WORDS = {"true": True, "false": False, **dict.fromkeys(("null", "none", "nil", "undefined"))}
_BARE_END = re.compile(rf"[,;]\s*(?:{_NEXT_KEY})|\s+(?=[\"'“][^\"'”\n]{{1,60}}[\"'”]\s*[:=])|[}}\]\n]|[,;]\s*$|$")
_BARE_ITEM_END = re.compile(r"[,\]}\n]|$")
_SURE = re.compile(
    rf"(?:{_NUMBER}|(?:{'|'.join(_WORDS)})\b)(?=\s*(?:[,;}}\]:\n\"'“]|//|/\*|#|$))",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{1,2}:\d\d\s*[,}\"']")
_GROUPED = re.compile(r",\d")  # `"seconds":1,200`: no key can follow there
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED_OPENER = re.compile(r"[{\[]\s*(\\+)[\"']")
_BLANK = re.compile(r"\.{3}|…|_{2,}|<[^<>]*>")


class Hopeless(Exception):
    """Not even a guess can be made."""


class Unclosed(dict[str, Any]):
    """An object of which a brace is missing, its own or that of an object in it."""


class Loose(NamedTuple):
    value: Any
    end: int


def read_loose(text: str, start: int) -> Loose:
    """The object or list that begins at `start`. Raises Hopeless."""
    reader = _Reader(text, start)
    value = reader.container(0)
    return Loose(Unclosed(value) if reader.unclosed and isinstance(value, dict) else value, reader.pos)


def escaped_opener(text: str) -> int:
    r"""How many backslashes stand before the first quote inside a bracket, as in `{\"a\":1}`."""
    found = _ESCAPED_OPENER.search(text)
    return 0 if found is None else len(found[1])


class _Reader:
    def __init__(self, text: str, pos: int) -> None:
        self._text = text
        self.pos = pos
        self._open: list[str] = []
        self.unclosed = False
        """Whether an object has ended without its brace."""

    def container(self, depth: int) -> Any:
        if depth > JSON_DEPTH_MAX:
            raise Hopeless
        opened = self._text[self.pos]
        self.pos += 1
        self._open.append(opened)
        value: Any = self._members(depth) if opened == "{" else self._items(depth)
        self._open.pop()
        return value

    def _skip(self) -> str:
        """Pass over spaces and comments; the next character, or nothing at the end."""
        space = _SPACE.match(self._text, self.pos)
        assert space is not None
        self.pos = space.end()
        return self._text[self.pos : self.pos + 1]

    def _members(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            char = self._skip()
            lost = not char or char == "]" or self._is_next_field(found)
            if lost or (char == "{" and found and "[" in self._open):
                self.unclosed = True
                return found
            if char in "},;]":
                self.pos += 1
                if char == "}":
                    return found
                continue
            key = self._key()
            if key in found:
                raise Hopeless
            found[key] = self._value(depth, in_object=True)

    def _items(self, depth: int) -> list[Any]:
        found: list[Any] = []
        while True:
            char = self._skip()
            if not char or self._is_next_field(found) or (found and self._is_member()):
                return found
            if char == "}":
                if "{" in self._open:
                    return found
                self.pos += 1
                continue
            if char in "],;":
                self.pos += 1
                if char == "]":
                    return found
                continue
            found.append(self._value(depth, in_object=False))

    def _is_next_field(self, found: Any) -> bool:
        """A colon after a value: the brackets before it were forgotten, and the next field of the code follows."""
        return bool(found) and _NEXT_FIELD.match(self._text, self.pos) is not None

    def _is_member(self) -> bool:
        """Whether a key comes next within a list in an object: the bracket before it was forgotten."""
        return "{" in self._open and _MEMBER_AT_ONCE.match(self._text, self.pos) is not None

    def _key(self) -> str:
        text, is_quoted = self._text, self._text[self.pos] in _QUOTES
        closing = (at for at in self._quotes(text[self.pos]) if _COLON.match(text, at + 1)) if is_quoted else iter(())
        end, bare = next(closing, None), _KEY.match(text, self.pos + is_quoted)
        if end is not None and (bare is None or bare.end() >= end):
            key, self.pos = _unescaped(text[self.pos + 1 : end]), end + 1
        elif bare is not None:
            key, self.pos = bare.group(), bare.end()
            self.pos += text[self.pos : self.pos + 1] in tuple(_QUOTES)
        else:
            raise Hopeless
        colon = _COLON.match(text, self.pos)
        if colon is None:
            raise Hopeless
        self.pos = colon.end()
        return key.strip()

    def _value(self, depth: int, *, in_object: bool) -> Any:
        char = self._skip()
        if not char:
            raise Hopeless
        if char in "{[":
            placeholder = PLACEHOLDER.match(self._text, self.pos)
            if placeholder is None:
                return self.container(depth + 1)
            self.pos = placeholder.end()
            return placeholder.group()
        if char in _QUOTES:
            return self._string(char, in_object=in_object)
        return self._bare(in_object=in_object)

    def _quotes(self, opening: str) -> Iterator[int]:
        """Where the marks stand that may close a text."""
        same = _DOUBLE if opening in _DOUBLE else _SINGLE
        at = self.pos + 1
        while at < len(self._text):
            if self._text[at] == "\\":
                at += 1
            elif self._text[at] in same:
                yield at
            at += 1

    def _string(self, opening: str, *, in_object: bool) -> str:
        text, start = self._text, self.pos + 1
        for at in self._quotes(opening):
            if self._closes(at, in_object=in_object):
                early = _MEMBER_IN_TEXT.search(text, start, at + KEY_CHARS_MAX) if opening in _DOUBLE else None
                if not in_object or early is None or early.start() >= at:
                    self.pos = at + 1
                    return _unescaped(text[start:at])
                self.pos = early.start()
                return _unescaped(text[start : self.pos])
        weak = next((at for at in self._quotes(opening) if _WEAK_CLOSER.match(text, at + 1)), None)
        if weak is not None:
            self.pos = weak + 1
            return _unescaped(text[start:weak])
        end = _CLOSERS_AT_END.search(text, start)
        self.pos = len(text) if end is None else end.start()
        return _unescaped(text[start : self.pos].rstrip(_QUOTES))

    def _closes(self, at: int, *, in_object: bool) -> bool:
        """Whether the quote at `at` closes a text, by what follows it."""
        text, after = self._text, at + 1
        if _CLOSERS.match(text, after):
            return True
        if not in_object:
            return _NEXT_ITEM.match(text, after) is not None
        if _AFTER_COMMA.match(text, after) or _COMMENT.match(text, after) or _MEMBER_AT_ONCE.match(text, after):
            return True
        return text[after : after + 1].isspace() and _NEXT_MEMBER.match(text, after) is not None

    def _bare(self, *, in_object: bool) -> Any:
        """A value without quotes."""
        text = self._text
        sure = _SURE.match(text, self.pos)
        is_grouped = sure is not None and in_object and _GROUPED.match(text, sure.end())
        if sure is not None and not is_grouped and not _TIME.match(text, self.pos):
            self.pos = sure.end()
            return _plain_value(sure.group())
        end = (_BARE_END if in_object else _BARE_ITEM_END).search(text, self.pos)
        assert end is not None
        written, self.pos = text[self.pos : end.start()].strip(), end.start()
        if not written or _BLANK.fullmatch(written):
            raise Hopeless
        return _plain_value(written)


def _plain_value(written: str) -> Any:
    """What a text without quotes says."""
    if written.casefold() in _WORDS:
        return _WORDS[written.casefold()]
    if _THOUSANDS.fullmatch(written):
        return written  # a fraction or thousands: what takes it tells which
    if _SURE_NUMBER.fullmatch(written):
        return float(written) if re.search(r"[.eE]", written) else int(written)
    if _UNDERSCORED.fullmatch(written):
        return int(written.replace("_", ""))
    return _unescaped(written.strip(_QUOTES))


def _unescaped(written: str) -> str:
    def replaced(escape: re.Match[str]) -> str:
        kind = escape[1]
        if len(kind) > 1:
            return chr(int(kind[1:], 16))
        return _ESCAPES.get(kind, kind)

    text = _ESCAPE.sub(replaced, written) if "\\" in written else written
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def pairs(text: str) -> dict[str, Any] | None:
    """`message=Hello, level=info`, `a: 1; b: 2` and `a=1&b=2` as an object; None for what is no such list."""
    found: dict[str, Any] = {}
    marks = list(_PAIR.finditer(text))
    if not marks or marks[0].start() != 0:
        return None
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        written = text[mark.end() : len(text) if after is None else after.start()].strip().rstrip(",;&").strip()
        key = mark["key"].strip(_QUOTES)
        if key in found:
            return None
        found[key] = bare_value(written)
    return found


_PAIR = re.compile(r"(?:^|[,;&|\n:]\s*)[\"'“”]?(?P<key>[^\W\d]\w*)[\"'“”]?\s*(?:=>|=|:(?!//))\s*")


def bare_value(written: str) -> Any:
    """A value that stands without quotes, or with them."""
    if written.startswith(("{", "[")):
        try:
            loose = read_loose(written, 0)
        except Hopeless:
            return written
        return loose.value
    return _plain_value(written)
