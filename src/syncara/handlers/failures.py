"""What the handlers that reach outside share: an error that no attempt can put right, and early checks of params."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from syncara.core.errors import NonRetryableError, Problem, SyncaraError
from syncara.core.placeholders import compile_params


class FinalError(SyncaraError, NonRetryableError):
    """Another attempt cannot help. A plain SyncaraError from a handler is tried again."""


def literal_problems(name: str, value: Any, judge: Callable[[str], object]) -> list[Problem]:
    """What `judge` raises about the text of param `name`, unless a placeholder in it leaves that for later."""
    if not isinstance(value, str) or compile_params({name: value}, ()) is not None:
        return []
    try:
        judge(value)
    except SyncaraError as error:
        return [msgspec.structs.replace(error.problem, where=f"'{name}'")]
    return []
