"""What each form of field makes of what was written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from syncara.commands.registry import Form
from syncara.shortcodes.lenient import BadJson, read_json

NULL = "null for a field that is left out"
IN_QUOTES = "quotes around a value that is no text"
JSON_IN_QUOTES = "JSON inside a text"
BARE_NAMES = "a list of names without quotes"

MISFIT: Any = object()
"""Not of the form."""
WANTED: dict[Form, str] = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "json": "JSON",
    "names": "names separated by commas, or a JSON list of them",
    "moment": "seconds, a duration such as 1h30m, or an ISO time",
    "rest": "text",
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,2})?")
_FLAGS = {"true": True, "yes": True, "ya": True, "false": False, "no": False, "tidak": False}
_NULLS = ("null", "None")
_NAME_IN_QUOTES = re.compile(r"\"([^\"]*)\"|'([^']*)'")


def convert(form: Form, value: Any, *, is_text: bool) -> tuple[Any, str]:
    """A value as a form of field takes it, or MISFIT; and what of that was lenient. None: nothing was written.

    `is_text`: the value was written as text, not in quotes or in JSON.
    """
    if value is None or (is_text and form != "text" and value in _NULLS):
        return None, NULL
    if isinstance(value, str):
        if not value.strip():
            return None, ""
        found, repair = _FROM_TEXT[form](value.strip())
        lenient = not is_text and form in ("integer", "number", "flag") and found is not MISFIT
        return found, IN_QUOTES if lenient else repair
    return (value, "") if _is_native(form, value) else (MISFIT, "")


def _is_native(form: Form, value: Any) -> bool:
    """Whether a value that is no text is of the form."""
    if isinstance(value, bool):
        return form == "flag"
    if isinstance(value, int):
        return form in ("integer", "number", "moment")
    if isinstance(value, float):
        return form in ("number", "moment")
    if form == "names":
        return isinstance(value, list) and all(isinstance(name, str) for name in value)
    return form == "json" and isinstance(value, dict | list)


def _number(value: str) -> tuple[Any, str]:
    if _INTEGER.fullmatch(value):
        return int(value), ""
    return (float(value) if _NUMBER.fullmatch(value) else MISFIT), ""


def _json(value: str) -> tuple[Any, str]:
    if not value.startswith(("{", "[")):
        return MISFIT, ""
    try:
        found = read_json(value, 0)
    except BadJson:
        return MISFIT, ""
    return (found.value, JSON_IN_QUOTES) if found.end == len(value) else (MISFIT, "")


def _names(value: str) -> tuple[list[str], str]:
    repair = ""
    if value.startswith("[") and value.endswith("]"):
        value, repair = value[1:-1], BARE_NAMES
    names = []
    for part in value.split(","):
        quoted = _NAME_IN_QUOTES.fullmatch(part.strip())
        name = part.strip() if quoted is None else quoted[quoted.lastindex or 0].strip()
        repair = repair if quoted is None else IN_QUOTES
        names += [name] if name else []
    return names, repair


def _moment(value: str) -> tuple[Any, str]:
    number, _ = _number(value)
    return (value if number is MISFIT else number), ""


_FROM_TEXT: dict[Form, Callable[[str], tuple[Any, str]]] = {
    "text": lambda value: (value, ""),
    "integer": lambda value: (int(value) if _INTEGER.fullmatch(value) else MISFIT, ""),
    "number": _number,
    "flag": lambda value: (_FLAGS.get(value.lower(), MISFIT), ""),
    "json": _json,
    "names": _names,
    "moment": _moment,
    "rest": lambda value: (value, ""),
}
