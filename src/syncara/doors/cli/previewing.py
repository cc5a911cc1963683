"""preview: what a workflow would do if an assistant asked for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec

from syncara.doors.cli import options, output
from syncara.doors.cli.database import TARGET
from syncara.doors.cli.sources import define, is_file, read_file, runner, stored


@click.command(
    epilog=options.examples(
        "syncara preview tea.yaml",
        "syncara preview tea.yaml --context name=Ana --chat-id 7 --user-id 7",
        "syncara preview tea.yaml --handlers bot.py",
        "syncara preview wf_05hk2m8qz7vdc3t1 --json",
    )
)
@TARGET
@options.CONTEXT
@options.CHAT_ID
@options.USER_ID
@options.HANDLERS
@options.DATABASE
@options.JSON
def preview(
    *,
    target: str,
    contexts: tuple[dict[str, Any], ...],
    chat_id: int | str | None,
    user_id: int | str | None,
    handler_files: tuple[str, ...],
    database: str | None,
    as_json: bool,
) -> None:
    """Show what a workflow would do, what of that needs a person's approval, and how long it can take.

    Nothing of it happens, and FILE needs no database. It is judged by the policy as if an assistant had asked for it in
    the chat, for the user; what the developer starts needs no approval.
    """
    with tempfile.TemporaryDirectory(prefix="syncara-") as folder:
        # A file in a database of its own, so that it leaves nothing behind; an id in the one that it is in.
        file, scratch = is_file(target), str(Path(folder, "preview.db"))
        with runner(scratch if file else database, handler_files, read_only=not file) as processor:
            workflow_id = define(processor, read_file(target, scratch) if file else stored(database, target).id)
            context = options.merged(contexts)
            found = processor.preview(workflow_id, context, chat_id=chat_id, user_id=user_id, language="en")
    if as_json:
        output.emit({"preview": msgspec.to_builtins(found)})
    else:
        output.say_lines(found.text)
