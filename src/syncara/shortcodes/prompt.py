"""The model's instructions: made from the commands, handlers and templates that a chat may use.

What no declaration says, the rules and the worked examples, is in `lessons.toml`, beside this file.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from importlib import resources
from typing import Any, NamedTuple

import msgspec

from syncara import answers
from syncara.abc import Chat
from syncara.commands import Command, available
from syncara.commands.desk import Desk
from syncara.commands.registry import Field, Kind
from syncara.core.model import DELAY, GROUP, Workflow
from syncara.handlers.registry import BUILTIN, Handlers
from syncara.shortcodes.bind import allowed
from syncara.shortcodes.observation import observe
from syncara.shortcodes.outcome import Outcome, Reply
from syncara.templates import builtin
from syncara.templates.registry import Templates

FAMILY = "MULTISTEP:"
"""Of the commands that need no handler."""
HELP_CHARS_MAX = 120
"""Of what the short form says of a handler that does not ship."""
_KINDS: dict[Kind, str] = {
    "makes": "Codes that make something",
    "reads": "Codes that only look, at how things are after the whole reply",
    "acts": "Codes that change what there is, or act outside",
}
_CORE_HELP = {
    DELAY: "Wait, over restarts too. Returns `{seconds}`.",
    GROUP: (
        "Run several tasks as one step. A task has the fields of a step but no dependencies. "
        "The result has that of each task under its name."
    ),
}
_PLAIN = ("text", "json", "rest")
"""Forms that the marks of a signature say enough of."""
_SHIPPED = {*BUILTIN, *builtin.BUILTIN}
_RETURNED = re.compile(r"Returns `\{(.*?)\}`")
_WORD = re.compile(r"\w+")
_MARK = re.compile(r"#|\{\}|\[\]|=\S+")
_CODE = re.compile(r"\[([A-Z]+:[A-Z_]+)")
_CODE_LINE = re.compile(r"^\[.*", re.MULTILINE)


class Info(NamedTuple):
    """A handler or a template that a chat may use."""

    name: str
    help: str
    schema: Mapping[str, Any]
    """The JSON Schema of its params."""


class Turn(msgspec.Struct, frozen=True):
    said: str
    reply: str


class Example(msgspec.Struct, frozen=True):
    """Part of a conversation."""

    title: str
    handlers: tuple[str, ...]
    """All that its codes need."""
    turns: tuple[Turn, ...]


class Lessons(msgspec.Struct, frozen=True):
    short: str
    long: str
    examples: tuple[Example, ...]


@cache
def lessons() -> Lessons:
    text = (resources.files(__package__) / "lessons.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Lessons)


def prompt(
    commands: Mapping[str, Command], handlers: Iterable[Info], templates: Iterable[Info] = (), *, long: bool = False
) -> str:
    """What a language model must know to write codes, for its system prompt; in English.

    With all that ships the short form has less than 900 tokens. The long one explains every field, and has examples.
    """
    handlers, templates = list(handlers), list(templates)
    ordered = sorted(commands.values(), key=lambda command: list(_KINDS).index(command.kind))
    shown = [each for each in lessons().examples if _possible(each, commands, {info.name for info in handlers})]
    if long:
        return _long(ordered, handlers, templates, shown)
    parts = [
        lessons().short.strip(),
        "\n".join(_index(ordered)),
        "\n".join(["Handlers (params)", *map(_handler_line, handlers)]),
        "\n".join(["Templates", *map(_template_line, templates)]) if templates else "",
        "\n".join(["Example", *_CODE_LINE.findall(shown[0].turns[0].reply)]) if shown else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def instructions(desk: Desk, chat: Chat, *, long: bool = False) -> str:
    """The prompt for all that is registered, but for what is denied in the chat, or to its user where one is given."""
    offers = partial(desk.gate.offers, chat.chat_id, chat.user_id)
    commands = {
        name: command
        for name, command in available(desk.shortcodes).items()
        if (name.startswith(FAMILY) or offers("execute_shortcode", name))
        and (chat.user_id is None or desk.gate.asks(name, command.kind, chat.chat_id, chat.user_id) is None)
    }
    handlers = [info for info in handler_infos(desk.handlers) if offers(info.name)]
    return prompt(commands, handlers, template_infos(desk.templates), long=long)


def handler_infos(handlers: Handlers) -> list[Info]:
    """Every handler that is registered."""
    return [Info(name, _handler_help(handlers, name), handlers.schema(name)) for name in handlers.names()]


def template_infos(templates: Templates) -> list[Info]:
    """Every template that is registered."""
    found = [templates.get(name) for name in templates.names()]
    return [
        Info(each.name, each.description, {} if each.params is None else msgspec.json.schema(each.params))
        for each in found
    ]


def _handler_help(handlers: Handlers, name: str) -> str:
    handler = handlers.get(name)
    if handler is None:
        return _CORE_HELP[name]
    own = [each for each in (handler.params, handler.fn) if inspect.isclass(each) or inspect.isroutine(each)]
    return "\n".join(inspect.cleandoc(each.__doc__) for each in own if each.__doc__)


def _possible(example: Example, commands: Mapping[str, Command], handlers: set[str]) -> bool:
    written = {code for turn in example.turns for code in _CODE.findall(turn.reply)}
    return written <= commands.keys() and handlers.issuperset(example.handlers)


# Signatures.


def _signature(command: Command) -> tuple[str, str]:
    """The fields of a command as they are written: `:name:other?#`, and after them ` + third? fourth?`."""
    marks = _marks(command.schema())
    words = {field.name: _field(field, marks[field.name]) for field in command.fields}
    named = [words[field.name] for field in command.fields if field.named]
    return "".join(f":{words[field.name]}" for field in command.positional), " ".join([" +", *named]) if named else ""


def _field(field: Field, mark: str) -> str:
    return field.name + "?" * (not field.required) + mark * (field.form != "names")


def _params(schema: Mapping[str, Any]) -> str:
    """Params as they are listed: `name other?#`."""
    required = _resolved(schema, schema).get("required", ())
    return " ".join(name + "?" * (name not in required) + mark for name, mark in _marks(schema).items())


def _marks(schema: Mapping[str, Any]) -> dict[str, str]:
    """What each property can hold, as it is written behind its name."""
    properties = _resolved(schema, schema).get("properties", {})
    return {name: _mark(_resolved(each, schema)) for name, each in properties.items()}


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a schema itself, instead of a reference or a choice between it and null."""
    while "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    choices = [each for each in part.get("anyOf", ()) if each != {"type": "null"}]
    return _resolved(choices[0], schema) if len(choices) == 1 else part


def _mark(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        values = sorted(schema["enum"], key=lambda value: value != schema.get("default"))
        return "=" + "|".join(map(str, values))
    marks = {"integer": "#", "number": "#", "object": "{}", "array": "[]"}
    return marks.get(schema.get("type", ""), "")


# The short form.


def _index(commands: Iterable[Command]) -> Iterator[str]:
    """Under each family a line for each signature."""
    index: dict[str, dict[str, list[str]]] = {}
    for command in commands:
        family, _, name = command.shortcode.partition(":")
        index.setdefault(family, {}).setdefault("".join(_signature(command)), []).append(name)
    for family, lines in index.items():
        yield f"{family}:"
        yield from (f"{'|'.join(names)}{fields}" for fields, names in lines.items())


def _handler_line(info: Info) -> str:
    """Its params, what its result has beside them, and what it does unless it ships."""
    returned = _RETURNED.search(info.help)
    keys = [] if returned is None else [key for key in _WORD.findall(returned[1]) if key not in _marks(info.schema)]
    result = f" -> {' '.join(keys)}" if keys else ""
    return f"{info.name} {_params(info.schema)}".strip() + result + _said(info)


def _template_line(info: Info) -> str:
    """What its params can hold is left to the long form."""
    return _MARK.sub("", f"{info.name} {_params(info.schema)}") + _said(info)


def _said(info: Info) -> str:
    """What ships is known by its name."""
    first = info.help.partition("\n")[0].partition(". ")[0]
    return "" if info.name in _SHIPPED or not first else f": {first[:HELP_CHARS_MAX]}"


# The long form.


def _long(commands: Sequence[Command], handlers: list[Info], templates: list[Info], examples: list[Example]) -> str:
    looking = ", ".join(command.shortcode.partition(":")[2] for command in commands if command.kind == "reads")
    rules = lessons().long.strip().replace("{looking}", looking).replace("{observed}", _observed())
    parts = [rules, *_chapters(commands), "## Handlers, each with the keys of its params", *map(_long_info, handlers)]
    if templates:
        parts += ["## Templates, each with the keys of its params", *map(_long_info, templates)]
    if examples:
        parts += ["## Examples", *map(_example, examples)]
    return "\n\n".join(parts) + "\n"


def _observed() -> str:
    """What the model is told of a reply that makes a workflow of one step."""
    workflow_id, step_id, run_id = (f"{kind}_0123456789abcdef" for kind in ("wf", "st", "ex"))
    told = (
        ("CREATE_WORKFLOW", workflow_id, answers.workflow_made(Workflow(workflow_id, "Tea"))),
        ("ADD_STEP", step_id, answers.step_added("Tea", "Boil", 1)),
        ("EXECUTE", run_id, answers.run_started(run_id, "Tea", "running")),
    )
    outcomes = [Outcome(f"MULTISTEP:{name}", True, id, answers.render(answer)) for name, id, answer in told]
    return observe(Reply(True, "", tuple(outcomes)))


def _chapters(commands: Sequence[Command]) -> Iterator[str]:
    explained: set[str] = set()
    for kind, title in _KINDS.items():
        members = [command for command in commands if command.kind == kind]
        if members:
            yield f"## {title}"
        for command in members:
            yield "\n".join(_explained(command, explained))


def _explained(command: Command, before: set[str]) -> Iterator[str]:
    """A command with its fields, but for what was said `before`."""
    positional, named = _signature(command)
    yield f"`[{command.shortcode}{positional}]`{named}"
    yield " ".join(command.help.split())
    for field in command.fields:
        line = f"- {field.name}: {_described(field)}"
        if line not in before:
            before.add(line)
            yield line


def _described(field: Field) -> str:
    """What a field means, what it may hold and what it is when it is not written."""
    notes = [] if field.form in _PLAIN and "one of" not in allowed(field) else [allowed(field)]
    if not field.required and field.default not in ("", [], {}) and field.refers is None:
        notes.append(f"default {field.default if isinstance(field.default, str) else json.dumps(field.default)}")
    return f"{field.help} ({'; '.join(notes)})" if notes else field.help


def _long_info(info: Info) -> str:
    properties = _resolved(info.schema, info.schema).get("properties", {})
    notes = [f"- {name}: {each['description']}" for name, each in properties.items() if "description" in each]
    return "\n".join([f"{info.name} {_params(info.schema)}".strip(), " ".join(info.help.split()), *notes])


def _example(example: Example) -> str:
    turns = "\n\n".join(f"They: {turn.said}\n\nYou:\n\n{turn.reply.strip()}" for turn in example.turns)
    return f"### {example.title}\n\n{turns}"
