"""The command line: `syncara COMMAND`. Each command is in the module of its group; this one puts them together."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version

import click

from syncara.core.errors import SyncaraError
from syncara.doors.cli import output
from syncara.doors.cli.approving import approvals, approve, refuse
from syncara.doors.cli.auditing import audit
from syncara.doors.cli.defining import export, schema, validate
from syncara.doors.cli.doing import do
from syncara.doors.cli.looking import history, list_, status, watch
from syncara.doors.cli.previewing import preview
from syncara.doors.cli.prompting import prompt
from syncara.doors.cli.replying import reply
from syncara.doors.cli.running import run, start
from syncara.doors.cli.steering import cancel, pause, resolve, resume
from syncara.doors.cli.upkeep import cleanup, doctor

__all__ = ["main"]

GROUPS = {
    "Run": (run, start),
    "Assist": (reply, do, prompt),
    "Look": (list_, status, watch, history),
    "Steer": (pause, resume, cancel, resolve),
    "Approve": (approvals, approve, refuse),
    "Define": (validate, preview, export, schema),
    "Keep": (cleanup, doctor, audit),
}


class _Commands(click.Group):
    """Lists the commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(str(command.name), command.get_short_help_str(80)) for command in commands])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A first run: syncara run FILE.yaml. Each command has its own --help, with examples.",
)
@click.version_option(version("syncara"), message="syncara %(version)s")
def cli() -> None:
    """Durable multi-step workflows on one SQLite file."""


for _command in (command for commands in GROUPS.values() for command in commands):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """The program. Ends the process with one of the exit codes of docs/how-to/command-line.md."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_outcome(given))


def _outcome(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        code = cli.main(arguments, prog_name="syncara", standalone_mode=False)
    except click.UsageError as error:
        return _misused(error, as_json=as_json)
    except SyncaraError as error:
        output.show_error(error, as_json=as_json)
        return output.error_code(error)
    except (KeyboardInterrupt, click.Abort):
        output.show_error(output.Interrupted("interrupted", "Interrupted."), as_json=as_json)
        return output.INTERRUPTED
    except output.ReaderGone:
        # What is left in the buffer would be an error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return output.BROKEN_PIPE
    except Exception:  # noqa: BLE001 - a fault of ours must not look like a failed run
        traceback.print_exc()
        return output.BUG
    return code if isinstance(code, int) else output.OK


def _misused(error: click.UsageError, *, as_json: bool) -> int:
    where = error.ctx.command_path if error.ctx else "syncara"
    if as_json:
        misuse = SyncaraError("usage", error.format_message(), where, f"see {where} --help")
        output.show_error(misuse, as_json=True)
    else:
        error.show()
    return output.USAGE
