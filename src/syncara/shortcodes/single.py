"""One command on paper, given by the developer: its fields come as values, and what is wrong is raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from syncara.abc import Chat
from syncara.commands.desk import Desk
from syncara.commands.draft import Draft
from syncara.commands.registry import Command
from syncara.core.check import shown
from syncara.core.errors import NotFoundError, Problem, ValidationError, nearest
from syncara.shortcodes.bind import bind
from syncara.shortcodes.paper import Paper
from syncara.shortcodes.scanner import Call

PARKED_S = 0.001
"""How far ahead the start of a run lies that the next runner is to begin."""


def carry_out(
    shortcode: str, fields: Mapping[str, Any], desk: Desk, chat: Chat, commands: Mapping[str, Command]
) -> Paper:
    """On a new draft. Raises NotFoundError, InvalidStateError, ValidationError with all that is wrong."""
    if not isinstance(fields, Mapping):
        message = f"the fields are given by their names, and this is {shown(fields)}"
        raise ValidationError([Problem("wrong_type", "fields", message, "pass a dict")])
    command = commands.get(shortcode)
    if command is None:
        fix = nearest(shortcode, commands) or "the commands are " + ", ".join(commands)
        raise NotFoundError("unknown_command", f"there is no command '{shortcode}'", "shortcode", fix)
    call = Call(shortcode, dict(fields), (0, 0), alone=True, ends_line=True)
    bound, unbound = bind(call, command)
    problems = [*_unknown(command, fields), *unbound]
    if problems:
        raise ValidationError(problems)
    draft = Draft(desk, chat, "developer", commands)
    said = command.run(draft, **bound)
    problems = [problem for _, problem in draft.settle()]
    if problems and problems[0].code == "not_found":
        raise NotFoundError(**msgspec.structs.asdict(problems[0]))
    if problems:
        raise ValidationError(problems)
    return Paper("", [call], [said], draft, [])


def park(draft: Draft) -> None:
    """Leave what the draft starts to the next runner."""
    for number, start in enumerate(draft.starts):
        if start.started.start_at is None:
            parked = msgspec.structs.replace(start.started, start_at=draft.now + PARKED_S)
            draft.starts[number] = start._replace(started=parked)


def _unknown(command: Command, fields: Mapping[str, Any]) -> list[Problem]:
    known = [field.name for field in command.fields]
    return [
        Problem(
            "unknown_field",
            f"field '{name}'",
            f"{command.shortcode} has no field '{name}'",
            nearest(name, known) or "the fields are " + ", ".join(known),
        )
        for name in fields
        if name not in known
    ]
