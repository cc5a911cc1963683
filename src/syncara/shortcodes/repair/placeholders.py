"""Placeholders in other forms than the right one: `{{context.name}}`, `${name}`, `{step1.data}`, unclosed ones."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from syncara.core.placeholders import compile_params
from syncara.shortcodes.repair.conditions import StepName
from syncara.shortcodes.repair.words import plain
from syncara.shortcodes.suspicions import FOREIGN, meant_placeholder

_BACKTICKED = re.compile(r"(?<!`)(?P<ticks>`{1,3})(?!`)[^`]+(?P=ticks)")
"""People are to see it as it is written."""
_KEYS = r"(?:\.\w+|\[-?\d+\]|\['[^'\[\]]*'\])"
_UNCLOSED = re.compile(
    rf"\{{(?P<path>context{_KEYS}+|steps\.[^{{}}\n]{{1,80}}?\.data{_KEYS}*)(?![\w\[|])(?![^{{}}]*\}})(?P<wrong>[\])]?)"
)
_NEEDLESS = re.compile(r"(\{(?:context|steps)\.[^{}\n|]{0,80}?[\w\]])(?:\[\]|[.,:;!? ])+(?=[|}])")
_FIRST_KEY = re.compile(r"(\{context\.)([^{}.\[\]|]+)")
_INDEX = re.compile(r"(\{(?:context|steps)\.[^{}\n\[\]]*\[-?\d+)(?=\})")


def mend(value: Any, keys: Collection[str], steps: Collection[str], step_name: StepName) -> Any:
    """Params with every text in them mended."""
    if isinstance(value, str):
        return _text(value, keys, steps, step_name)
    if isinstance(value, dict):
        return {key: mend(each, keys, steps, step_name) for key, each in value.items()}
    if isinstance(value, list):
        return [mend(each, keys, steps, step_name) for each in value]
    return value


def _text(text: str, keys: Collection[str], steps: Collection[str], step_name: StepName) -> str:
    parts: list[str] = []
    end = 0
    for shown in _BACKTICKED.finditer(text):
        parts += [_mended(text[end : shown.start()], keys, step_name), shown.group()]
        end = shown.end()
    mended = "".join([*parts, _mended(text[end:], keys, step_name)])
    template = compile_params({"text": mended}, steps)
    return text if template is not None and template.problems else mended


def _mended(text: str, keys: Collection[str], step_name: StepName) -> str:
    def replaced(found: re.Match[str]) -> str:
        return meant_placeholder(found, keys, step_name) or found.group()

    closed = _NEEDLESS.sub(r"\1", _UNCLOSED.sub(_closed, _INDEX.sub(r"\1]", text)))
    by_plain = {plain(key): key for key in keys}
    return _FIRST_KEY.sub(
        lambda found: found.group() if found[2] in keys else f"{found[1]}{by_plain.get(plain(found[2]), found[2])}",
        FOREIGN.sub(replaced, closed),
    )


def _closed(found: re.Match[str]) -> str:
    """With its brace; in the place of another closing bracket, unless that one closes something else."""
    opened = found["wrong"] == ")" and "(" in found.string[: found.start()]
    return f"{{{found['path']}}}{found['wrong'] if opened else ''}"
