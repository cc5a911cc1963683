"""A reply on paper: its codes read, placed, bound and carried out on a draft; with everything that is wrong.

Reading a reply changes nothing, so that a correction can be tried out by reading the corrected text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from syncara.abc import Chat
from syncara.commands.desk import Desk
from syncara.commands.draft import Draft, Said
from syncara.commands.registry import Command
from syncara.core.check import shown
from syncara.core.errors import Problem, SyncaraError, ValidationError
from syncara.core.model import Author
from syncara.shortcodes import suspicions
from syncara.shortcodes.bind import bind
from syncara.shortcodes.lenient import BadJson, read_json
from syncara.shortcodes.mentions import is_link_target, is_withheld, is_withheld_above
from syncara.shortcodes.places import is_indented
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.scanner import Call, scan
from syncara.shortcodes.suspects import with_suspects

_FIELD = re.compile(r"field '(\w+)'")
_LISTED = re.compile(r"(?:step ')?step (\d+) of the list")
_STEP = "step '"
_WORD = re.compile(r"[^\W\d_]")
_NAME_END = re.compile(r"'(?=, |\Z)")
_ITEM = re.compile(r"[\s,]*+([{\[]|\"(?:[^\"\\]|\\.)*+\"|[^\s,\]]++)")
"""The next item of a JSON list, or the bracket that it begins with."""


class Found(NamedTuple):
    """A problem, and the number of its code."""

    place: int
    problem: CodeProblem


class Paper(NamedTuple):
    text: str
    calls: list[Call]
    said: list[Said | None]
    """What each code answers; None where it could not be carried out."""
    draft: Draft
    found: list[Found]
    """Everything that is wrong, in the order of the text."""


def read(text: str, desk: Desk, chat: Chat, author: Author, commands: Mapping[str, Command]) -> Paper:
    """Carry the codes of a reply out on a new draft."""
    draft = Draft(desk, chat, author, commands)
    size = len(text.encode(errors="surrogatepass"))
    if too_large := desk.gate.reply(chat.chat_id, size=size, commands=0):
        return Paper(text, [], [], draft, [Found(0, _of_reply(problem)) for problem in too_large])
    calls = scan(text, commands)
    too_many = desk.gate.reply(chat.chat_id, size=size, commands=len(calls))
    if not too_many:
        calls = with_suspects(text, calls, commands)
        too_many = desk.gate.reply(chat.chat_id, size=size, commands=len(calls))
    if too_many:
        return Paper(text, [], [], draft, [Found(0, _of_reply(problem)) for problem in too_many])
    paper, locator = Paper(text, calls, [], draft, []), _Locator(text)
    first = 0
    for place, call in enumerate(calls):
        draft.place, draft.inline = place, not call.alone
        if not place or _WORD.search(text, calls[place - 1].span[1], call.span[0]) is not None:
            first = call.span[0]
        paper.said.append(_carry_out(paper, locator, place, call, first))
    # Who may not ask for all of it is told nothing of what is there.
    settled = [] if is_barred(paper) else [*draft.settle(), *suspicions.of_draft(draft)]
    paper.found.extend(Found(place, locator.located(calls[place], problem)) for place, problem in settled)
    paper.found.sort(key=lambda found: (found.place, found.problem.position))
    return paper


def is_barred(paper: Paper) -> bool:
    """Whether the user may not ask for one of the codes."""
    return any(found.problem.code == "not_allowed" for found in paper.found)


def _carry_out(paper: Paper, locator: _Locator, place: int, call: Call, first: int) -> Said | None:
    """`first`: where the codes begin that stand together with this one."""
    draft, command = paper.draft, paper.draft.commands.get(call.shortcode)
    problems = [call.error] if call.error is not None else []
    if command is None:
        paper.found.extend(Found(place, problem) for problem in problems)
        return None
    if (barred := draft.desk.gate.asks(call.shortcode, command.kind, *draft.chat[:2])) is not None:
        paper.found.append(Found(place, locator.located(call, barred)))
        _stand_in(draft, call)
        return None
    if not problems and (misplaced := _misplaced(paper.text, call, command, first)) is not None:
        problems.append(misplaced)
    bound, unbound = bind(call, command) if call.error is None else ({}, [])
    problems += unbound
    if call.error is None:
        problems += suspicions.of_call(call, command, paper.text)
    said: Said | None = None
    if call.error is not None or unbound:
        _stand_in(draft, call)
    else:
        try:
            draft.reading = command.kind == "reads"
            said = command.run(draft, **bound)
        except SyncaraError as error:
            each = error.problems if isinstance(error, ValidationError) else [error.problem]
            problems += [locator.located(call, problem) for problem in each]
            _stand_in(draft, call)
    paper.found.extend(Found(place, problem) for problem in problems)
    return said


def _misplaced(text: str, call: Call, command: Command, first: int) -> CodeProblem | None:
    """A code that stands where it does not act, and yet is not shown as code."""
    start, _ = call.span
    if call.quoted:
        return CodeProblem(
            code="ambiguous",
            where="",
            message=f"{call.shortcode} stands right below a quoted line, as if it were quoted too",
            fix="put an empty line before it to act, or > to show it",
            position=call.span,
            shortcode=call.shortcode,
        )
    if is_link_target(text, start):
        rule = "it is no address of a link"
    elif command.kind == "reads":
        return None
    elif call.alone and is_indented(text, start):
        rule = "its line is indented as what is shown as code is"
    elif call.alone and is_withheld_above(text, first, acts=command.kind == "acts"):
        rule = "the words above it do not say that it is to act"
    elif call.alone:
        return None
    elif command.kind == "acts":
        rule = "nothing but codes may stand on its line"
    elif not call.ends_line:
        rule = "no words may follow it on its line"
    elif not call.labelled:
        rule = "only a label may stand before it on its line, such as one that ends in a colon"
    elif is_withheld(text, start):
        rule = "the words before it do not say that it is to act"
    else:
        return None
    return CodeProblem(
        code="in_sentence",
        where="",
        message=f"{call.shortcode} stands in a sentence: {rule}",
        fix="put it on a line of its own to act, or between backticks to show it",
        position=call.span,
        shortcode=call.shortcode,
    )


def _stand_in(draft: Draft, call: Call) -> None:
    """So that the codes after one that is wrong are not found wrong because of it."""
    args = call.args
    if call.shortcode == "MULTISTEP:CREATE_WORKFLOW":
        draft.stand_in(str(args.get("name", "")))
    elif call.shortcode == "MULTISTEP:ADD_STEP":
        draft.stand_in_step(str(args.get("workflow_id", "workflow_id")), args.get("name"))
    elif draft.commands[call.shortcode].kind == "makes":
        draft.stand_in_run()


def _of_reply(problem: Problem) -> CodeProblem:
    """A problem of the reply as a whole."""
    return CodeProblem(**msgspec.structs.asdict(problem))


class _Locator:
    """Where in a reply the problems of its codes are."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._items: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._numbers: dict[tuple[int, int], dict[str, int]] = {}
        """Of the steps in each code's list, by name."""
        self._shown: dict[tuple[int, int], str] = {}

    def located(self, call: Call, problem: Problem) -> CodeProblem:
        """A problem of what a code asks for, at the place in the text where that was written."""
        if isinstance(problem, CodeProblem):
            return problem
        number = self._number(call, problem.where)
        named = _FIELD.search(problem.where)
        field = named[1] if named else problem.where
        field = {"global_timeout": "timeout", "max_parallel_steps": "max_parallel", "retry_count": "retries"}.get(
            field, field
        )
        if number:
            field = "steps"
        elif field not in call.args:  # the definition as a whole
            field = ""
        guess = problem.fix.partition("Did you mean '")[2].partition("'")[0]
        return CodeProblem(
            **{name: getattr(problem, name) for name in problem.__struct_fields__},
            position=self._item(call, number) if number else call.spans.get(field, call.span),
            shortcode=call.shortcode,
            field=field,
            read=self._read(call, field) if field in call.args else "",
            nearest=guess,
        )

    def _read(self, call: Call, field: str) -> str:
        """What was written in the field; of a long list there may be many problems."""
        span = call.spans.get(field, call.span)
        if span not in self._shown:
            self._shown[span] = shown(call.args[field])
        return self._shown[span]

    def _number(self, call: Call, where: str) -> int:
        """Of the step in the code's list that a problem is about; 0: of none."""
        steps = call.args.get("steps")
        if not isinstance(steps, list):
            return 0
        listed = _LISTED.match(where)
        if listed is not None and int(listed[1]) <= len(steps):
            return int(listed[1])
        if call.span not in self._numbers:
            named = ((step.get("name"), n) for n, step in enumerate(steps, 1) if isinstance(step, dict))
            self._numbers[call.span] = {name: n for name, n in named if isinstance(name, str)}
        ends = [end.start() for end in _NAME_END.finditer(where, len(_STEP))] if where.startswith(_STEP) else []
        names = (where[len(_STEP) : end] for end in reversed(ends))
        return next((self._numbers[call.span][name] for name in names if name in self._numbers[call.span]), 0)

    def _item(self, call: Call, number: int) -> tuple[int, int]:
        """The item of that number in the list of steps; the list, where its items cannot be told apart."""
        span = call.spans.get("steps", call.span)
        if span not in self._items:
            self._items[span] = _items(self._text, span[0], call.span[1])  # by name, the span is the name's
        items = self._items[span]
        return items[number - 1] if len(items) == len(call.args["steps"]) else span


def _items(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Start and end of each item of the JSON list between `start` and `end`, as far as they can be told."""
    found: list[tuple[int, int]] = []
    at = text.find("[", start, end) + 1  # behind the field's name
    while at and (item := _ITEM.match(text, at, end)) is not None:
        at = item.end()
        if item[1][0] in "{[":
            try:
                at = read_json(text, item.start(1)).end
            except BadJson:  # a placeholder without quotes
                break
        found.append((item.start(1), at))
    return found
