"""What a plan would do, row by row, for whoever decides about it.

Many effects of one kind must not put another one out of sight. So whatever differs in what is done, or in where it
goes, has a row of its own. Effects that differ in less share one where they are many: calls of a host by their method,
their scheme and the secrets that they use, files by what is done with them, messages by their chat, custom handlers and
shortcodes by their names. The riskiest rows come first, and addresses keep both of their ends when they are shortened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from syncara.answers.catalogue import known
from syncara.answers.fit import NAME_CHARS, ROWS_MAX, chars_of
from syncara.answers.model import AnyPart, Code, Icon, Line, Message, Text, message
from syncara.answers.reasons import NAMES_SHOWN
from syncara.answers.text import ends, few, literal, one_line, short_hash, unmarked
from syncara.answers.tree import DOT

Decision = Literal["allow", "approve", "deny"]

ADDRESS_CHARS, ENDS_CHARS = 120, 60
"""Of an address; and of the first and the last of many that share a row."""
READS_ALONE_MAX = 3
SIZES = ((8, 1_000), (8, 160), (8, 80), (4, 80), (1, 80), (1, 24))
"""How many effects of one place have rows of their own (of what only reads, READS_ALONE_MAX at the most), and the
characters of a detail: the first of these that fit."""
_DECISIONS: tuple[Decision, ...] = ("deny", "approve", "allow")
_KINDS = ("message", "web", "file", "collection", "shortcode", "custom", "none")
_READS = frozenset({"GET", "HEAD", "OPTIONS", "read", "find"})
_SECRETS_AND_SCHEME = re.compile(r"(?:secrets=\S+(?: #\S+)?(?: |\Z))?(?:[A-Za-z]+:)?")
"""With which the detail of a call begins (`policy.details`); https goes without saying."""


class PlannedEffect(NamedTuple):
    """What a step would do (`policy.effects.Effect`), and what becomes of that (`policy.judge.Judged`)."""

    step: str
    kind: str
    handler: str
    operation: str
    address: Any
    own: bool | None
    decision: Decision
    rule: str
    detail: str = ""


class Row(NamedTuple):
    """Effects that share a row, each once, and the steps that have them."""

    effects: list[PlannedEffect]
    steps: list[str]


class Rows(NamedTuple):
    lines: list[Line]
    hidden: int
    """How many rows there is no room for, however short they are."""


def rows(effects: Iterable[PlannedEffect], draw: Callable[[Row, int], Line], room: int) -> Rows:
    """In as much detail as there is room for. `draw`: a row as a line, with that many characters of a detail.

    Steps that have no effect, and need nobody's approval, are left out.
    """
    told = [effect for effect in effects if effect.kind != "none" or effect.decision != "allow"]
    groups = _grouped(told)
    found, lines = list[Row](), list[Line]()
    for alone_max, detail_chars in SIZES:
        found, lines, left = _shared_out(groups, alone_max), [], room
        for row in found[:ROWS_MAX]:
            line = draw(row, detail_chars)
            left -= chars_of(line)
            if left < 0:
                break
            lines.append(line)
        if len(lines) == len(found):
            break
    return Rows(lines, len(found) - len(lines))


def row_line(row: Row, detail_chars: int) -> Line:
    steps = few([unmarked(step) for step in row.steps[: NAMES_SHOWN + 1]], NAMES_SHOWN, NAME_CHARS // 2)
    told = _files(row.effects) or len(row.effects)
    times = f"{len(row.steps)}\N{MULTIPLICATION SIGN} " if len(row.steps) > told else ""
    return Line((Icon(row.effects[0].kind), *_said(row.effects, detail_chars), DOT, Text(times + steps)), 0)


def address(value: Any) -> str:
    """An address, or the id of a person, on one line, with what cannot be seen spelled out."""
    return ends(literal(str(value)), ADDRESS_CHARS)


# Groups.


def _grouped(effects: Iterable[PlannedEffect]) -> list[list[Row]]:
    """Those of which many share a row; in each group, a row for each that differs."""
    # By repr: 5 and "5" are two chats, as 1 and True are.
    groups: dict[str, dict[str, Row]] = {}
    for effect in effects:
        members = groups.setdefault(repr(_shared(effect)), {})
        members.setdefault(repr(effect._replace(step="")), Row([effect], [])).steps.append(effect.step)
    return [list(members.values()) for members in groups.values()]


def _shared_out(groups: Iterable[list[Row]], alone_max: int) -> list[Row]:
    """What is not allowed, what needs a person, then the rest; in each, what deletes first and what reads last."""
    found: list[Row] = []
    for alone in groups:
        most = min(alone_max, READS_ALONE_MAX) if alone[0].effects[0].operation in _READS else alone_max
        found += alone if len(alone) <= most else [_joined(alone)]
    return sorted(found, key=lambda row: _rank(row.effects[0]))


def _joined(members: list[Row]) -> Row:
    return Row([row.effects[0] for row in members], [step for row in members for step in row.steps])


def _shared(effect: PlannedEffect) -> PlannedEffect:
    """What effects have in common that share a row: of files only the folder that chats share."""
    where, how = effect.address, ""
    if effect.kind == "web" and (found := _SECRETS_AND_SCHEME.match(effect.detail)):
        how = found[0]
    if effect.kind == "file":
        names = (name for name in str(where).split("/") if name not in ("", "."))
        where = next(names, "") if effect.own is False else ""
    return effect._replace(step="", detail=how, address=where)


def _rank(effect: PlannedEffect) -> tuple[int, int, int]:
    risk = 0 if effect.operation.lower() == "delete" else 2 if effect.operation in _READS else 1
    return _DECISIONS.index(effect.decision), risk, _KINDS.index(effect.kind)


# Words.


def _said(effects: list[PlannedEffect], detail_chars: int) -> list[AnyPart]:
    first, last = effects[0], effects[-1]
    if len(effects) == 1:
        return [_does(first, _place(first)), *_detail(first.detail, detail_chars)]
    mark = Code(f"#{short_hash(repr([(each.address, each.detail) for each in effects]))}")
    if files := _files(effects):
        where = message("effect.ends", first=Code(address(first.address)), last=Code(address(last.address)))
        return [_does(first, where, files), mark]
    chars = min(detail_chars, ENDS_CHARS)
    between = message("effect.ends", first=_end(first.detail, chars), last=_end(last.detail, chars))
    return [_does(first, _place(first)), DOT, message("effect.different", n=len(effects), ends=between), mark]


def _files(effects: list[PlannedEffect]) -> int:
    """How many files these are, where it is more than one."""
    files = len({each.address for each in effects}) if effects[0].kind == "file" else 0
    return files if files > 1 else 0


def _detail(detail: str, chars: int) -> list[Code]:
    """A detail, or its two ends with a hash of the whole."""
    line = one_line(detail)
    if len(line) > chars:
        line = f"{line[: chars // 2]}…[#{short_hash(detail)}]…{line[-(chars // 2) :]}"
    return [Code(line)] if line else []


def _end(detail: str, chars: int) -> AnyPart:
    return next(iter(_detail(detail, chars)), Text("-"))


def _place(effect: PlannedEffect) -> Code:
    # Ids of chats are numbers or text, and 5 and "5" are not the same.
    quoted = effect.kind == "message" and isinstance(effect.address, str)
    return Code(address(json.dumps(effect.address, ensure_ascii=False) if quoted else effect.address))


def _does(effect: PlannedEffect, place: Code | Message, files: int = 0) -> Message:
    """In words: what is done, and where. `files`: how many, if these are several."""
    operation = Code(address(effect.operation))
    match effect.kind:
        case "message" if effect.operation == "notify":
            return message("effect.notify")
        case "message":
            return message("effect.send") if effect.own else message("effect.send_to", chat=place)
        case "web" if effect.address is None:
            return message("effect.web_unclear", method=operation)
        case "web":
            return message("effect.web", method=operation, host=place)
        case "file" | "collection":
            where = message("effect.shared", name=place) if effect.own is False else place
            words = f"effect.{effect.kind}_{effect.operation}"
            if not known(words):
                return message("effect.other", operation=operation, where=where)
            if files:
                return message(f"effect.files_{effect.operation}", n=files, where=where)
            return message(words, where=where)
        case "shortcode":
            return message("effect.shortcode", shortcode=place)
    return message("effect.handler", handler=Code(address(effect.handler)))
