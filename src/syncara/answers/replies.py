"""What a reply brought about: runs started and steered, codes of other families, help, and a refusal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from syncara.answers.catalogue import known
from syncara.answers.fit import DETAIL_CHARS, LEAD_CHARS, NAME_CHARS, fitted
from syncara.answers.model import Answer, AnyPart, Code, Icon, Line, Strong, Text, Wording, message
from syncara.answers.text import cut, moment
from syncara.answers.tree import DOT
from syncara.core.errors import Problem

Action = Literal["cancel", "pause", "resume", "unschedule"]
_ICONS = {"cancel": "cancelled", "pause": "paused", "resume": "resumed", "unschedule": "cancelled"}
PROBLEMS_SHOWN = 5
PLACE_CHARS = 1_000
"""How much of a problem's place is looked at."""
EXAMPLE_CHARS = 300
_PLACE = re.compile(r"\b(step|workflow|field|template) '(.*?)'(?=, (?:field|task|column) |$)", re.DOTALL)
_FIELD = re.compile(r"[a-z_]+")
_MESSAGE = re.compile(r"(message) (.+)", re.DOTALL)
_PLACES = {"this chat": "chat", "the reply": "reply", "the start": "start"}


def run_started(execution_id: str, workflow_name: str, status: str, at: float | None = None) -> Answer:
    """`at` is the Unix time of a start that lies ahead."""
    name = Strong(cut(workflow_name, LEAD_CHARS))
    if status == "awaiting_approval":
        icon, said = Icon(status), message("started.approval", name=name)
    elif at is not None and status != "running":  # also of one that the same reply takes back or pauses
        icon, said = Icon("scheduled"), message("started.at", name=name, moment=Text(moment(at)))
    else:
        icon, said = Icon("started"), message("started.now", name=name)
    return Answer((Line((icon, said, DOT, Code(execution_id))),))


def told(action: Action, execution_id: str, workflow_name: str, changed: bool) -> Answer:
    """`changed`: whether the action changed the run."""
    key, icon = (f"told.{action}", _ICONS[action]) if changed else (f"told.{action}_unchanged", "unchanged")
    said = message(key, name=Strong(cut(workflow_name, LEAD_CHARS)))
    return Answer((Line((Icon(icon), said, DOT, Code(execution_id))),))


def outside_started(shortcode: str, status: str) -> Answer:
    name = Code(cut(shortcode, NAME_CHARS))
    if status == "awaiting_approval":
        return Answer((Line((Icon(status), message("started.approval", name=name))),))
    return Answer((Line((Icon("outside"), message("started.outside", shortcode=name))),))


# A refusal.


def refusal(problems: Sequence[Problem]) -> Answer:
    """For people: that nothing was done, and what was wrong, in words that need no knowledge of shortcodes."""
    return _told("refusal.nothing", problems)


def cannot_run(workflow_name: str, problems: Sequence[Problem]) -> Answer:
    """For people: what keeps a definition from running."""
    return _told("plan.cannot_run", problems, name=Strong(cut(workflow_name, LEAD_CHARS)))


def not_done(problem: Problem | None) -> Answer:
    """For people: why one code was not carried out. None: it was right, and another one was not."""
    if problem is None:
        return Answer((Line((message("refusal.not_done"),)),))
    return Answer((Line((Wording(Text(cut(problem.message, LEAD_CHARS)), message(_key(problem))),)),))


def _told(what: str, problems: Sequence[Problem], **named: Strong) -> Answer:
    said = list(dict.fromkeys((_place(problem.where), _key(problem)) for problem in problems))
    head = Line((Icon("refused"), message(what, n=len(said), **named)))
    return fitted((head,), said, _wrong, rows_max=PROBLEMS_SHOWN)


def _key(problem: Problem) -> str:
    if "field 'condition'" in problem.where and not known(f"problem.{problem.code}"):
        return "problem.bad_condition"
    keys = (f"{family}.{problem.code}" for family in ("problem", "failure"))
    return next(filter(known, keys), "problem.unknown")


def _place(where: str) -> tuple[str, str]:
    """What a problem's place names, such as `step` or `field`, and its name; "" for any other place."""
    if where in _PLACES:
        return _PLACES[where], where
    found = _PLACE.search(where[:PLACE_CHARS]) or _MESSAGE.fullmatch(where)
    if found is None:
        return ("field" if _FIELD.fullmatch(where) else "", where)
    return found[1], found[2]


def _wrong(said: tuple[tuple[str, str], str]) -> Line:
    (thing, name), key = said
    what: AnyPart = message(key)
    if thing:
        named = message(f"place.{thing}", name=Strong(cut(name, NAME_CHARS)))
        what = message("detail", what=named, detail=what)
    elif name:
        what = Wording(message("detail", what=Text(cut(name, DETAIL_CHARS)), detail=what), message(key))
    return Line((Icon("problem"), what), 0)


# Help.


class CommandHelp(NamedTuple):
    """A command as its declaration explains it; other languages than English explain it in their catalogue."""

    name: str
    """`FAMILY:COMMAND`."""
    summary: str = ""
    """One sentence. Empty: there is nothing to say of it but that it runs."""
    fields: Sequence[tuple[str, str]] = ()
    """The name of each, and what it is for."""
    example: str = ""


def command_help(commands: Sequence[CommandHelp]) -> Answer:
    """Of one command all there is to say, of several a line for each."""
    if len(commands) == 1:
        return _whole(commands[0])
    return fitted((Line((Icon("help"), message("help.commands", n=len(commands)))),), commands, _listed)


def _listed(command: CommandHelp) -> Line:
    return Line((Code(cut(command.name, NAME_CHARS)), DOT, _summary(command, DETAIL_CHARS)), 0)


def _whole(command: CommandHelp) -> Answer:
    head = (Line((Icon("help"), Code(cut(command.name, NAME_CHARS)), DOT, _summary(command, LEAD_CHARS))),)
    example = message("help.example", example=Code(cut(command.example, EXAMPLE_CHARS)))
    fields = [_field(command.name, *field) for field in command.fields]
    return fitted(
        head, fields, lambda field: Line((Icon("dot"), field), 0), (Line((example,)),) if command.example else ()
    )


def _summary(command: CommandHelp, chars_max: int) -> AnyPart:
    if not command.summary:
        return message("help.outside", shortcode=Text(cut(command.name, NAME_CHARS)))
    said, key = Text(cut(command.summary, chars_max)), f"command.{command.name}.summary"
    return Wording(said, message(key)) if known(key) else said


def _field(command: str, name: str, use: str) -> AnyPart:
    said = Text(cut(f"{name}: {use}" if use else name, DETAIL_CHARS))
    key = f"command.{command}.{name}"
    return Wording(said, message("detail", what=Text(name), detail=message(key))) if known(key) else said
