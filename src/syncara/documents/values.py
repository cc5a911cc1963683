"""JSON values as MongoDB orders and compares them, and the paths that lead to them inside a document."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from typing import Any, NoReturn, TypeVar

import msgspec

from syncara.core.errors import Problem, ValidationError
from syncara.core.limits import JSON_DEPTH_MAX

T = TypeVar("T")

Path = tuple[str, ...]

PROBLEMS_MAX = 20
"""Once so many problems are found, the search for more ends."""
PATH_CHARS_MAX = 1_000
INDEX_DIGITS_MAX = 9
INDEXES_IN_PATH_MAX = 8
"""Each may mean an element and a field of that name, which doubles the ways through a document."""
INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""What a path leads to where the document has no such field. Compares as null."""

NULL, NUMBER, STRING, OBJECT, ARRAY, BOOLEAN = 1, 2, 3, 4, 5, 8
"""The order among types; only values of one type are compared by `$gt` and its like."""

_RANKS: dict[type, int] = {
    type(MISSING): NULL,
    type(None): NULL,
    int: NUMBER,
    float: NUMBER,
    str: STRING,
    dict: OBJECT,
    list: ARRAY,
    bool: BOOLEAN,
}


def rank(value: Any) -> int:
    """The place of the value's type in MongoDB's order of types."""
    return _RANKS[type(value)]


def order_key(value: Any) -> tuple[int, Any]:
    """A hashable key: equal for equal values, and sorted as MongoDB sorts the values.

    1 equals 1.0 but not true; the order of an object's fields counts.
    """
    kind = rank(value)
    if kind == OBJECT:
        return kind, tuple((rank(inner), name, order_key(inner)) for name, inner in value.items())
    if kind == ARRAY:
        return kind, tuple(map(order_key, value))
    return kind, 0 if kind == NULL else value


def canonical(value: Any) -> str:
    """JSON text that is the same for equal values."""
    return msgspec.json.encode(_normal(value)).decode()


def _normal(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and INTEGER_MIN <= value <= INTEGER_MAX:
        return int(value)
    if isinstance(value, dict):
        return {name: _normal(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    return value


def clone(value: Any) -> Any:
    """A copy of a JSON value that shares no list or dict with it."""
    if isinstance(value, dict):
        return {name: clone(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [clone(inner) for inner in value]
    return value


def reach(document: Any, path: Path, expand: bool) -> Iterator[Any]:
    """Every value that `path` leads to, by MongoDB's rules; MISSING where a document on the way lacks the field.

    Arrays on the way are entered: each document in them counts, and so does the element that a number in the path
    names. With `expand` an array at the end yields its elements before itself, unless the path ends with its number.
    """
    if not path:
        if expand and isinstance(document, list):
            yield from document
        yield document
    elif isinstance(document, dict):
        yield from reach(document.get(path[0], MISSING), path[1:], expand)
    elif isinstance(document, list):
        yield from _reach_elements(document, path, expand)
    else:
        yield MISSING


def _reach_elements(array: list[Any], path: Path, expand: bool) -> Iterator[Any]:
    named = int(path[0]) if is_index(path[0]) else -1
    for number, element in enumerate(array):
        if isinstance(element, dict):
            yield from reach(element, path, expand)
        if number == named:
            if len(path) == 1:
                yield element
            elif isinstance(element, dict | list):
                yield from reach(element, path[1:], expand)


def is_index(part: str) -> bool:
    """Whether a part of a path can name an array element: `0`, `12`, but not `012`."""
    return part.isascii() and part.isdecimal() and len(part) <= INDEX_DIGITS_MAX and (part == "0" or part[0] != "0")


def parse_path(field: Any, where: str) -> Path:
    """`a.b.0` as its parts. Raises ValidationError, code `bad_field_name`."""
    if not isinstance(field, str) or not field:
        _refuse_name(where, f"a field is named by text, not by {field!r:.100}")
    if len(field) > PATH_CHARS_MAX:
        _refuse_name(where, f"the field's name is longer than {PATH_CHARS_MAX} characters")
    path = tuple(field.split("."))
    for part in path:
        if not part:
            _refuse_name(where, f"{field!r:.100} has an empty part", "write the names with one dot between them")
        if part.startswith("$"):
            _refuse_name(
                where, f"{field!r:.100} has a part that begins with '$'", "name an array element by its number"
            )
        if "\0" in part or not _encodable(part):
            _refuse_name(where, f"{field!r:.100} holds a character that no name may hold")
    if len(path) > JSON_DEPTH_MAX or sum(map(is_index, path)) > INDEXES_IN_PATH_MAX:
        _refuse_name(where, f"the path has more than {JSON_DEPTH_MAX} parts, or {INDEXES_IN_PATH_MAX} numbers")
    return path


def _refuse_name(where: str, message: str, fix: str = "") -> NoReturn:
    raise ValidationError([Problem("bad_field_name", where, message, fix)])


def check_paths(paths: Iterable[Path], where: str) -> None:
    """Refuse paths of which one is, or lies inside, another: code `path_conflict`."""
    problems = [
        Problem(
            "path_conflict", where, f"'{'.'.join(first)}' and '{'.'.join(second)}' overlap", "name only one of them"
        )
        for first, second in pairwise(sorted(paths))
        if second[: len(first)] == first
    ]
    if problems:
        raise ValidationError(problems)


def check_json(value: Any, where: str, *, stored: bool = False) -> None:
    """Refuse what is not JSON, or, if `stored`, what a document cannot hold. All problems at once."""
    problems = list(islice(_json_problems(value, where, stored, 1), PROBLEMS_MAX))
    if problems:
        raise ValidationError(problems)


def _json_problems(value: Any, where: str, stored: bool, depth: int) -> Iterator[Problem]:
    if depth > JSON_DEPTH_MAX:
        yield Problem("too_deep", where, f"nested deeper than {JSON_DEPTH_MAX} levels")
    elif type(value) is dict:
        for name, inner in value.items():
            if message := _name_fault(name, stored):
                yield Problem("bad_field_name", where, message, "rename the field, or nest it in a document")
            else:
                yield from _json_problems(inner, f"{where}.{name}", stored, depth + 1)
    elif type(value) is list:
        for number, inner in enumerate(value):
            yield from _json_problems(inner, f"{where}[{number}]", stored, depth + 1)
    elif message := _scalar_fault(value):
        yield Problem("not_json", where, message)


def _name_fault(name: Any, stored: bool) -> str:
    if not isinstance(name, str):
        return f"a field is named by text, not by {name!r:.100}"
    if not _encodable(name) or "\0" in name:
        return f"{name!r:.100} holds a character that no name may hold"
    if stored and (not name or name[0] == "$" or "." in name):
        return f"{name!r:.100} is empty, begins with '$' or holds a dot, so that no path could name it"
    return ""


def _scalar_fault(value: Any) -> str:
    if type(value) is int and not INTEGER_MIN <= value <= INTEGER_MAX:
        return "the integer does not fit into 64 bits"
    if type(value) is float and not math.isfinite(value):
        return f"{value} is not a JSON number"
    if type(value) is str and not _encodable(value):
        return "the text holds half of a surrogate pair"
    if type(value) not in _RANKS:
        return f"a {type(value).__name__} is not a JSON value"
    return ""


def _encodable(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def build_all(builders: Iterable[Callable[[], T]]) -> list[T]:
    """What all the builders return, or one ValidationError with the problems of all of them."""
    built: list[T] = []
    problems: list[Problem] = []
    for build in builders:
        try:
            built.append(build())
        except ValidationError as error:
            problems.extend(error.problems)
        if len(problems) >= PROBLEMS_MAX:
            break
    if problems:
        raise ValidationError(problems)
    return built
