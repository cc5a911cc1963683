"""From the text of a reply to its codes: what each says, where it stands, and what is wrong with it.

Pure, in linear time, and for any text: what cannot be read becomes a Call with an error, never an exception. Reading
goes from left to right, and what begins first counts: backticks inside a code belong to the code, and a code inside a
fence, backticks, a quoted line or a comment is shown, not called.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec

from syncara.commands.registry import COMMANDS, Command
from syncara.shortcodes.characters import BRACKETS, CLOSING, SQUARE
from syncara.shortcodes.fields import Fields, Layout, read_fields, salvage
from syncara.shortcodes.heads import canonical, heads
from syncara.shortcodes.pieces import Lexer, Piece, Wrong
from syncara.shortcodes.places import Shown, places, thinking
from syncara.shortcodes.problems import CodeProblem

PROBLEMS_MAX = 100
"""After so many codes that are wrong, the rest of a reply is not read: nothing of it will run."""
READ_CHARS = 60
OWN = "MULTISTEP"
"""The family whose name nobody writes by chance. Others, such as GROUP, are words."""
SPACES = "spaces in the name of a command"

_COMMAND = re.compile(r"\s*+([^\s:\[\]]*+)\s*+(?:([:\]])|(\Z))")
_SPACE = re.compile(r"\s")
_UNKNOWN = re.compile(r"[^:\]\n]{0,60}+")
_LINE_OF_CODE_END = re.compile(r"\](?=[ \t]*+(?:\r?\n|\Z))")
_HEAD_END = re.compile(rf"[^\n`{SQUARE}{BRACKETS}{CLOSING}]*+[{CLOSING}]*+")
_LINK = re.compile(r"\([^\s()]*+\)")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ON_ITS_OWN = "put the code on a line of its own to act, or between backticks to show it"


class Call(msgspec.Struct, frozen=True, gc=False):
    """One code of a reply. With an `error`, `args` holds what could be read before it."""

    shortcode: str
    """`FAMILY:COMMAND` in upper case, as far as it could be read."""
    args: dict[str, Any]
    """The fields that were written."""
    span: tuple[int, int]
    """Start and end in the text."""
    alone: bool
    """Codes alone fill its lines, after a bullet, number, emphasis or emoji."""
    ends_line: bool
    """No words follow it on its line; others than codes may stand before it."""
    error: CodeProblem | None = None
    repairs: tuple[str, ...] = ()
    """What was read leniently."""
    spans: dict[str, tuple[int, int]] = {}
    """Where each of `args` stands in the text."""
    labelled: bool = False
    """It ends its line, and nothing but a label and other codes stand before it."""
    quoted: bool = False
    """It stands in a paragraph that a quoted line began."""


def scan(text: str, commands: Mapping[str, Command] | None = None) -> list[Call]:
    """The codes of a text that are called, in order, also those that are wrong. `commands`: all that are known."""
    scanner = _Scanner(text, COMMANDS if commands is None else commands)
    scanner.run()
    return scanner.calls()


class _Code:
    """A code while it is being read."""

    __slots__ = ("end", "error", "fields", "pieces", "quoted", "shortcode", "start")

    def __init__(self, start: int, shortcode: str) -> None:
        self.start = start
        self.shortcode = shortcode
        self.end: int | None = None
        self.pieces: Sequence[Piece] = ()
        self.fields = Fields({}, {}, {})
        self.error: CodeProblem | None = None
        self.quoted = False


class _Scanner:
    def __init__(self, text: str, commands: Mapping[str, Command]) -> None:
        self._text = text
        self._commands = commands
        self._heads = heads(commands)
        self._openers = [match.start() for match in self._heads.opener.finditer(text)]
        self._layouts: dict[str, Layout] = {}
        self._lexer = Lexer(text, self._openers)
        self._shown = Shown(text)
        self._surrogates = [match.start() for match in _SURROGATE.finditer(text)]
        self._stray = (-1, -1)
        """The last backticks without a partner, and where their paragraph ends for certain."""
        self._codes: list[_Code] = []
        self._wrong = 0
        self._prose = 0
        """How many heads were taken for prose because no command is near."""
        self._begin = 0
        """Where what is said begins, behind the thinking."""

    def run(self) -> None:
        thought, end = thinking(self._text)
        if end is None:
            self._refuse(_Code(thought, ""), self._cut_off(thought, "its thinking", "write the reply itself, too"))
            return
        self._begin = end
        pos, search = end, self._heads.token.search
        while (token := search(self._text, pos)) is not None:
            match token.lastgroup:
                case "code":
                    pos = self._code(token)
                case "block":
                    pos = self._shown.block(token)
                case "html":
                    pos = self._shown.html(token)
                case "ticks":
                    pos = self._ticks(token)
                case _:
                    pos = self._not_quite(token)
            if self._wrong >= PROBLEMS_MAX:
                return
        self._unfinished_head(pos)

    def calls(self) -> list[Call]:
        spans = [(code.start, code.end or code.start) for code in self._codes]
        return [
            Call(
                code.shortcode,
                code.fields.args,
                span,
                place.alone,
                place.ends_line,
                code.error,
                tuple(code.fields.repairs),
                code.fields.spans,
                place.labelled,
                code.quoted,
            )
            for code, span, place in zip(self._codes, spans, places(self._text, spans, self._begin), strict=True)
        ]

    # A code.

    def _code(self, head: re.Match[str]) -> int:
        family = self._heads.families[head["known"].upper()]
        code = _Code(head.start(), f"{family}:")
        try:
            if not self._read(code, family, head):
                return head.end()
            self._check_surroundings(code)
            code.quoted = self._shown.is_below_quote(code.start)
            code.pieces = ()
        except Wrong as wrong:
            return self._refuse(code, wrong)
        self._codes.append(code)
        assert code.end is not None
        return code.end

    def _read(self, code: _Code, family: str, head: re.Match[str]) -> bool:
        """Read a code to its end; False: it is prose. Raises Wrong."""
        text = self._text
        name = _COMMAND.match(text, head.end())
        if name is not None and name[3] is not None:
            raise self._cut_off(code.start)
        command = None if name is None else self._commands.get(f"{family}:{_upper(name[1])}")
        if name is None or command is None:
            if self._is_prose(family, head):
                return False
            raise self._unknown(code, family, head.end())
        code.shortcode = command.shortcode
        if _SPACE.search(text, code.start, name.end(1)):
            code.fields.repairs[SPACES] = None
        if name[2] == "]":
            code.end = name.end()
        elif command.fields and command.fields[0].form == "rest":
            piece, code.end = self._lexer.rest(name.end())
            if piece.value:
                code.fields.args[command.fields[0].name] = piece.value
                code.fields.spans[command.fields[0].name] = (piece.start, piece.end)
        else:
            code.pieces, code.end = self._lexer.pieces(name.end())
            read_fields(self._layout(command), code.pieces, text, code.fields)
        return True

    def _is_prose(self, family: str, head: re.Match[str]) -> bool:
        """Whether a head with a command that its family does not have is none: `[Group:Sales]`."""
        at = head.end()
        if head["known"] != family:
            return family != OWN or self._text[at : at + 1].isspace()
        if family == OWN or self._prose == PROBLEMS_MAX:  # looking for what is near takes time
            return False
        written, near = self._written(family, at)
        is_prose = not (written.isupper() or near)
        self._prose += is_prose
        return is_prose

    def _written(self, family: str, at: int) -> tuple[str, list[str]]:
        """What stands in the place of a command, and the commands of the family that are near it."""
        found = _UNKNOWN.match(self._text, at)
        written = "" if found is None else found.group()
        names, wanted = self._heads.names[family], canonical(written)
        return written, [name for name in names if wanted.startswith(f"{name}_")] or get_close_matches(wanted, names, 1)

    def _layout(self, command: Command) -> Layout:
        layout = self._layouts.get(command.shortcode)
        if layout is None:
            layout = self._layouts[command.shortcode] = Layout(command)
        return layout

    def _unknown(self, code: _Code, family: str, at: int) -> Wrong:
        """A command that its family does not have."""
        from syncara.shortcodes.repair import words  # noqa: PLC0415 - most replies have no command that there is not

        written, _ = self._written(family, at)
        names = self._heads.names[family]
        code.shortcode = f"{family}:{written.strip()}"
        code.end = self._end_of(at)
        start = at + len(written) - len(written.lstrip())
        own = {each: self._commands[each] for each in self._commands if each.startswith(f"{family}:")}
        first = written.split(maxsplit=1)[0] if " " in written.strip() else ""  # `EXECUTE w`
        nearest = words.sure_command(written, own) or words.sure_command(first, own) or ""
        return Wrong(
            "unknown_command",
            f"{family} has no command '{written.strip()}'",
            (start, start + max(1, len(written.strip()))),
            f"Did you mean '{nearest}'?" if nearest else f"the commands are {', '.join(names)}",
            allowed=", ".join(names),
            nearest=nearest,
            resume=at,
        )

    def _end_of(self, pos: int) -> int | None:
        """Where the code whose inside begins at `pos` ends; None when it is not closed."""
        try:
            return self._lexer.pieces(pos)[1]
        except Wrong:
            return None

    def _check_surroundings(self, code: _Code) -> None:
        """Raise Wrong for a code that may be meant to be shown, or to be something else."""
        text, start, end = self._text, code.start, code.end or code.start
        span = (start, end)
        stray, paragraph_end = self._stray
        if stray >= 0 and start < paragraph_end:
            raise self._half_shown((stray, stray + 1))
        if text.startswith("`", end):
            raise self._half_shown((end, end + 1))
        if self._shown.uneven is not None:
            message = "a fence above is indented unevenly: it is not clear whether the code is to act or is only shown"
            raise Wrong("ambiguous", message, self._shown.uneven, "begin all lines of the fence in one column")
        if text.endswith("\\", 0, start):
            raise Wrong("not_a_code", "a backslash stands before the code", (start - 1, end), _ON_ITS_OWN)
        if _LINK.match(text, end):
            fix = "leave the address away to act, or put the code between backticks to show it"
            raise Wrong("not_a_code", "the code is the text of a link", span, fix)
        place = bisect_left(self._surrogates, start)
        if place < len(self._surrogates) and self._surrogates[place] < end:
            at = self._surrogates[place]
            raise Wrong("bad_character", "this is half of a character", (at, at + 1), "write the character itself")

    @staticmethod
    def _half_shown(at: tuple[int, int]) -> Wrong:
        message = "these backticks have no partner, so it is not clear whether the code is to act or is only shown"
        return Wrong("ambiguous", message, at, _ON_ITS_OWN)

    # What is wrong with it.

    def _refuse(self, code: _Code, wrong: Wrong) -> int:
        """Keep a code that is wrong, and say where to read on."""
        resume = code.end
        if resume is None:
            resume = code.start + 1 if wrong.resume is None else wrong.resume
            if wrong.code not in ("cut_off", "unclosed"):
                place = bisect_left(self._openers, resume)
                limit = self._openers[place] if place < len(self._openers) else len(self._text)
                found = _LINE_OF_CODE_END.search(self._text, resume, limit)
                resume = resume if found is None else found.end()
            code.end = code.start + len(self._text[code.start : resume].rstrip())
        command = self._commands.get(code.shortcode)
        if command is not None and not code.fields.args:
            salvage(self._layout(command), wrong.pieces or code.pieces, self._text, code.fields)
        field = wrong.field or _field_of(command, wrong)
        start, end = wrong.at
        code.error = CodeProblem(
            code=wrong.code,
            where=f"field '{field}'" if field else "",
            message=_storable(wrong.message),
            fix=_storable(wrong.fix),
            position=wrong.at,
            shortcode=_storable(code.shortcode),
            field=field,
            read=_storable(self._text[start : min(end, start + READ_CHARS)]),
            allowed=wrong.allowed,
            nearest=wrong.nearest,
        )
        self._codes.append(code)
        self._wrong += 1
        return resume

    def _cut_off(self, start: int, within: str = "this code", fix: str = "write the code to its end, with ]") -> Wrong:
        size = len(self._text)
        return Wrong("cut_off", f"the reply ends in the middle of {within}", (start, size), fix, resume=size)

    def _unfinished_head(self, pos: int) -> None:
        """A reply that ends with `[`, or with `[` and the beginning of a family's name, was cut off in a code."""
        start = self._text.rfind("[", pos)
        if start < 0 or self._text.endswith("\\", 0, start):
            return
        begun = self._text[start + 1 :].strip().upper()
        if not begun or any(family.startswith(begun) for family in self._heads.names):
            code = _Code(start, "")
            self._refuse(code, self._cut_off(start))

    def _not_quite(self, token: re.Match[str]) -> int:
        """What looks like the head of a code, and is none."""
        family = self._heads.family(token)
        if family is None:
            return token.start() + 1
        written = token["name"] or token["command"] or token.group().rpartition(":")[2]
        found = _HEAD_END.match(self._text, token.end())
        code = _Code(token.start(), f"{family}:{canonical(written)}")
        code.end = token.end() if found is None else found.end()
        head = f"[{code.shortcode}"
        message = f"this is not how a code is written: it begins with {head}"
        return self._refuse(
            code, Wrong("not_a_code", message, token.span(), f"write {head}:…]", nearest=code.shortcode)
        )

    # Backticks.

    def _ticks(self, token: re.Match[str]) -> int:
        """The end of what backticks show; without partners, the end of the backticks."""
        start, end = token.span()
        if self._text.endswith("\\", 0, start):
            start += 1
        if start == end:
            return end
        closing = self._shown.closing_ticks(end, end - start)
        if closing is not None:
            return self._between_ticks(start, end, closing)
        self._stray = (start, self._shown.certain_end(start))
        last = self._codes[-1] if self._codes else None
        if last is not None and last.error is None and "\n" not in self._text[last.end or 0 : start]:
            self._refuse(self._codes.pop(), self._half_shown((start, end)))
        return end

    def _between_ticks(self, start: int, inner: int, closing: int) -> int:
        """What backticks show is passed over, unless a code may not be meant to be part of it."""
        size = inner - start
        opener = self._next_opener(inner)
        if opener >= closing:
            return closing + size
        one_piece = size >= 3 or (opener == inner and self._text[closing - 1] == "]")  # noqa: PLR2004 - a fence
        if not one_piece and "\n" in self._text[inner:closing]:
            return self._refuse_between(opener, closing, (start, inner)) + size
        while opener < closing:
            head = self._heads.opener.match(self._text, opener)
            assert head is not None
            end = self._end_of(head.end())
            if end is not None and end > closing:
                return self._refuse_between(opener, end, (closing, closing + size))
            opener = self._next_opener(max(end or 0, opener + 1))
        return closing + size

    def _next_opener(self, pos: int) -> int:
        place = bisect_left(self._openers, pos)
        return self._openers[place] if place < len(self._openers) else len(self._text)

    def _refuse_between(self, start: int, end: int, at: tuple[int, int]) -> int:
        head = self._heads.opener.match(self._text, start)
        assert head is not None
        name = _COMMAND.match(self._text, head.end())
        code = _Code(start, f"{head['known']}:{'' if name is None else name[1]}".upper())
        code.end = end
        return self._refuse(code, self._half_shown(at))


def _field_of(command: Command | None, wrong: Wrong) -> str:
    """The field whose JSON cannot be read: there is one, or none can be named."""
    if wrong.code != "bad_json" or command is None:
        return ""
    names = [field.name for field in command.positional if field.form == "json"]
    return names[0] if len(names) == 1 else ""


def _upper(name: str) -> str:
    """In upper case, unless other letters than ASCII's would become them."""
    return name.upper() if name.isascii() else name


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode()
