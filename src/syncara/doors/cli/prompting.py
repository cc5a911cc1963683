"""prompt: the instructions that a model needs to write codes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from syncara.doors.cli import options, output
from syncara.doors.cli.sources import runner


@click.command(
    epilog=options.examples(
        "syncara prompt > system-prompt.txt", "syncara prompt --long", "syncara prompt --handlers bot.py"
    )
)
@click.option("--long", is_flag=True, help="Explain every field, and show conversations as examples.")
@click.option("--chat-id", type=options.chat_id, metavar="ID", help="Leave out what the policy denies in this chat.")
@click.option("--user-id", type=options.chat_id, metavar="ID", help="Also what it denies to this user.")
@options.HANDLERS
def prompt(*, long: bool, chat_id: int | str | None, user_id: int | str | None, handler_files: tuple[str, ...]) -> None:
    """Print what a language model must know to write codes, for its system prompt.

    It names the built-in handlers and templates, and those that a Python file registers, but for what the policy of the
    settings denies.
    """
    # On a database of its own, so that none is needed and nothing is left behind.
    with (
        tempfile.TemporaryDirectory(prefix="syncara-") as folder,
        runner(str(Path(folder, "prompt.db")), handler_files) as processor,
    ):
        output.write(processor.prompt(long=long, chat_id=chat_id, user_id=user_id))
