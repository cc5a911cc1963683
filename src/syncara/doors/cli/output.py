"""What commands print: JSON for scripts, text for people, and errors in the one shape that all commands share."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from syncara.core.errors import ApprovalError, NotFoundError, Problem, StorageError, SyncaraError, ValidationError
from syncara.core.views import Execution

if TYPE_CHECKING:
    from rich.console import Console

OK, FAILED, USAGE, NOT_FOUND, STORAGE, BUG, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 4, 70, 130, 141
"""Exit codes; docs/how-to/command-line.md says what each means."""
WIDE = 1_000
"""Columns where there is no terminal: whoever reads the lines wants them whole."""


class Interrupted(SyncaraError):
    """Ctrl-C in the middle of something that goes on later; `fix` holds the command for it."""


class ReaderGone(Exception):
    """Whoever read the output has stopped reading, as `head` does."""


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415 - only when there is something to show

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise ReaderGone  # Rich would end the process, with the exit code of a failed run

    stream = sys.stderr if stderr else sys.stdout
    return Pipe(stderr=stderr, highlight=False, width=None if stream.isatty() else WIDE)


def emit(document: dict[str, Any]) -> None:
    """Print the one JSON document of a command."""
    write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def emit_line(value: Any) -> None:
    """Print one JSON document of a stream, on a line of its own."""
    write(compact(value) + "\n")


def compact(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None


def say(text: str) -> None:
    """Print a line for people."""
    from rich.text import Text  # noqa: PLC0415

    console().print(Text(text), soft_wrap=True)


def say_lines(
    text: str, *, stderr: bool = False, looks: Mapping[str, str] | None = None, unbroken: tuple[str, ...] = ()
) -> None:
    """Print what others wrote, without control characters: it must not steer the terminal.

    looks: regular expressions, and the styles of what they match. unbroken: what lines begin with that are there to be
    copied, so that a terminal must not break them between words.
    """
    from rich.text import Text  # noqa: PLC0415

    from syncara.doors.cli.live import plain  # noqa: PLC0415

    on = console(stderr=stderr)
    for line in text.split("\n"):
        shown = Text(plain(line))
        for pattern, style in (looks or {}).items():
            shown.highlight_regex(pattern, style)
        on.print(shown, soft_wrap=not on.is_terminal or line.startswith(unbroken))


def note(text: str) -> None:
    """Print a line for people beside the output."""
    from rich.text import Text  # noqa: PLC0415

    console(stderr=True).print(Text(text, "yellow"), soft_wrap=True)


# Runs.


def head(execution: Execution) -> dict[str, Any]:
    """A run as JSON, without its steps and data. Times are Unix seconds."""
    left_out = ("steps", "context", "errors")
    fields = {name: getattr(execution, name) for name in Execution.__struct_fields__ if name not in left_out}
    return fields | {"status": str(execution.status)}


def whole(execution: Execution) -> dict[str, Any]:
    """A run as JSON, with all there is."""
    steps = [msgspec.to_builtins(step) for step in execution.steps.values()]
    return head(execution) | {"steps": steps, "context": execution.context, "errors": execution.errors}


def code_of(execution: Execution) -> int:
    """The exit code that says how a run ended."""
    return OK if execution.status == "completed" else FAILED


# Errors.


def error_code(error: SyncaraError) -> int:
    """The exit code of an error."""
    match error:
        case Interrupted():
            return INTERRUPTED
        case NotFoundError() | ApprovalError(code="not_found"):
            return NOT_FOUND
        case StorageError():
            return STORAGE
        case _:
            return FAILED


def problems_of(error: SyncaraError) -> list[Problem]:
    """What is wrong, with the commands that help instead of the Python calls."""
    problems = error.problems if isinstance(error, ValidationError) else (error.problem,)
    return [msgspec.structs.replace(problem, fix=_as_command(problem.fix)) for problem in problems]


COMMANDS = {
    "list_approvals()": "`syncara approvals`",
    "list_executions()": "`syncara list`",
    "list_workflows()": "`syncara list --workflows`",
}


def _as_command(fix: str) -> str:
    for call, command in COMMANDS.items():
        fix = fix.replace(call, command)
    return fix


def show_error(error: SyncaraError, *, as_json: bool) -> None:
    """With `--json` the error is the document on stdout; otherwise it goes to stderr, for people."""
    problems = problems_of(error)
    if as_json:
        builtin = [msgspec.to_builtins(problem) for problem in problems]
        emit({"error": builtin[0] | {"problems": builtin}})
    elif isinstance(error, Interrupted):
        _show_interrupted(error)
    else:
        show_problems(problems, console(stderr=True))


def _show_interrupted(error: Interrupted) -> None:
    from rich.text import Text  # noqa: PLC0415

    on = console(stderr=True)
    on.print(Text.assemble(("■ ", "yellow"), error.message))
    if error.fix:
        on.print(Text(f"    {error.fix}", "bold"), soft_wrap=True)


def show_problems(problems: list[Problem], on: Console) -> None:
    if len(problems) > 1:
        on.print(f"[bold red]{len(problems)} problems[/]")
    for problem in problems:
        _show_problem(problem, on)


def _show_problem(problem: Problem, on: Console) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from syncara.doors.cli.live import plain  # noqa: PLC0415

    where = f"{plain(problem.where)}: " if problem.where else ""
    head = Text.assemble((where, "bold"), plain(problem.message), (f"  {problem.code}", "dim"))
    for mark, indent, text in (
        (Text("✗", "bold red"), 0, head),
        (Text("→", "green"), 4, Text(plain(problem.fix))),
        (Text("example:", "green"), 4, Text(plain(problem.example))),
    ):
        if text:
            line = Table.grid(padding=(0, 1, 0, 0))
            line.add_row(" " * (indent - 1), mark, text) if indent else line.add_row(mark, text)
            on.print(line)
