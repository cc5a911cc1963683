"""From what is meant to a code as it is to be written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from syncara.commands.registry import Command, Field

_ESCAPED = re.compile(r"[\\:]")
_BRACKETS = re.compile(r"[\[\]]")
_SPACES = re.compile(r"\s+")
_READ_AS_NOTHING = (["null"], ["None"])
_PLAIN_NAME = re.compile(r"[^,:\[\]{}\\\"'“‘=]+")


def write(command: Command, args: Mapping[str, Any]) -> str:
    """The code of a command with these fields, in their order."""
    args = {name: value for name, value in args.items() if value != []}  # no names are written as nothing
    last = max((place for place, field in enumerate(command.positional) if field.name in args), default=-1)
    parts = [_value(field, args[field.name]) if field.name in args else "" for field in command.positional[: last + 1]]
    parts += [f"{field.name}={_value(field, args[field.name])}" for field in command.fields if _is_named(field, args)]
    return f"[{':'.join([command.shortcode, *parts])}]"


def _is_named(field: Field, args: Mapping[str, Any]) -> bool:
    return field.named and field.name in args


def _value(field: Field, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return compact(value)
    if isinstance(value, list):
        plain = field.form == "names" and all(isinstance(name, str) and _PLAIN_NAME.fullmatch(name) for name in value)
        plain = plain and value not in _READ_AS_NOTHING
        return ",".join(value) if plain else compact(value)
    return escaped(str(value)) if isinstance(value, str) and field.form != "rest" else str(value)


def compact(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def escaped(text: str) -> str:
    """Text so that it is read as it is."""
    written = _ESCAPED.sub(r"\\\g<0>", _SPACES.sub(" ", text).strip())
    if not _is_balanced(written) or written.startswith("["):
        written = _BRACKETS.sub(r"\\\g<0>", written)
    return f"\\{written}" if written.startswith("{") else written


def _is_balanced(text: str) -> bool:
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket == "[" else -1
        if depth < 0:
            return False
    return depth == 0
