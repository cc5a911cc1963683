"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

import json
import re
from typing import Any

import click

DATABASE = click.option(
    "--database", "-d", metavar="FILE", help="The database; otherwise SYNCARA_DATABASE, otherwise syncara.db."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
HANDLERS = click.option(
    "--handlers",
    "handler_files",
    metavar="FILE.py",
    multiple=True,
    help="Import a Python file that registers handlers on multi_step_processor; may be given again.",
)


def chat_id(text: str) -> int | str:
    """A whole number where it looks like one, else text."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


CHAT_ID = click.option("--chat-id", type=chat_id, metavar="ID", help="The chat that messages go to.")
USER_ID = click.option("--user-id", type=chat_id, metavar="ID", help="The user that the run is for.")


def examples(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")


def duration(text: str) -> float:
    """`45`, `90s`, `1h30m`, `30d`: as seconds."""
    written = f"{text}s" if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else text
    parts = _PART.findall(written)
    if not parts or "".join(number + unit for number, unit in parts) != written:
        message = f"{text!r} is no duration. Write seconds, or units as in 90s, 15m, 1h30m, 30d, 2w."
        raise click.BadParameter(message)
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))


def context(text: str) -> dict[str, Any]:
    """A JSON object, or `key=value` whose value is JSON where it reads as JSON and text otherwise."""
    if text.lstrip().startswith("{"):
        try:
            read = json.loads(text)
        except ValueError as error:
            raise click.BadParameter(f"this is not JSON: {error}") from None
        assert isinstance(read, dict)
        return read
    key, equals, written = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{text!r} is neither a JSON object nor key=value.")
    try:
        return {key: json.loads(written)}
    except ValueError:
        return {key: written}


CONTEXT = click.option(
    "--context",
    "contexts",
    type=context,
    multiple=True,
    metavar="JSON|KEY=VALUE",
    help="What the steps find as {context.KEY}: a JSON object, or a key and its value; may be given again.",
)


def merged(contexts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """What all `--context` of a command line give together."""
    return {key: value for given in contexts for key, value in given.items()}
