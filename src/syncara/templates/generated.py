"""Definitions made from a list: a quick workflow of steps, and one handler over many items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncara.core.errors import NotFoundError, Problem, ValidationError
from syncara.core.limits import GROUP_TASKS_MAX, PARALLEL_STEPS_MAX
from syncara.templates.registry import Definition

BATCH_TIMEOUT_S = 86_400


def quick(name: str, steps: Sequence[Mapping[str, Any]], *, sequential: bool = False) -> Definition:
    """Steps as they are: those without dependencies run side by side; with `sequential`, one after another.

    What is no step is left as it is, for whoever takes the definition to say so.
    """
    if not sequential:
        return {"name": name, "steps": list(steps)}
    return {"name": name, "steps": [_after(*pair) for pair in zip([None, *steps], steps, strict=False)]}


def _after(before: Any, step: Any) -> Any:
    match before, step:
        case {"name": str(name)}, {}:
            return {**step, "dependencies": [name]}
    return step


SchemaOf = Callable[[str], Mapping[str, Any]]
"""Gives the JSON Schema of a handler's params. Raises NotFoundError."""


def batch(
    handler: str, items: Sequence[Any], batch_size: int = 5, name: str = "", *, schema: SchemaOf = lambda _: {}
) -> Definition:
    """One step for each item, at most `batch_size` of them at the same time; a failing item leaves the others alone.

    An item that is a dict is the step's params. Any other is the value of the only param that the handler needs, or
    takes at all; where there is no such one, `{"item": …}` is given. Raises ValidationError for no items, more than
    10,000, or a batch_size outside 1 to 1,000.
    """
    where = "batch"
    if isinstance(items, str | bytes) or not isinstance(items, Sequence) or not 0 < len(items) <= GROUP_TASKS_MAX:
        message = f"'items' must be a list of 1 to {GROUP_TASKS_MAX} items"
        raise ValidationError([Problem("invalid_params", where, message, "split the list")])
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or not 1 <= batch_size <= PARALLEL_STEPS_MAX:
        message = f"'batch_size' must be a whole number from 1 to {PARALLEL_STEPS_MAX}, and is {batch_size!r}"
        raise ValidationError([Problem("invalid_params", where, message, "give how many may run at the same time")])
    param = _only_param(schema, handler) or "item"
    width = len(str(len(items)))
    steps = [
        {
            "name": f"Item {number:0{width}}",
            "handler": handler,
            "params": dict(item) if isinstance(item, Mapping) else {param: item},
            "on_error": "continue",
        }
        for number, item in enumerate(items, 1)
    ]
    return {
        "name": name or f"Batch of {len(items)}: {handler}",
        "max_parallel_steps": batch_size,
        "global_timeout": BATCH_TIMEOUT_S,
        "steps": steps,
    }


def _only_param(schema: SchemaOf, handler: str) -> str | None:
    """The only param that a handler needs, or the only one that it takes; None where that is not one."""
    try:
        found = schema(str(handler))
    except NotFoundError:  # which whoever takes the definition says
        return None
    if "$ref" in found:
        found = found["$defs"][found["$ref"].rpartition("/")[2]]
    names = found.get("required") or list(found.get("properties", ()))
    return names[0] if len(names) == 1 else None
