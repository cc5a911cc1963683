"""What a step is given, as whoever approves it sees it: on one line, and never the same for two steps that differ.

Where it goes, and what is done there, is for its effect to say. The rest of its params stands here: texts, bodies,
queries and documents as JSON, other params by their names. Placeholders that the start context fills in have its value
beside them, `{context.name = Ana}`, unless a step of the plan changes that key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from syncara.answers.text import ends, literal, spelled
from syncara.core.model import GROUP, Step
from syncara.core.placeholders import PlaceholderError, compile_params
from syncara.handlers.registry import BUILTIN
from syncara.handlers.web import secret_names

DETAIL_CHARS, PART_CHARS_MIN, VALUE_CHARS = 300, 60, 80
"""Of a detail; what is left of each param where there are many; and of a value that the context fills in."""
FILLED_MAX = 100
"""How many different placeholders of a plan get their values: nobody reads more, and each value may be long."""

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


class StartContext:
    """The context that a run starts with, as far as no step changes it."""

    def __init__(self, context: Mapping[str, Any], steps: Sequence[Step]) -> None:
        changed = {str(step.params.get("key")) for step in steps if step.handler == "set_context"}
        changed |= {step.save_as for step in steps if step.save_as is not None}
        known = not any("{" in key for key in changed)
        self._context = {key: value for key, value in context.items() if known and key not in changed}
        self._known: dict[str, str] = {}

    def filled(self, value: Any) -> Any:
        """The value, with what is known beside each placeholder."""
        if isinstance(value, str):
            return _CONTEXT.sub(lambda found: self._beside(found[0]), value)
        if isinstance(value, dict):
            return {key: self.filled(entry) for key, entry in value.items()}
        return [self.filled(entry) for entry in value] if isinstance(value, list | tuple) else value

    def _beside(self, placeholder: str) -> str:
        if placeholder not in self._known and len(self._known) < FILLED_MAX:
            self._known[placeholder] = self._with_value(placeholder)
        return self._known.get(placeholder, placeholder)

    def _with_value(self, placeholder: str) -> str:
        if (template := compile_params({"": placeholder}, ())) is None or placeholder == r"\{":
            return placeholder
        try:
            value = template.render(self._context, {})[""]
        except PlaceholderError:  # a step may set it, or the run will fail
            return placeholder
        written = value if isinstance(value, str) else _json(value)
        return f"{placeholder[:-1]} = {written if len(written) <= VALUE_CHARS else ends(written, VALUE_CHARS)}}}"


def detail(step: Step, start: StartContext) -> str:
    """Everything that is not in the step's effect, of about DETAIL_CHARS characters; see `answers.text.ends`."""
    params = {name: value for name, value in step.params.items() if name not in _IN_EFFECT.get(step.handler, ())}
    if step.handler not in BUILTIN:  # any text can be the name of a param
        return ends(spelled(_json(start.filled(params))), DETAIL_CHARS) if params else ""
    names = sorted(params, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    parts = [_param(step.handler, name, start.filled(params[name])) for name in names]
    if secrets := secret_names(params.get("headers")):
        parts.insert(0, f"secrets={','.join(sorted(secrets))}")
    shown = list(filter(None, parts))
    # Each is shortened by itself, so that a long one puts no other out of sight.
    return " ".join(ends(part, max(DETAIL_CHARS // len(shown), PART_CHARS_MIN)) for part in shown)


def _param(handler: str, name: str, value: Any) -> str:
    match handler, name, value:
        case "api_call", "url", str():
            return _url(value)
        case "execute_shortcode", "params", str():
            return literal(value)
    written = spelled(_json(value))
    return written if name in _UNNAMED else f"{name}={written}"


def _url(url: str) -> str:
    """What of a URL comes after its host; all of it where it names no host plainly, or is not encrypted."""
    plain = _PLAIN_HTTPS.match(url)
    rest = url[plain.end() :] if plain else url
    return "" if rest == "/" else literal(rest).replace(" ", r"\u0020")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
