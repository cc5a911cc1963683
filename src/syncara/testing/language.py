"""Conditions and params as the simulation writes them, each with its meaning in plain Python.

The engine gets the text; the oracle asks the meaning. Neither sees the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

ERROR_KEYS = frozenset({"error_occurred", "failed_step", "last_error", "errors"})


class Seen(NamedTuple):
    """What a condition or a placeholder can see of a run."""

    context: Mapping[str, Any]
    status: Mapping[str, str]
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Condition:
    text: str
    meaning: Callable[[Seen], Any] = field(compare=False)
    keys: frozenset[str] = frozenset()
    """The context keys it reads."""
    steps: frozenset[str] = frozenset()
    """The steps it reads."""
    whole: bool = False
    """True when it reads the context as a whole."""

    @property
    def sees_failures(self) -> bool:
        return bool(self.whole or self.steps or self.keys & ERROR_KEYS)

    def ask(self, seen: Seen) -> bool | None:
        """True or false; None when it cannot be evaluated."""
        try:
            return bool(self.meaning(seen))
        except (TypeError, LookupError):
            return None


def equals(key: str, value: Any) -> Condition:
    return Condition(f"context.get('{key}') == {value!r}", lambda s: s.context.get(key) == value, frozenset({key}))


def above(key: str, bound: int) -> Condition:
    """Cannot be evaluated when the key is missing: `None > 1`."""
    return Condition(
        f"context.get('{key}') > {bound}", lambda s: s.context.get(key, cast("int", None)) > bound, frozenset({key})
    )


def at_least(key: str, default: int, bound: int) -> Condition:
    text = f"context.get('{key}', {default}) >= {bound}"
    return Condition(text, lambda s: s.context.get(key, default) >= bound, frozenset({key}))


def has(key: str) -> Condition:
    return Condition(f"'{key}' in context", lambda s: key in s.context, frozenset({key}))


def holds(keys: int) -> Condition:
    """The context holds so many keys: it is read as a whole."""
    return Condition(f"len(context) > {keys}", lambda s: len(s.context) > keys, whole=True)


def status_is(step: str, status: str) -> Condition:
    text = f"steps['{step}'].status == '{status}'"
    return Condition(text, lambda s: s.status[step] == status, steps=frozenset({step}))


def data_is(step: str, value: Any) -> Condition:
    text = f"steps['{step}'].data == {value!r}"
    return Condition(text, lambda s: s.data[step] == value, steps=frozenset({step}))


def failed_step(step: str) -> Condition:
    return equals("failed_step", step)


def error_occurred() -> Condition:
    return equals("error_occurred", True)


def both(a: Condition, b: Condition) -> Condition:
    return _combined(f"({a.text}) and ({b.text})", lambda s: a.meaning(s) and b.meaning(s), a, b)


def either(a: Condition, b: Condition) -> Condition:
    return _combined(f"({a.text}) or ({b.text})", lambda s: a.meaning(s) or b.meaning(s), a, b)


def inverse(a: Condition) -> Condition:
    return _combined(f"not ({a.text})", lambda s: not a.meaning(s), a, a)


def _combined(text: str, meaning: Callable[[Seen], Any], a: Condition, b: Condition) -> Condition:
    return Condition(text, meaning, a.keys | b.keys, a.steps | b.steps, a.whole or b.whole)


class Missing(Exception):
    """A placeholder without a default names something that is not there."""


@dataclass(frozen=True)
class Param:
    """A piece of params: as written in the definition, and what it becomes."""

    written: Any
    rendered: Callable[[Seen], Any] = field(compare=False)
    literal: bool = True
    """False when it holds a placeholder."""


def literal(value: Any) -> Param:
    return Param(value, lambda s: value)


def escaped(text: str) -> Param:
    """A literal that would be a placeholder without its backslash. `text` begins with the brace."""
    return Param("\\" + text, lambda s: text, literal=False)


def from_context(path: str, default: str | None = None) -> Param:
    """The whole value of `a`, `a.b` or `a[0]` of the context, its type kept; else `default`, a text."""
    written = "{context." + path + ("" if default is None else "|" + default) + "}"
    return Param(written, lambda s: _found(s.context, path, default), literal=False)


def from_step(step: str, path: str = "") -> Param:
    """The data of a step, or a part of it."""
    return Param("{steps." + step + ".data" + path + "}", lambda s: _found(s.data, step + path, None), literal=False)


def text(*parts: str | Param) -> Param:
    """Text with placeholders in it. Their values must be numbers or text."""
    params = [literal(part) if isinstance(part, str) else part for part in parts]
    return Param(
        "".join(param.written for param in params),
        lambda s: "".join(str(param.rendered(s)) for param in params),
        all(param.literal for param in params),
    )


def table(fields: Mapping[str, Param]) -> Param:
    return Param(
        {key: param.written for key, param in fields.items()},
        lambda s: {key: param.rendered(s) for key, param in fields.items()},
        all(param.literal for param in fields.values()),
    )


def row(items: list[Param]) -> Param:
    return Param(
        [param.written for param in items],
        lambda s: [param.rendered(s) for param in items],
        all(param.literal for param in items),
    )


def _found(root: Mapping[str, Any], path: str, default: str | None) -> Any:
    value: Any = root
    try:
        for name in path.replace("[", ".").replace("]", "").split("."):
            value = value[int(name)] if isinstance(value, list) else value[name]
    except (LookupError, TypeError, ValueError):
        if default is None:
            raise Missing(path) from None
        return default
    return default if value is None and default is not None else value
