"""do: what an assistant asks for with a code, asked for by hand. Each command of the registry is a sub-command.

They are the developer's: what the policy keeps from an assistant is open to them.
"""

from __future__ import annotations

import asyncio
import shlex
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
    "--chat-id", type=options.chat_id, metavar="ID", help="The chat to do it in; otherwise outside of any chat."
)


class _Commands(click.Group):
    """Lists the commands by what they do."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, kind in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name_of(c), c.summary) for c in COMMANDS.values() if c.kind == kind])


class _Command(click.Command):
    """Explains its arguments too, and shows the registry's example."""

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
        self.epilog = options.examples(example(self._declared))
        super().format_epilog(ctx, formatter)


@click.group(
    cls=_Commands,
    epilog=options.examples(
        "syncara do create-workflow Tea",
        """syncara do add-step Tea Boil log '{"message": "boiling"}'""",
        "syncara do execute Tea",
        "syncara do add-step --help",
    ),
)
def do() -> None:
    """Do one thing that an assistant can ask for, by hand.

    Arguments are the fields of the code in their order; one that is '' is left out. Workflows go by id or name, and the
    words workflow_id and execution_id mean the latest ones. Each command is one transaction.

    A run is only started: its steps begin with the next `syncara start`.
    """


def name_of(command: Command) -> str:
    """`MULTISTEP:ADD_STEP` as `add-step`."""
    return command.shortcode.partition(":")[2].lower().replace("_", "-")


def example(command: Command) -> str:
    """The registry's example, as it is typed."""
    (call,) = scan(command.example)
    words = ["syncara", "do", name_of(command)]
    for field in command.fields:
        if field.name in call.args:
            value = call.args[field.name]
            words += [f"--{_option(field)}"] if field.named else []
            words.append(value if isinstance(value, str) else output.compact(value))
    return shlex.join(words)


# From a declaration to a sub-command.


def _sub_command(declared: Command) -> click.Command:
    fields = [_option_of(field) if field.named else _argument_of(field) for field in declared.fields]
    made = _Command(declared, params=fields, callback=partial(_carry_out, declared))
    handlers = [options.HANDLERS] if declared.kind != "reads" else []
    for option in (CHAT_ID, *handlers, options.DATABASE, options.JSON):
        option(made)
    return made


def _argument_of(field: Field) -> click.Parameter:
    complete = complete_run if field.refers == "execution" else None
    return click.Argument([field.name], required=field.required, shell_complete=complete)


def _option_of(field: Field) -> click.Parameter:
    name = f"--{_option(field)}"
    if field.form == "flag":
        return click.Option([f"{name}/--no-{_option(field)}"], default=None, help=_about(field))
    choices = _choices(field)
    if choices:
        return click.Option([name], type=click.Choice(choices), help=_about(field))
    return click.Option([name], metavar=field.form.upper(), help=_about(field))


def _option(field: Field) -> str:
    return field.name.replace("_", "-")


def _choices(field: Field) -> tuple[str, ...]:
    kind = get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type
    return get_args(kind) if get_origin(kind) is Literal else ()


def _about(field: Field) -> str:
    """What a field is for, what may be written, and what holds without it."""
    speaks_for_itself = field.form in ("text", "rest", "flag", "names") or _choices(field)
    default = "" if field.required or field.default in ("", [], {}) else f"[default: {_text(field.default)}]"
    parts = (field.help, "" if speaks_for_itself else f"({allowed(field)})", default)
    return " ".join(part for part in parts if part)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else output.compact(value)


# From what was typed to what comes of it.


def _carry_out(
    declared: Command,
    /,
    *,
    database: str | None,
    chat_id: int | str | None,
    as_json: bool,
    handler_files: tuple[str, ...] = (),
    **typed: Any,
) -> None:
    fields = {
        field.name: _value(field, typed[field.name]) for field in declared.fields if typed[field.name] not in (None, "")
    }
    ask = partial(_ask, shortcode=declared.shortcode, fields=fields, chat_id=chat_id)
    if declared.kind == "reads":
        with reading(database) as processor:
            made = asyncio.run(ask(processor))
    else:
        if declared.kind == "acts":
            require(database)
        with runner(database, handler_files, hands_off=True) as processor:
            made = asyncio.run(ask(processor))
    if as_json:
        output.emit({"outcome": msgspec.to_builtins(made.outcomes[0])})
        return
    output.say_lines(made.text)
    if made.execution_ids:
        output.note(f"To let its steps begin: {going_on(database, handler_files)}")


def _value(field: Field, typed: Any) -> Any:
    """What was typed, as JSON."""
    if not isinstance(typed, str) or field.form in ("text", "rest"):
        return typed
    if field.form == "names" and not typed.startswith("["):
        return [name.strip() for name in typed.split(",")]
    try:
        return msgspec.json.decode(typed)
    except msgspec.DecodeError:
        if field.form == "moment":
            return typed
        raise click.BadParameter(f"{typed!r} is not {allowed(field)}.", param_hint=field.name.upper()) from None


async def _ask(processor: MultiStepProcessor, shortcode: str, fields: dict[str, Any], chat_id: Any) -> Reply:
    try:
        return await processor.give_command(shortcode, fields, chat_id=chat_id, language="en")
    except DatabaseBusy as busy:
        holder = f"process {busy.pid}" if busy.pid else "another process"
        message = f"{holder} runs this database, and only it can do this"
        fix = f"call await multi_step_processor.give_command('{shortcode}', …) there, or stop it and try again"
        raise StorageError(busy.code, message, busy.where, fix) from None
    finally:
        await processor.stop()


for _declared in COMMANDS.values():
    do.add_command(_sub_command(_declared))
