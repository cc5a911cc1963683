"""How codes begin, and what looks so much like it that it cannot be meant as prose."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from syncara.shortcodes.characters import BRACKETS, CLOSING, COLONS, INVISIBLE, SQUARE

FAMILY_CHARS_MIN = 4
"""The shortest beginning of a family's name that is taken for it: `MULTI`."""

_BLOCK = (
    r"(?P<block>^[ \t]*+(?:(?:[-*+•]|[0-9]{1,9}[.)])[ \t]++)*+"
    r"(?:(?P<quote>>)|(?P<fence>`{3,}+(?=[^`\n]*+$)|~{3,}+)))"
)
_HTML = r"(?P<html><!--|(?i:<(?P<tag>pre|code|blockquote)\b))"
_TICKS = r"(?P<ticks>`++)"


class Heads(NamedTuple):
    """The beginnings of one set of commands."""

    opener: re.Pattern[str]
    """`[FAMILY:`"""
    token: re.Pattern[str]
    """The next thing that matters outside a code; the group says what it is."""
    names: dict[str, tuple[str, ...]]
    """The commands of each family, without it."""
    families: dict[str, str]
    """The families by their names in upper case."""

    def family(self, token: re.Match[str]) -> str | None:
        """The family that a head which is not quite one was meant for; None: it is prose."""
        kind = token.lastgroup
        if kind == "lone":
            return self._owner(token["command"])
        if kind == "bare":
            return token["owner"]
        written = unicodedata.normalize("NFKC", token["family"])
        if not (written + token["name"]).isupper() and re.search(r"\s", token["sep"]):
            return None
        written = "".join(filter(str.isalnum, written)).upper()
        command = canonical(token["name"])
        return next((name for name, known in self.names.items() if command in known and _alike(written, name)), None)

    def _owner(self, command: str) -> str:
        return next(name for name, known in self.names.items() if command in known)


def heads(shortcodes: Iterable[str]) -> Heads:
    return _compiled(frozenset(shortcodes))


@lru_cache(16)
def _compiled(shortcodes: frozenset[str]) -> Heads:
    names: dict[str, tuple[str, ...]] = {}
    for shortcode in sorted(shortcodes):
        family, colon, name = shortcode.partition(":")
        if colon:
            names[family] = (*names.get(family, ()), name)
    families = _any(names)
    commands = _any({name for known in names.values() for name in known})
    spoken = commands.replace("_", r"[\s_\\-]{0,2}")
    unmistakable = _any({name for known in names.values() for name in known if "_" in name})
    opener = rf"\[\s*+(?P<known>(?ai:{families}))\s*+:"
    near = (
        rf"(?P<near>(?:[{SQUARE}]{{1,3}}+(?P<square>)|[{BRACKETS}])[\s*_~\"'\\{INVISIBLE}]{{0,8}}+"
        rf"(?P<family>[^\W\d_][^\n{SQUARE}{BRACKETS}{CLOSING}]{{0,30}}?)(?P<sep>[\s{COLONS}|/.,;=_\\*-]{{0,4}})"
        rf"(?P<name>(?ai:{spoken}))(?![^\W_])(?(square)|(?=\s?[{COLONS}])))"
    )
    lone = rf"(?P<lone>[{SQUARE}](?P<command>{unmistakable})[{COLONS}])"
    bare = rf"(?P<bare>(?<![\w:./\\-])(?P<owner>{families}):(?:{commands})(?=:\S|\s?\]))"
    token = "|".join((_BLOCK, _HTML, _TICKS, rf"(?P<code>{opener})", near, lone, bare))
    return Heads(
        re.compile(opener), re.compile(token, re.MULTILINE), names, {family.upper(): family for family in names}
    )


def canonical(name: str) -> str:
    """A command's name as it is declared: upper case, one underscore between its words."""
    return re.sub(r"[\W_]+", "_", name).strip("_").upper()


def _any(names: Iterable[str]) -> str:
    """A pattern for any of the names; for none, one that matches nothing."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or r"(?!)"


def _alike(written: str, family: str) -> bool:
    """Whether one stretch of up to two letters, or a lost ending, is all that keeps `written` from being `family`."""
    if family.startswith(written):
        return len(written) >= FAMILY_CHARS_MIN
    slack = max(1, len(family) // 4)
    if abs(len(written) - len(family)) > slack:
        return False
    same = _shared(written, family)
    same += min(_shared(written[::-1], family[::-1]), min(len(written), len(family)) - same)
    return same >= len(family) - slack


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
