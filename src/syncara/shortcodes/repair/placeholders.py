"""Placeholders in other forms than the one of placeholders: `{{context.name}}`, `${name}`, `{step1.data}`, unclosed ones."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from syncara.core.placeholders import compile_params
from syncara.shortcodes.repair.conditions import StepName
from syncara.shortcodes.suspicions import FOREIGN, meant_placeholder

_UNCLOSED = re.compile(
    r"\{(?P<path>(?:context|steps)\.[\w.\[\]'\" -]*?[\w\]])(?=\s*(?:[^\w.\[\]'\" }|-]|$)|\s+[a-z])(?![^{}]*\})"
)
_SEGMENTS = re.compile(r"\.{2,}")


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
    def replaced(found: re.Match[str]) -> str:
        return meant_placeholder(found, keys, step_name) or found.group()

    mended = FOREIGN.sub(replaced, _UNCLOSED.sub(_closed, text)) if "{" in text or "%" in text or "<" in text else text
    template = compile_params({"text": mended}, steps)
    return text if template is not None and template.problems else mended


def _closed(found: re.Match[str]) -> str:
    return f"{{{found['path']}}}"
