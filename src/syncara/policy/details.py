"""What a step is given, as whoever approves it sees it: on one line, and never the same for two steps that differ.

Where it goes, and what is done there, is for its effect to say. The rest of its params stands here: texts, bodies,
queries and documents as JSON, other params by their names. Placeholders of the context have beside them, as JSON, what
the start fills in: `{context.name = "Ana"}`; or `?`, where that is known only when the step runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from syncara.answers.text import ends, literal, short_hash, spelled
from syncara.core.graph import ERROR_KEYS
from syncara.core.model import GROUP, Step
from syncara.core.placeholders import PlaceholderError, compile_params
from syncara.handlers.registry import BUILTIN
from syncara.handlers.web import secret_names

DETAIL_CHARS, PART_CHARS_MIN, VALUE_CHARS = 300, 60, 80
"""Of a detail; what is left of each param where there are many; and of a value that the context fills in."""
LARGE_CHARS, LARGE_MAX = 1_000, 100
"""Keys of the context that are larger, as JSON, take long to look into: after so many placeholders that do, a hash of
the key's value stands for what they find there."""

_IN_EFFECT: dict[str, frozenset[str]] = {
    "send_message": frozenset({"chat_id"}),
    "api_call": frozenset({"method"}),
    "file_operation": frozenset({"operation", "file_path"}),
    "database_operation": frozenset({"operation", "collection"}),
    "execute_shortcode": frozenset({"shortcode"}),
    GROUP: frozenset({"tasks"}),
}
"""What the operation and the address of an effect say already; tasks have effects of their own."""
_UNNAMED = ("url", "params", "text", "message", "content")
"""Params of which everybody sees what they are."""
_ORDER = (*_UNNAMED, "headers", "query", "data", "json", "form")
_CONTEXT = re.compile(r"\\\{|\{context\.[^{}]*\}")
_PLAIN_HTTPS = re.compile(
    r"https://(?:[a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[a-f\d:.]+\])(?::\d{1,5})?(?=[/?#]|\Z)", re.ASCII | re.IGNORECASE
)

Known = Callable[[str, bool], str]
"""`StartContext.value` for one step."""


class StartContext:
    """The context that a run starts with, and which of its keys may have another value by the time they are read."""

    def __init__(self, context: Mapping[str, Any], steps: Sequence[Step]) -> None:
        self._context = context
        set_to = {str(step.params.get("key")) for step in steps if step.handler == "set_context"}
        self._changed = ERROR_KEYS | set_to | {step.save_as for step in steps if step.save_as is not None}
        self._any_key = any("{" in key for key in self._changed)
        self._own_code = sum(_is_own_code(step) for step in steps)
        self._found: dict[tuple[str, bool], str] = {}
        self._marks: dict[str, str] = {}
        """Of the keys that were looked at: a hash of a large value, "" for another."""
        self._looked = 0

    def value(self, step: Step, placeholder: str, alone: bool) -> str:
        """What a placeholder of the step becomes, as JSON, by itself or within text; `?` if that is not known."""
        if self._any_key or self._own_code > _is_own_code(step):
            return "?"
        if (placeholder, alone) not in self._found:
            self._found[placeholder, alone] = self._find(placeholder, alone=alone)
        return self._found[placeholder, alone]

    def _find(self, placeholder: str, *, alone: bool) -> str:
        template = compile_params({"": [placeholder, f" {placeholder}"]}, ())
        if template is None or template.problems:
            return "?"
        ((_, key),) = template.reads
        if key in self._changed:
            return "?"
        if mark := self._too_large(key):
            return mark
        try:
            value, in_text = template.render(self._context, {})[""]
        except PlaceholderError:  # as it will be in the run
            return "?"
        written = _json(value)
        if not alone and in_text[1:] != (value if isinstance(value, str) else written):
            written = _json(in_text[1:])  # a default is not read as a number there
        return ends(spelled(written), VALUE_CHARS)

    def _too_large(self, key: str) -> str:
        if key not in self._marks:
            written = _json(self._context.get(key))
            self._marks[key] = f"#{short_hash(written)}" if len(written) > LARGE_CHARS else ""
        self._looked += bool(self._marks[key])
        return self._marks[key] if self._looked > LARGE_MAX else ""


def _is_own_code(step: Step) -> bool:
    """Whether it runs a function of the developer's, which may change any key."""
    return step.handler not in BUILTIN or step.handler == "execute_shortcode"


def detail(step: Step, start: StartContext) -> str:
    """Everything that is not in the step's effect, of about DETAIL_CHARS characters; see `answers.text.ends`."""
    params = {name: value for name, value in step.params.items() if name not in _IN_EFFECT.get(step.handler, ())}
    known = partial(start.value, step)
    if step.handler not in BUILTIN:  # any text can be the name of a param
        return ends(_written(params, known), DETAIL_CHARS) if params else ""
    names = sorted(params, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    parts = [_param(step.handler, name, params[name], known) for name in names]
    if secrets := secret_names(params.get("headers")):
        parts.insert(0, f"secrets={','.join(sorted(secrets))}")
    shown = list(filter(None, parts))
    # Each is shortened by itself, so that a long one puts no other out of sight.
    return " ".join(ends(part, max(DETAIL_CHARS // len(shown), PART_CHARS_MIN)) for part in shown)


def _param(handler: str, name: str, value: Any, known: Known) -> str:
    match handler, name, value:
        case "api_call", "url", str():
            return _filled(_after_host(value), lambda text: literal(text).replace(" ", r"\u0020"), known)
        case "execute_shortcode", "params", str():
            return _filled(value, literal, known)
    written = _written(value, known)
    return written if name in _UNNAMED else f"{name}={written}"


def _after_host(url: str) -> str:
    """What of a URL comes after its host; all of it where it names no host plainly, or is not encrypted."""
    plain = _PLAIN_HTTPS.match(url)
    rest = url[plain.end() :] if plain else url
    return "" if rest == "/" else rest


def _written(value: Any, known: Known) -> str:
    """The value as JSON. The quotes of what is filled in stand without a backslash, as none in its texts can."""
    match value:
        case str():
            return f'"{_filled(value, lambda text: spelled(_json(text)[1:-1]), known)}"'
        case dict():  # whose keys are never filled in
            return f"{{{','.join(f'{spelled(_json(key))}:{_written(each, known)}' for key, each in value.items())}}}"
        case list() | tuple():
            return f"[{','.join(_written(each, known) for each in value)}]"
    return _json(value)


def _filled(text: str, escape: Callable[[str], str], known: Known) -> str:
    """The text, escaped, with what is known beside each placeholder."""
    parts, position = list[str](), 0
    for found in _CONTEXT.finditer(text):
        if found[0] != r"\{":
            value = known(found[0], found[0] == text)
            parts += (escape(text[position : found.end() - 1]), f" = {value}}}")
            position = found.end()
    return "".join((*parts, escape(text[position:])))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
