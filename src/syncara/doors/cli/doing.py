"""do: what an assistant can ask for with a code, asked for by hand. Each command of the registry is a sub-command."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, get_args, get_origin

import click
import msgspec

from syncara import DatabaseBusy, MultiStepProcessor, StorageError
from syncara.commands.registry import COMMANDS, Command, Field, Kind
from syncara.doors.cli import options, output
from syncara.doors.cli.database import complete_run, going_on, reading, require
from syncara.doors.cli.sources import runner
from syncara.shortcodes import scan
from syncara.shortcodes.bind import allowed
from syncara.shortcodes.outcome import Reply

SECTIONS: dict[str, Kind] = {"Make": "makes", "Act": "acts", "Look": "reads"}
CHAT_ID = click.option(
    "--chat-id", type=options.chat_id, metavar="ID", help="The chat to do it in; otherwise among what has no chat."
)


class _Commands(click.Group):
    """Lists the commands by what they do."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, kind in SECTIONS.items():
            commands = [command for command in COMMANDS.values() if command.kind == kind]
            with formatter.section(title):
                formatter.write_dl([(name_of(command), command.summary) for command in commands])


class _Command(click.Command):
    """Explains its arguments, and shows the registry's example."""

    def __init__(self, declared: Command, **settings: Any) -> None:
        super().__init__(name_of(declared), help=declared.help, **settings)
        self._declared = declared

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(field.name.upper(), _about(field)) for field in self._declared.positional]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            formatter.write_text(example(self._declared))


@click.group(
    cls=_Commands,
    epilog=options.examples(
        "syncara do create-workflow Tea",
        """syncara do add-step workflow_id Boil log '{"message": "boiling"}'""",
        "syncara do execute Tea",
        "syncara do add-step --help",
    ),
)
def do() -> None:
    """Do by hand what an assistant asks for with a code: one command, one transaction.

    workflow_id and execution_id stand for the latest workflow and run. What is started is only started: its steps begin
    with the next `syncara start`.
    """


def name_of(command: Command) -> str:
    """`MULTISTEP:ADD_STEP` as `add-step`."""
    return command.shortcode.partition(":")[2].lower().replace("_", "-")


def example(command: Command) -> str:
    """The registry's example, as it is typed."""
    (call,) = scan(command.example)
    fields = [field for field in command.fields if field.name in call.args]
    words = ["syncara", "do", name_of(command)]
    for field in fields:
        value = call.args[field.name]
        words += [f"--{_option(field)}"] if field.named else []
        words.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return shlex.join(words)


# From a declaration to a sub-command.


def _sub_command(declared: Command) -> click.Command:
    made = _Command(declared, callback=partial(_carry_out, declared), params=[_param(field) for field in declared.fields])
    settings = [CHAT_ID, options.DATABASE, options.JSON]
    if declared.kind != "reads":
        settings.insert(1, options.HANDLERS)
    for setting in reversed(settings):
        made = setting(made)
    return made


def _param(field: Field) -> click.Parameter:
    if not field.named:
        complete = complete_run if field.refers == "execution" else None
        return click.Argument([field.name], required=field.required, metavar=field.name.upper(), shell_complete=complete)
    if field.form == "flag":
        return click.Option([f"--{_option(field)}/--no-{_option(field)}"], default=None, help=_about(field))
    return click.Option([f"--{_option(field)}"], type=_choice(field), metavar=_metavar(field), help=_about(field))


def _option(field: Field) -> str:
    return field.name.replace("_", "-")


def _about(field: Field) -> str:
    """What a field is for, what may be written, and what holds without it."""
    parts = [field.help, "" if field.form == "text" else allowed(field)]
    default = "" if field.required or field.default in ("", [], {}) else f"default: {msgspec.json.encode(field.default).decode()}"
    return "; ".join(part for part in (*parts, default) if part)
