"""What the operators, functions and methods of a condition do to values, and how far they may go.

Values are JSON, plus the tuples, sets and slices that a condition can write. Types are compared exactly, every method
is in a table, and no Python attribute is ever looked up, so a value can neither be changed nor left.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple

from syncara.core.errors import nearest

INT_BITS_MAX = 256
SIZE_MAX = 100_000
"""The most characters or entries that an operation takes apart or puts together."""
EXPONENT_MAX = 256
NUMBER_CHARS_MAX = 100
"""The longest text that int() and float() read."""
ROUND_DIGITS_MAX = 30
REASON_CHARS_MAX = 500
KEYS_NAMED_MAX = 20
KEY_CHARS_MAX = 40

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "true/false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    tuple: "a list",
    dict: "an object",
    set: "a set",
    slice: "a slice",
}
_NUMBERS = frozenset({bool, int, float})
_SIZED = frozenset({str, list, tuple, dict, set})
_ORDERED = frozenset({str, list, tuple})
_INDEXED = _ORDERED | {dict}
_ANY_SIZE = frozenset({"len", "bool", "get"})
"""Calls that do not go through the entries, so that large values are welcome."""


class ConditionFailed(Exception):
    """A condition that could not be evaluated. `str()` of it is the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason if len(reason) <= REASON_CHARS_MAX else reason[: REASON_CHARS_MAX - 1] + "…")


def kind(value: Any) -> str:
    """What a value is, in the words of a reason, such as `null`, `a number` or `text`."""
    return _KINDS.get(type(value), type(value).__name__)


def missing_key(owner: str, key: Any, known: Iterable[Any]) -> str:
    """`context has no 'nme'. Did you mean 'name'? It has: id, name`, however many keys there are."""
    named = [_short(each) for each in islice(known, KEYS_NAMED_MAX + 1)]
    more = ", …" if len(named) > KEYS_NAMED_MAX else ""
    there = f"It has: {', '.join(named[:KEYS_NAMED_MAX])}{more}" if named else "It is empty"
    key = _short(key)
    return " ".join(part for part in (f"{owner} has no '{key}'.", nearest(key, named), there) if part)


def _short(key: Any) -> str:
    text = key if type(key) is str else repr(key)
    return text if len(text) <= KEY_CHARS_MAX else text[: KEY_CHARS_MAX - 1] + "…"


def bounded(value: Any) -> Any:
    """The value itself, or ConditionFailed when it exceeds a limit."""
    if type(value) in _SIZED and len(value) > SIZE_MAX:
        raise ConditionFailed(f"{kind(value)} has {len(value)} entries, the limit of conditions is {SIZE_MAX}")
    if type(value) is int and value.bit_length() > INT_BITS_MAX:
        raise ConditionFailed(f"a number has more than {INT_BITS_MAX} bits, the limit of conditions")
    return value


def field(value: Any, key: str, owner: str) -> Any:
    """`value.key` and `value['key']`; `owner` is how the condition spells `value`."""
    if type(value) is not dict:
        raise ConditionFailed(f"{owner} is {kind(value)}, which has no '{_short(key)}'")
    try:
        return value[key]
    except KeyError:
        raise ConditionFailed(missing_key(owner, key, value)) from None


def item(value: Any, key: Any, owner: str) -> Any:
    """`value[key]`: a key of an object, a position or slice of a list or of text."""
    if type(value) not in _INDEXED:
        raise ConditionFailed(f"{owner} is {kind(value)}, which cannot be indexed")
    try:
        found = value[key]
    except KeyError:
        raise ConditionFailed(missing_key(owner, key, value)) from None
    except IndexError:
        raise ConditionFailed(f"{owner} has {len(value)} entries, so none at {_short(key)}") from None
    except (TypeError, ValueError):
        raise ConditionFailed(f"{owner} is {kind(value)}, which {kind(key)} cannot index") from None
    return bounded(found) if type(key) is slice else found


def call(name: str, apply: Callable[..., Any], values: list[Any]) -> Any:
    """`apply(*values)` within the limits; whatever it raises becomes the reason."""
    try:
        if name in _ANY_SIZE:
            return apply(*values)
        return bounded(apply(*map(bounded, values)))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConditionFailed(f"{name}(): {error}") from None


def call_method(name: str, values: list[Any]) -> Any:
    """`values[0].name(*values[1:])`, by the exact type of `values[0]`."""
    apply = METHODS[name].by_type.get(type(values[0]))
    if apply is None:
        raise ConditionFailed(f"{kind(values[0])} has no .{name}()")
    return call(name, apply, values)


def _mismatch(symbol: str, left: Any, right: Any) -> ConditionFailed:
    return ConditionFailed(f"'{symbol}' does not go with {kind(left)} and {kind(right)}")


def _comparison(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        try:
            return compare(left, right)
        except TypeError:
            raise _mismatch(symbol, left, right) from None

    return apply


def _arithmetic(symbol: str, operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        if type(left) not in _NUMBERS or type(right) not in _NUMBERS:
            raise _mismatch(symbol, left, right)
        try:
            return bounded(operate(bounded(left), bounded(right)))
        except ArithmeticError as error:
            raise ConditionFailed(f"'{symbol}': {error}") from None

    return apply


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > EXPONENT_MAX:
        raise ConditionFailed(f"'**': the exponent is beyond {EXPONENT_MAX}, the limit of conditions")
    result = base**exponent
    if type(result) is complex:
        raise ConditionFailed("'**': the result is not a real number")
    return result


_add_numbers = _arithmetic("+", operator.add)


def _add(left: Any, right: Any) -> Any:
    if type(left) is not type(right) or type(left) not in _ORDERED:
        return _add_numbers(left, right)
    if len(left) + len(right) > SIZE_MAX:
        raise ConditionFailed(f"'+': the result would exceed {SIZE_MAX} entries, the limit of conditions")
    return left + right


def _unary(symbol: str, operate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if type(value) not in _NUMBERS:
            raise ConditionFailed(f"'{symbol}' does not go with {kind(value)}")
        return operate(bounded(value))

    return apply


UNARY: dict[str, Callable[[Any], Any]] = {
    "-": _unary("-", operator.neg),
    "+": _unary("+", operator.pos),
    "not": operator.not_,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _arithmetic("-", operator.sub),
    "*": _arithmetic("*", operator.mul),
    "/": _arithmetic("/", operator.truediv),
    "//": _arithmetic("//", operator.floordiv),
    "%": _arithmetic("%", operator.mod),
    "**": _arithmetic("**", _power),
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": _comparison("<", operator.lt),
    "<=": _comparison("<=", operator.le),
    ">": _comparison(">", operator.gt),
    ">=": _comparison(">=", operator.ge),
    "in": _comparison("in", lambda left, right: left in right),
    "not in": _comparison("not in", lambda left, right: left not in right),
    "is": operator.is_,
    "is not": operator.is_not,
}


def _read_number(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if type(value) is str and len(value) > NUMBER_CHARS_MAX:
            raise ValueError(f"text of {len(value)} characters is not a number")
        return convert(value)

    return apply


def _str(value: Any) -> str:
    if type(value) is not str and type(value) not in _NUMBERS and value is not None:
        raise TypeError(f"takes text, a number, true/false or null, not {kind(value)}")
    return str(value)


def _round(value: Any, digits: Any = None) -> Any:
    if digits is not None and abs(digits) > ROUND_DIGITS_MAX:
        raise ValueError(f"at most {ROUND_DIGITS_MAX} digits")
    return round(value, digits)


class Function(NamedTuple):
    """What a function does, and how many arguments it takes."""

    apply: Callable[..., Any]
    least: int = 1
    most: int = 1


class Method(NamedTuple):
    """What a method does for each type that has it, and how many arguments it takes."""

    by_type: dict[type, Callable[..., Any]]
    least: int = 0
    most: int = 0


ARGUMENTS_MAX = 100

FUNCTIONS: dict[str, Function] = {
    "len": Function(len),
    "int": Function(_read_number(int)),
    "float": Function(_read_number(float)),
    "str": Function(_str),
    "bool": Function(bool),
    "abs": Function(abs),
    "round": Function(_round, 1, 2),
    "min": Function(min, 1, ARGUMENTS_MAX),
    "max": Function(max, 1, ARGUMENTS_MAX),
    "sum": Function(sum),
    "any": Function(any),
    "all": Function(all),
}
METHODS: dict[str, Method] = {
    "get": Method({dict: dict.get}, 1, 2),
    "keys": Method({dict: list}),
    "values": Method({dict: lambda value: list(value.values())}),
    "items": Method({dict: lambda value: list(value.items())}),
    "lower": Method({str: str.lower}),
    "upper": Method({str: str.upper}),
    "strip": Method({str: str.strip}, 0, 1),
    "split": Method({str: str.split}, 0, 1),
    "startswith": Method({str: str.startswith}, 1, 1),
    "endswith": Method({str: str.endswith}, 1, 1),
    "count": Method({str: str.count, list: list.count}, 1, 1),
}
