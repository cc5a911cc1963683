"""Codes in the shape of a tool call: a JSON object that names a command, or an XML element."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from syncara.commands.registry import Command
from syncara.shortcodes.repair import words
from syncara.shortcodes.repair.assigning import Piece
from syncara.shortcodes.repair.known import Known
from syncara.shortcodes.repair.loose_json import Hopeless, bare_value, read_loose
from syncara.shortcodes.repair.words import field_of

_NAMES = ("tool", "name", "function", "command", "action", "code", "shortcode", "tool_name", "type", "call", "method")
_ARGUMENTS = ("arguments", "args", "parameters", "params", "input", "inputs", "kwargs", "fields", "data")
_OBJECT = re.compile(r"(?:<[\w:=.-]+[^>]*>\s*)?(?=\{\s*[\"'“])")
_CLOSING = re.compile(r"\s*(?:</[\w:-]+>)?")
_ELEMENT = re.compile(
    r"<\s*(?P<name>[A-Za-z_][\w:.=-]*)(?P<attributes>(?:\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(?P<closed>/?)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.DOTALL)
_PARAMETER = re.compile(
    r"<\s*([\w-]+)(?:\s+name\s*=\s*[\"']([^\"']*)[\"']|\s*=\s*[\"']?([\w-]+)[\"']?)?\s*>(.*?)</\s*\1\s*>", re.DOTALL
)


class ToolCall(NamedTuple):
    command: Command
    pieces: list[Piece]
    end: int


def read(text: str, known: Known) -> ToolCall | None:
    """The call that a text begins with."""
    return _json(text, known) or _xml(text, known)


def _json(text: str, known: Known) -> ToolCall | None:
    start = _OBJECT.match(text)
    if start is None:
        return None
    line = text.find("\n\n", start.end())
    try:
        found = read_loose(text[: len(text) if line < 0 else line], start.end())
    except Hopeless:
        return None
    closing = _CLOSING.match(text, found.end)
    end = found.end if closing is None or not start.group() else closing.end()
    call = _named(found.value, known) if isinstance(found.value, dict) else None
    if call is None:
        return None
    command, fields = call
    pieces = [Piece(0, 0, each) for each in fields] if isinstance(fields, list) else _pieces(fields)
    return ToolCall(command, pieces, end)


def _named(value: Mapping[str, Any], known: Known) -> tuple[Command, dict[str, Any] | list[Any]] | None:
    """The command that an object names, and the fields that it gives: by their names, or in their order."""
    for key in _NAMES:
        written = value.get(key)
        if isinstance(written, dict):
            inner = _named(written, known)
            if inner is not None:
                return inner
        command = _command(written, known) if isinstance(written, str) else None
        if command is None:
            continue
        rest = {name: each for name, each in value.items() if name != key}
        for name in _ARGUMENTS:
            inner_fields = rest.get(name)
            others = [each for each in rest if each != name and field_of(command, each) is not None]
            if isinstance(inner_fields, dict | list) and not others:
                return command, inner_fields
        return command, rest
    return None


def _command(written: str, known: Known) -> Command | None:
    family, colon, name = written.strip("[]<>/ ").replace(".", ":").rpartition(":")
    shortcodes = list(known.commands)
    if colon and words.nearest(family, sorted({each.partition(":")[0] for each in shortcodes})) is None:
        return None
    found = words.sure_command(name, known.commands)
    return None if found is None else known.commands[found]


def _pieces(fields: Mapping[str, Any]) -> list[Piece]:
    """Each field with its label."""
    return [Piece(0, 0, value, name) for name, value in fields.items()]


def _xml(text: str, known: Known) -> ToolCall | None:
    element = _ELEMENT.match(text)
    if element is None:
        return None
    given = {key: html.unescape(one or other) for key, one, other in _ATTRIBUTE.findall(element["attributes"])}
    key = next((key for key in _NAMES if key in given and _command(given[key], known) is not None), "")
    command = _command(given.pop(key) if key else element["name"].rpartition("=")[2], known)
    if command is None:
        return None
    end = element.end()
    tag = re.escape(element["name"].partition("=")[0])
    closing = re.compile(rf"</\s*{tag}\s*>").search(text, end)
    if not element["closed"] and closing is not None:
        inside = text[end : closing.start()]
        given.update(
            {name or own or tag: html.unescape(value.strip()) for tag, name, own, value in _PARAMETER.findall(inside)}
        )
        given.update(_object(inside.strip()))
        end = closing.end()
    return ToolCall(command, _pieces(given), end)


def _object(text: str) -> dict[str, Any]:
    """The fields in JSON, where there is any."""
    found = bare_value(text) if text.startswith("{") else {}
    return found if isinstance(found, dict) else {}
