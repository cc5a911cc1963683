"""validate, export, schema: definitions as files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from syncara import ValidationError
from syncara.definitions import Format, definition_of, dump_definition
from syncara.definitions import schema as schema_of_definitions
from syncara.doors.cli import options, output
from syncara.doors.cli.database import TARGET, reading
from syncara.doors.cli.sources import define, is_file, read_file, runner, stored


@click.command(
    epilog=options.examples(
        "syncara validate tea.yaml", "syncara validate tea.yaml --handlers bot.py", "syncara validate bot.py --json"
    )
)
@TARGET
@options.HANDLERS
@options.DATABASE
@options.JSON
def validate(*, target: str, handler_files: tuple[str, ...], database: str | None, as_json: bool) -> int:
    """Say everything that keeps a workflow from running. The exit code is 1 when there is something.

    FILE needs no database. The handlers that exist are the built-in ones, and those that a Python file registers.
    """
    problems = []
    try:
        # In a database of its own, so that neither a check nor a Python file leaves anything behind.
        with tempfile.TemporaryDirectory(prefix="syncara-") as folder:
            scratch = str(Path(folder, "validate.db"))
            with runner(scratch, handler_files) as processor:
                define(processor, read_file(target, scratch) if is_file(target) else stored(database, target))
    except ValidationError as error:
        problems = output.problems_of(error)
    if as_json:
        output.emit({"problems": problems})
    elif problems:
        output.show_problems(problems, output.console())
    else:
        output.say(f"{target} is right.")
    return output.FAILED if problems else output.OK


@click.command(
    epilog=options.examples("syncara export wf_05hk2m8qz7vdc3t1 > tea.yaml", "syncara export wf_… --format json")
)
@click.argument("workflow_id", metavar="ID")
@click.option("--format", "format_", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@options.DATABASE
@options.JSON
def export(*, workflow_id: str, format_: Format, database: str | None, as_json: bool) -> None:
    """Print a workflow as a definition that `syncara run` takes back."""
    with reading(database) as processor:
        workflow = processor.get_workflow(workflow_id)
    if as_json:
        output.emit({"workflow": definition_of(workflow)})
    else:
        output.write(dump_definition(workflow, format_))


@click.command(epilog=options.examples("syncara schema > workflow.schema.json"))
def schema() -> None:
    """Print the JSON Schema of definition files, for editors."""
    output.emit(schema_of_definitions())
