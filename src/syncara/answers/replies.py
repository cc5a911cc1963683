"""What a reply brought about: runs started and steered, codes of other families, help, and a refusal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from syncara.answers.catalogue import known
from syncara.answers.fit import DETAIL_CHARS, LEAD_CHARS, NAME_CHARS, fitted
from syncara.answers.model import Answer, Code, Icon, Line, Message, Strong, Text, message
from syncara.answers.text import cut, moment
from syncara.answers.tree import DOT
from syncara.core.errors import Problem

Action = Literal["cancel", "pause", "resume", "unschedule"]
_ICONS = {"cancel": "cancelled", "pause": "paused", "resume": "resumed", "unschedule": "cancelled"}
PROBLEMS_SHOWN = 5
PLACE_CHARS = 1_000
"""How much of a problem's place is looked at."""
EXAMPLE_CHARS = 300
_PLACE = re.compile(r"\b(step|workflow|field) '(.*?)'(?=, (?:field|task|column) |$)", re.DOTALL)
_FIELD = re.compile(r"[a-z_]+")


def run_started(execution_id: str, workflow_name: str, status: str, at: float | None = None) -> Answer:
    """`at` is the Unix time of a start that lies ahead."""
    name = Strong(cut(workflow_name, LEAD_CHARS))
    if status == "scheduled" and at is not None:
        said = message("started.at", name=name, moment=Text(moment(at)))
    else:
        said = message(f"started.{'approval' if status == 'awaiting_approval' else 'now'}", name=name)
    icon = Icon(status if status in ("scheduled", "awaiting_approval") else "started")
    return Answer((Line((icon, said, DOT, Code(execution_id))),))


def told(action: Action, execution_id: str, workflow_name: str, changed: bool) -> Answer:
    """`changed`: whether the action changed the run."""
    key, icon = (f"told.{action}", _ICONS[action]) if changed else (f"told.{action}_unchanged", "unchanged")
    said = message(key, name=Strong(cut(workflow_name, LEAD_CHARS)))
    return Answer((Line((Icon(icon), said, DOT, Code(execution_id))),))


def outside_started(shortcode: str) -> Answer:
    return Answer((Line((Icon("outside"), message("started.outside", shortcode=Code(cut(shortcode, NAME_CHARS))))),))


# A refusal.


def refusal(problems: Sequence[Problem]) -> Answer:
    """For people: that nothing was done, and what was wrong, in words that need no knowledge of shortcodes."""
    return _told(message("refusal.nothing", n=len(problems)), problems)


def cannot_run(workflow_name: str, problems: Sequence[Problem]) -> Answer:
    """For people: what keeps a definition from running."""
    name = Strong(cut(workflow_name, LEAD_CHARS))
    return _told(message("plan.cannot_run", name=name, n=len(problems)), problems)


def _told(what: Message, problems: Sequence[Problem]) -> Answer:
    said = list(dict.fromkeys((_place(problem.where), _key(problem)) for problem in problems))
    return fitted((Line((Icon("refused"), what)),), said, _wrong, rows_max=PROBLEMS_SHOWN)


def _key(problem: Problem) -> str:
    key = f"problem.{problem.code}"
    if known(key):
        return key
    return "problem.bad_condition" if "field 'condition'" in problem.where else "problem.unknown"


def _place(where: str) -> tuple[str, str]:
    """What a problem's place names, `step`, `workflow` or `field`, and its name; "" for any other place."""
    found = _PLACE.search(where[:PLACE_CHARS])
    if found is None:
        return ("field" if _FIELD.fullmatch(where) else "", where)
    return found[1], found[2]


def _wrong(said: tuple[tuple[str, str], str]) -> Line:
    (thing, name), key = said
    what = message(key)
    if name:
        named = (
            message(f"place.{thing}", name=Strong(cut(name, NAME_CHARS))) if thing else Text(cut(name, DETAIL_CHARS))
        )
        what = message("detail", what=named, detail=what)
    return Line((Icon("problem"), what), 0)


# Help.


class CommandHelp(NamedTuple):
    name: str
    summary: str
    fields: Sequence[str] = ()
    """Each as it is shown: its name, or its name and what it is for."""
    example: str = ""


def command_help(commands: Sequence[CommandHelp]) -> Answer:
    """Of one command all there is to say, of several a line for each."""
    if len(commands) == 1:
        return _whole(commands[0])
    return fitted((Line((Icon("help"), message("help.commands", n=len(commands)))),), commands, _summary)


def _summary(command: CommandHelp) -> Line:
    return Line((Code(cut(command.name, NAME_CHARS)), DOT, Text(cut(command.summary, DETAIL_CHARS))), 0)


def _whole(command: CommandHelp) -> Answer:
    name, summary = Code(cut(command.name, NAME_CHARS)), Text(cut(command.summary, LEAD_CHARS))
    head = (Line((Icon("help"), name, DOT, summary)),)
    example = message("help.example", example=Code(cut(command.example, EXAMPLE_CHARS)))
    return fitted(head, command.fields, _field, (Line((example,)),) if command.example else ())


def _field(field: str) -> Line:
    return Line((Icon("dot"), Text(cut(field, DETAIL_CHARS))), 0)
