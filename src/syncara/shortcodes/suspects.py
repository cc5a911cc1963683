"""What the scanner takes for prose, and what must have been meant as a code: another family, none, a tool call.

If such a thing were passed over, the codes around it would be carried out without it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from syncara.commands.registry import Command, families
from syncara.shortcodes.characters import CLOSING, COLONS, SQUARE
from syncara.shortcodes.heads import heads
from syncara.shortcodes.places import Shown, thinking
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.scanner import OWN, PROBLEMS_MAX, Call

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_OPENING = r"(?:[\[［【〔「『⟦{(<｛（＜《〈]|&(?:#91|#x5[bB]|lbrack|lsqb|#123|lt);|^[ \t>*+•-]*(?:\d+[.)][ \t]*)?)"
_WORD = rf"(?<!\w)[^\W\d_][\w{_INVISIBLE}-]{{0,40}}+"
_CANDIDATE = re.compile(
    rf"{_OPENING}[^\w\n]{{0,8}}(?P<first>{_WORD})(?P<between>\s?(?:->|→|[{COLONS}|/.>=;,_-])?\s?)(?P<second>{_WORD})?"
    rf"(?P<after>[`*_\"']{{0,3}}\s?(?:->|→|[{COLONS}|/({CLOSING};,=]))(?P<next>\s?[\w=\"'-]*)",
    re.MULTILINE,
)
_NAMED = re.compile(
    r"\{[^{}\n]{0,80}?[\"'“](?:tool|name|function|command|action|code|shortcode|tool_name|type|call|method)[\"'”]\s*:"
    r"\s*[\"'“]\[?(?P<name>[\w.:]{3,60})[\"'”]"
    r"|<(?:(?:function|tool|invoke|call)=)?(?P<tag>[A-Za-z]\w{2,40}[:.]\w{2,40})(?=[\s/>])"
    r"|<(?P<element>[A-Za-z_]{3,40})>(?=\s*<[A-Za-z_]{2,40}>)"
    r"|<\w+[^<>\n]{0,40}?\sname\s*=\s*[\"'](?P<attribute>[\w.:]{3,60})[\"']"
)
_ALIAS = re.compile(r"\s?(?:\w+=)?[\"']?(?:workflow_id|execution_id|message_id|wf_\w+|ex_\w+)")
_FIELD_FOLLOWS = re.compile(rf"(?!\[\w{{1,40}}:)[^\s*_`]|{_ALIAS.pattern}")
"""Behind a colon that belongs to a code, and to no label."""
_JSON_FIELD = re.compile(r"(?::[^\n{}\[\]:]{0,200}){1,6}:\s?(?:\{\s*[\"'\w]|\[\s*[{\"'])")
"""A field in JSON, behind others."""
_MANGLED = re.compile(
    r"^[^\w\n\[]{0,12}(?:\d{1,3}[.)][ \t]*)?(?P<open>\[)(?:"
    r"(?P<head>[^\[\]{}\n]{0,60}?):(?:workflow_id|execution_id)[:\]]"
    r"|[ \t]?(?:workflow_id|execution_id|step_?\d{1,4}(?:_id)?)[ \t]?(?=(?::[^\n{}\[\]:]{0,200}){0,6}:\s?[{\[]))",
    re.MULTILINE,
)
"""A bracket that begins its line, with a reference among its fields or with one and JSON."""
_ALIAS_WITHIN = re.compile(r"[\"'<](?:workflow_id|execution_id)[\"'>]")
_REST_CHARS = 120
_KINDS = frozenset(
    {"WORKFLOW", "WORKFLOWS", "STEP", "STEPS", "TASK", "FLOW", "EXECUTION", "AGENT", "BOT", "ACTION", "TOOL", "COMMAND"}
    | {"ALUR", "LANGKAH", "SYNCARA", "SHORTCODE", "PROCESSOR", "MULTI", "AI", "SYSTEM", "CHAT", "TUGAS", "PERINTAH"}
)
"""What stands in the place of the family."""
_CLOSERS = CLOSING.replace("\\", "")
CANDIDATES_MAX = 200
"""How many stretches of prose are looked at closely."""
_LOOKS_ONLY = frozenset({"STATUS", "PROGRESS", "SHOW", "WHY", "HELP"})
"""Commands whose names are common headings as well."""
_LINE_CODE_END = re.compile(r"[^\n]*?[\]})>）］】」](?=[^\n\[\](){}]*(?:\n|\Z))|[^\n]*")


def with_suspects(text: str, calls: list[Call], commands: Mapping[str, Command]) -> list[Call]:
    """The calls, and between them as errors what looks like a code and is none."""
    taken = [call.span for call in calls]
    found = _suspects(text, taken, commands)
    if not found:
        return calls
    hidden = _shown(text, taken, commands)
    more: list[Call] = []
    for suspect in found:
        if not _is_within(suspect.word, hidden) and (not more or suspect.start >= more[-1].span[1]):
            more.append(_call(text, suspect, taken))
    return sorted([*calls, *more], key=lambda call: call.span)[: PROBLEMS_MAX + len(calls)]


class _Suspect(NamedTuple):
    """The head of what must have been meant as a code."""

    start: int
    stop: int
    word: int
    """Where its first word begins: what stands before it may be the line's."""
    shortcode: str
    """What it was meant to be; empty where that is not known."""


def _is_within(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    before = bisect_right(spans, (place, len(spans) and spans[-1][1] + 1)) - 1
    return before >= 0 and place < spans[before][1]


def _call(text: str, suspect: _Suspect, taken: Sequence[tuple[int, int]]) -> Call:
    start, stop, _, shortcode = suspect
    line = _LINE_CODE_END.match(text, stop)
    end = stop if line is None else line.end()
    end = min([end, *(begin for begin, _ in taken if begin >= start)])
    head = f"[{shortcode or OWN}"
    error = CodeProblem(
        code="not_a_code",
        where="",
        message=f"this looks like a code and is not written like one: a code begins with {head}",
        fix=f"write {head}:…]; what is no code must not look like one",
        position=(start, max(start + 1, min(stop, end))),
        shortcode=shortcode,
        read=text[start : min(stop, start + 60)],
        nearest=shortcode,
    )
    return Call(shortcode, {}, (start, max(end, start + 1)), alone=False, ends_line=False, error=error)


# What looks like one.


def _suspects(text: str, taken: Sequence[tuple[int, int]], commands: Mapping[str, Command]) -> list[_Suspect]:
    """In the order of the text."""
    found: list[_Suspect] = []
    words = (
        each
        for each in _CANDIDATE.finditer(text)
        if not _is_within(each.start("first"), taken) and not text.endswith("</", 0, each.start("first"))
    )
    for candidate in islice(words, CANDIDATES_MAX):
        shortcode = _of_words(candidate, commands)
        if shortcode is not None:
            start, word = _start(candidate), candidate.start("first")
            found.append(_Suspect(start, candidate.end("after"), word, shortcode))
    named = (each for each in _NAMED.finditer(text) if not _is_within(each.start(), taken))
    for call in islice(named, CANDIDATES_MAX):
        rest = text[call.end() : call.end() + _REST_CHARS]
        shortcode = _of_tool(
            next(filter(None, call.groups())), commands, has_alias=_ALIAS_WITHIN.search(rest) is not None
        )
        if shortcode is not None:
            found.append(_Suspect(*call.span(), call.start(), shortcode))
    mangled = (each for each in _MANGLED.finditer(text) if not _is_within(each.start("open"), taken))
    for each in islice(mangled, CANDIDATES_MAX):
        start, stop = each.start("open"), each.end()
        found.append(_Suspect(start, stop, start, _rest_of_head(each["head"] or "", commands)))
    return sorted(found, key=lambda each: (each.start, each.shortcode == ""))[:PROBLEMS_MAX]


def _start(candidate: re.Match[str]) -> int:
    """Without the bullet before it."""
    opening = re.compile(r"[^\w\n]*?(?=[\[［【〔「『⟦{(<｛（＜《〈&]|\w)").match(candidate.string, candidate.start())
    bullet = re.compile(r"[ \t>*+•-]*(?:\d+[.)][ \t]*)?").match(candidate.string, candidate.start())
    assert opening is not None
    assert bullet is not None
    return bullet.end() if bullet.end() <= candidate.start("first") else opening.end()


def _of_words(candidate: re.Match[str], commands: Mapping[str, Command]) -> str | None:
    first, second, after = (
        _visible(candidate["first"]),
        _visible(candidate["second"] or ""),
        candidate["after"].strip("`*_\"' "),
    )
    bracketed = candidate.string[candidate.start() : candidate.start("first")].strip(" \t>*+•-0123456789.)") != ""
    opening = candidate.string[candidate.start()]
    tight = _FIELD_FOLLOWS.match(candidate.string, candidate.end("after")) is not None
    between = candidate["between"]
    if between.isspace():  # two words with nothing but a space between them: `ADD STEP`
        return (
            _lone(f"{first}_{second}", commands, bracketed=bracketed, sure=_ALIAS.match(candidate["next"]) is not None)
            if tight and after in COLONS
            else None
        )
    if second and between:
        shortcode = _of_family(first, second, commands, candidate["next"])
        sure = tight or after in "]})>(" or (opening in SQUARE and second.isupper())
        if shortcode is not None and (bracketed or after == "(") and sure:
            return shortcode
    if between.strip() in ("", *COLONS):
        rest = f"{second}{candidate['after']}" if second else candidate["next"]
        sure = _ALIAS.match(rest) is not None
        if not sure and (opening in SQUARE or not bracketed):
            sure = _JSON_FIELD.match(candidate.string, candidate.end("first")) is not None
        closed = after in _CLOSERS and "_" in first and opening not in "(（"
        fields = sure or not between.endswith(" ")
        if fields and (between.strip() or after in COLONS or closed):
            follows = bracketed or between or tight or sure
            return _lone(first, commands, bracketed=bracketed, sure=sure) if follows else None
    if after == "(" and not between and not second and ("_" in first or _ALIAS.match(candidate["next"])):
        return _named(first, commands, exact=True)
    return None


def _rest_of_head(written: str, commands: Mapping[str, Command]) -> str:
    """The one shortcode whose head has lost all but these letters, or whose command is near; empty for none."""
    left = written.strip(" :").upper()
    cut = [each for each in commands if len(left) > 1 and each.endswith(left)]
    return cut[0] if len(cut) == 1 else _named(left.rpartition(":")[2], commands, exact=False) or ""


def _visible(word: str) -> str:
    return re.sub(f"[{_INVISIBLE}]", "", word)


def _of_family(first: str, second: str, commands: Mapping[str, Command], rest: str = "") -> str | None:
    """`WORKFLOW:CREATE`, `MULTISTP:ADD_STPE`, `BOT:CREATE_WORKFLOW`."""
    from syncara.shortcodes.repair import words  # noqa: PLC0415 - hardly ever needed

    known = sorted(families(commands))
    near = words.nearest(first, known, 0.74)
    if near is not None:
        own = [shortcode for shortcode in commands if shortcode.partition(":")[0] == near]
        return words.command(second, own) or words.command(second, list(commands))
    if second.isupper() and first.isupper() and (first in _KINDS or _ALIAS.match(rest)):
        return words.command(second, list(commands))
    return _named(second, commands, exact=True) if "_" in second and (second.isupper() or first.isupper()) else None


def _lone(first: str, commands: Mapping[str, Command], *, bracketed: bool, sure: bool) -> str | None:
    """A command without its family. `sure`: what follows looks like its fields."""
    if not (first.isupper() or "_" in first) or not any(char.isalpha() for char in first):
        return None
    if "_" in first:
        shortcode = _named(first, commands, exact=not (bracketed and first.isupper()))
        if shortcode is not None:
            return shortcode
    if not bracketed:
        return None
    exact = next((each for each in commands if each.partition(":")[2] == first), None)
    if exact is not None and (first not in _LOOKS_ONLY or sure):
        return exact
    if not sure:
        return None
    return _named(first, commands, exact=False) or ("MULTISTEP:ADD_STEP" if _is_handler(first) else None)


def _named(written: str, commands: Mapping[str, Command], *, exact: bool) -> str | None:
    from syncara.shortcodes.repair import words  # noqa: PLC0415 - hardly ever needed

    shortcode = words.command(written, list(commands))
    if exact and shortcode is not None and words.plain(shortcode.partition(":")[2]) != words.plain(written):
        return None
    return shortcode


def _is_handler(written: str) -> bool:
    from syncara.shortcodes.repair import words  # noqa: PLC0415 - hardly ever needed

    return words.meaning("handlers", written, set(map(str, words.names("handlers")))) is not None


def _of_tool(written: str, commands: Mapping[str, Command], *, has_alias: bool) -> str | None:
    """The command of a tool call: `MULTISTEP:CREATE_WORKFLOW`, `multistep.execute`, `create_workflow`."""
    family, colon, name = written.replace(".", ":").rpartition(":")
    if colon:
        return _of_family(family, name, commands)
    return _named(written, commands, exact=True) if "_" in written or has_alias else None


# What is shown as code.


def _shown(text: str, taken: Sequence[tuple[int, int]], commands: Mapping[str, Command]) -> list[tuple[int, int]]:
    """Fences, quotations, comments and what stands between backticks."""
    token, shown = heads(commands).token, Shown(text)
    thought, pos = thinking(text)
    pos = len(text) if pos is None else pos
    found = [(thought, pos)]
    starts = [start for start, _ in taken]
    while (match := token.search(text, pos)) is not None:
        before = bisect_right(starts, match.start())
        inside = taken[before - 1][1] if before and match.start() < taken[before - 1][1] else None
        end = match.end() if inside is None else inside
        if inside is None and match.lastgroup in ("block", "html", "ticks"):
            if match.lastgroup == "ticks":
                closing = shown.closing_ticks(match.end(), match.end() - match.start())
                end = match.end() if closing is None else closing + match.end() - match.start()
            else:
                end = shown.block(match) if match.lastgroup == "block" else shown.html(match)
            found.append((match.start(), end))
        pos = max(end, match.start() + 1)
    return found
