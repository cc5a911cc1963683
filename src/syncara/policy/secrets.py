"""Secrets by name: what holds them, and what takes them out of everything that is stored or shown.

A secret is found in a text as it is, in lower case, as URLs, JSON, HTML and Python escape its characters, and in
base64, whatever was encoded together with it. Written in any other way, such as backwards, it is not found.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from syncara.core.errors import Problem, ValidationError

CHARS_MIN = 8
"""Of a secret: what is shorter stands in ordinary texts too, and masking would take it out of them."""
MASK = "***"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_RUN = re.compile(r"[A-Za-z0-9]*")
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_ESCAPE_CHARS_MAX = 12
"""The longest way to write one character: `&#x0000022;`, or `\\u0022` behind backslashes."""


class _Form(NamedTuple):
    """One way in which a secret is written."""

    run: str
    """Its longest run of letters and digits: a text without it, which is found out fast, does not hold the form."""
    pattern: re.Pattern[str]
    chars_max: int


class Secrets:
    """Holds secrets, and shows nothing but their names."""

    __slots__ = ("_chars_max", "_forms", "_values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Raises ValidationError for each that cannot be used; it shows no value."""
        if problems := [problem for name, value in values.items() for problem in _problems(name, value)]:
            raise ValidationError(problems)
        self._values = dict(values)
        longest_first = sorted(set(values.values()), key=len, reverse=True)  # one may be a part of another
        self._forms = [form for value in longest_first for form in _forms(value)]
        self._chars_max = max((form.chars_max for form in self._forms), default=0)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._values))

    def value(self, name: str) -> str:
        """Raises KeyError."""
        value: str = self._values[name]
        return value

    def mask(self, text: str, *, cut: bool = False) -> str:
        """The text with `***` for each secret. `cut`: it ends where it was cut off, so its end may begin a secret."""
        for form in self._forms:
            if form.run in text:
                text = form.pattern.sub(MASK, text)
        return text[: max(0, len(text) - self._chars_max)] if cut else text

    def mask_json(self, value: Any) -> Any:
        """A JSON value with `***` for each secret in its texts, names and numbers."""
        return value if self._is_clean(value) else self._masked(value)

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            return {self.mask(name): self._masked(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [self._masked(entry) for entry in value]
        return value if self._is_clean(value) else MASK

    def _is_clean(self, value: Any) -> bool:
        text = json.dumps(value, ensure_ascii=False)
        return self.mask(text) == text

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self.names)})"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("secrets are neither copied nor pickled")


def _problems(name: str, value: Any) -> Iterator[Problem]:
    where = f"secret '{name}'"
    if not _NAME.fullmatch(name):
        message = "a secret's name is made of ASCII letters, digits, '_', '.' and '-', and begins with a letter or '_'"
        yield Problem("invalid_secret", where, message, "rename it")
    if not isinstance(value, str):
        yield Problem("invalid_secret", where, "a secret is text", f'write {name} = "…", with the name in one piece')
    elif len(value) < CHARS_MIN:
        message = f"a secret has at least {CHARS_MIN} characters, so that ordinary text is not taken for it"
        yield Problem("invalid_secret", where, message, "use a longer one")
    elif not _VALUE.fullmatch(value):
        message = "a secret goes into a header: no line break, no space at its ends, nothing beyond ASCII"
        yield Problem("invalid_secret", where, message, "remove it, or encode the value as the server wants it")


def _forms(value: str) -> Iterator[_Form]:
    for text in dict.fromkeys((value, value.lower())):  # hosts, for instance, come out in lower case
        yield _form(text, {" ": "+"})
    for before in range(3):  # bytes that were encoded in front of it: they shift the bits
        encoded = base64.b64encode(bytes(before) + value.encode()).decode()
        first, bits = -(-8 * before // 6), 8 * (before + len(value))
        # Beside the characters that hold nothing else than the secret may be one that holds a part of it.
        begins, ends = "[A-Za-z0-9+/_-]?" * (before > 0), "[A-Za-z0-9+/_-]?" * (bits % 6 > 0)
        yield _form(encoded[first : bits // 6], {"+": "-", "/": "_"}, begins, ends)


def _form(text: str, also: Mapping[str, str], begins: str = "", ends: str = "") -> _Form:
    """`also` has characters that some write for others."""
    pattern = "".join(char if char.isalnum() else _ways(char, also.get(char, char)) for char in text)
    chars_max = sum(1 if char.isalnum() else _ESCAPE_CHARS_MAX for char in text) + 2
    return _Form(max(_RUN.findall(text), key=len), re.compile(begins + pattern + ends), chars_max)


def _ways(char: str, other: str) -> str:
    """A pattern for the ways to write a character. It repeats nothing without end, so it takes no long time either."""
    code = f"{ord(char):02x}"
    entity = "|".join(filter(None, (f"#0{{0,5}}{ord(char)}", f"#x0{{0,5}}{code}", _ENTITIES.get(char))))
    plain = f"[{re.escape(char)}{re.escape(other)}]"
    return rf"(?:(?i:%(?:25)?{code}|\\{{1,7}}(?:u00|x){code}|&(?:{entity});)|\\{{0,7}}{plain})"
