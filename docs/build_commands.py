"""Writes docs/commands.md from the commands: `python docs/build_commands.py`. A test holds the page to them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from syncara.commands import COMMANDS, Command, advanced, group, looking, plans, runs, workflows
from syncara.commands.registry import Field
from syncara.shortcodes.bind import allowed

PAGE = Path(__file__).with_name("commands.md")
SECTIONS = {
    workflows: "Workflows",
    plans: "Plans",
    runs: "Runs",
    looking: "Looking",
    advanced: "Whole workflows",
    group: "The chat",
}
KINDS = {
    "makes": "Makes something: stands alone on its line, or after a label.",
    "reads": "Only looks, at how things are once the whole reply is done: may also stand within a sentence, where its "
    "answer is one line.",
    "acts": "Acts on what there is, or outside: stands alone on its line.",
}
INTRODUCTION = r"""
# Commands

Made from the code by `python docs/build_commands.py`; change it there.

A command is written into an assistant's reply as a code, `[FAMILY:COMMAND:field:field…]`. Its fields stand in the order
of the tables below. An optional field may be left empty (`::`), or, at the end, left out. Named fields come last, as
`name=value` between colons, or all together as one JSON object. JSON holds colons and brackets as they are; in text
they are written `\:`, `\[` and `\]`. Between backticks, in a code block, in a quotation and in an HTML comment a code
is shown and does nothing. A reply with one code that is wrong does nothing at all.

`syncara prompt` prints what a language model has to know of this.
"""


def page() -> str:
    """The whole page."""
    return "\n\n".join([INTRODUCTION.strip(), *(part for module in SECTIONS for part in section(module))]) + "\n"


def section(module: ModuleType) -> Iterator[str]:
    """What is declared in one module."""
    yield f"## {SECTIONS[module]}"
    yield (inspect.getdoc(module) or "").partition("\n")[0]
    for command in COMMANDS.values():
        if command.run.__module__ == module.__name__:
            yield from described(command)


def described(command: Command) -> Iterator[str]:
    yield f"### `{command.shortcode}`"
    yield command.help
    yield KINDS[command.kind]
    if command.fields:
        yield "\n".join(["| field | type | default | |", "|---|---|---|---|", *map(row, command.fields)])
    yield f"```\n{command.example}\n```"


def row(field: Field) -> str:
    name = f"`{field.name}=`" if field.named else f"`{field.name}`"
    default = "required" if field.required else f"`{json.dumps(field.default)}`"
    return f"| {name} | {allowed(field)} | {default} | {field.help} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
