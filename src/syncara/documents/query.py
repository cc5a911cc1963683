"""MongoDB's query language, a stated subset: a query becomes a predicate over documents. No input or output.

    beside the fields   $and $or $nor
    inside a field      $eq $ne $gt $gte $lt $lte $in $nin $exists $type $size $all $elemMatch $regex $options $mod $not

Every other `$` name is refused. A field without operators is compared as a whole. Differences from MongoDB: documents
hold JSON, so dates, binary data and object ids do not exist; patterns have the syntax of `regex.py`; in an array of
arrays `$elemMatch` with fields looks at documents only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple, NoReturn

from syncara.core.errors import Problem, ValidationError, nearest
from syncara.documents.regex import Regex
from syncara.documents.values import (
    INTEGER_MAX,
    MISSING,
    Path,
    build_all,
    check_json,
    order_key,
    parse_path,
    rank,
    reach,
)

CONDITIONS_MAX = 1_000
"""Fields and operators in one query."""
PATTERNS_MAX = 20
"""`$regex` in one query; each may cost as much as `regex.REGEX_STEPS_MAX` allows."""

Values = Callable[[bool], Iterable[Any]]
"""The values that a path leads to; called with True, arrays at its end yield their elements as well."""
ValueTest = Callable[[Any], bool]
FieldTest = Callable[[Values], bool]


class Condition(NamedTuple):
    """A comparison that every match passes: what an index can answer and an upsert can start from."""

    path: Path
    operator: str
    operand: Any


class Query(NamedTuple):
    matches: Callable[[Any], bool]
    required: tuple[Condition, ...]


def compile_query(query: Any, where: str = "query") -> Query:
    """The predicate that `query` stands for. Raises ValidationError with everything that is wrong with it."""
    if type(query) is not dict:
        _refuse("bad_operand", where, f"a query is an object, not {query!r:.100}", example='{"active": true}')
    check_json(query, where)
    _check_size(query, where)
    return _document(query, where)


def compile_element(operand: Any, where: str) -> ValueTest:
    """The test for array elements that `$pull` stands for: operators, fields of a document, or a value."""
    if not isinstance(operand, dict):
        key = order_key(operand)
        return lambda element: order_key(element) == key
    _check_size(operand, where)
    if not any(name in OPERATORS for name in operand):
        return _fields(operand, where)
    test = _operators(operand, where)
    return lambda element: test(partial(reach, element, ()))


def _check_size(query: Any, where: str) -> None:
    names = list(_names(query))
    if len(names) > CONDITIONS_MAX:
        _refuse("query_too_large", where, f"more than {CONDITIONS_MAX} conditions", "use $in for lists of values")
    if names.count("$regex") > PATTERNS_MAX:
        _refuse("query_too_large", where, f"more than {PATTERNS_MAX} patterns", "join them with | to one pattern")


def _names(value: Any) -> Iterator[str]:
    """Every field name and operator in the value, at any depth."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def _refuse(code: str, where: str, message: str, fix: str = "", example: str = "") -> NoReturn:
    raise ValidationError([Problem(code, where, message, fix, example)])


# Whole documents.
def _document(query: dict[str, Any], where: str) -> Query:
    parts = build_all(partial(_part, name, operand, f"{where}.{name}") for name, operand in query.items())
    return _conjunction(parts)


def _conjunction(parts: list[Query]) -> Query:
    tests = [part.matches for part in parts]
    required = tuple(condition for part in parts for condition in part.required)
    if len(tests) == 1:
        return Query(tests[0], required)
    return Query(lambda document: all(test(document) for test in tests), required)


def _part(name: str, operand: Any, where: str) -> Query:
    if not name.startswith("$"):
        return _field(name, operand, where)
    if name not in _LOGICAL:
        example = f'{{"field": {{"{name}": …}}}}' if name in OPERATORS else ""
        _refuse_operator(name, where, _LOGICAL, "beside the fields", example)
    if type(operand) is not list or not operand:
        _refuse(
            "bad_operand", where, f"{name} takes a list of at least one query", example=f'{{"{name}": [{{"a": 1}}]}}'
        )
    return _LOGICAL[name](build_all(partial(_branch, inner, f"{where}[{at}]") for at, inner in enumerate(operand)))


def _branch(query: Any, where: str) -> Query:
    if type(query) is not dict:
        _refuse("bad_operand", where, f"a query is an object, not {query!r:.100}")
    return _document(query, where)


def _any_of(parts: list[Query]) -> Query:
    return Query(lambda document: any(part.matches(document) for part in parts), ())


def _none_of(parts: list[Query]) -> Query:
    return Query(lambda document: not any(part.matches(document) for part in parts), ())


_LOGICAL: dict[str, Callable[[list[Query]], Query]] = {"$and": _conjunction, "$or": _any_of, "$nor": _none_of}


# One field.
def _field(name: str, operand: Any, where: str) -> Query:
    path = parse_path(name, where)
    if _has_operators(operand):
        test = _operators(operand, where)
        required = [Condition(path, *item) for item in operand.items() if item[0] in _INDEXED]
    else:
        test = _equal(operand, where)
        required = [Condition(path, "$eq", operand)]
    return Query(lambda document: test(partial(reach, document, path)), tuple(required))


def _has_operators(operand: Any) -> bool:
    return isinstance(operand, dict) and any(name.startswith("$") for name in operand)


def _operators(operators: dict[str, Any], where: str) -> FieldTest:
    """All of `{"$gt": 1, "$lt": 5}`."""
    names = [name for name in operators if name != "$options" or "$regex" not in operators]
    tests = build_all(partial(_operator, operators, name, f"{where}.{name}") for name in names)
    return tests[0] if len(tests) == 1 else lambda values: all(test(values) for test in tests)


def _operator(operators: dict[str, Any], name: str, where: str) -> FieldTest:
    if not name.startswith("$"):
        _refuse("bad_operand", where, "operators and plain fields are mixed", "write the path with dots: {'a.b': …}")
    if name not in OPERATORS:
        _refuse_operator(name, where, OPERATORS, "inside a field")
    if name == "$regex":
        return _regex(operators[name], where, operators.get("$options", ""))
    return OPERATORS[name](operators[name], where)


def _refuse_operator(name: str, where: str, known: Iterable[str], place: str, example: str = "") -> NoReturn:
    fix = nearest(name, known) or nearest(name, {*_LOGICAL, *OPERATORS})
    message = f"{name} is not an operator that stands {place}; those are {' '.join(known)}"
    _refuse("unknown_operator", where, message, fix, example)


def _some(test: ValueTest) -> FieldTest:
    return lambda values: any(map(test, values(True)))


def _not_any(test: FieldTest) -> FieldTest:
    return lambda values: not test(values)


def _plain(operand: Any, where: str) -> Any:
    """The operand, once it is sure to hold no operator where it would be taken for a part of a value."""
    if name := next((name for name in _names(operand) if name.startswith("$")), ""):
        fix = "put operators directly under the field; a nested field is written with dots"
        _refuse("bad_operand", where, f"{name} stands inside a value", fix, '{"a.b": {"$gt": 5}}')
    return operand


def _equal(operand: Any, where: str) -> FieldTest:
    kind, key = rank(_plain(operand, where)), order_key(operand)
    return _some(lambda value: rank(value) == kind and order_key(value) == key)


def _compare(holds: Callable[[Any, Any], bool], operand: Any, where: str) -> FieldTest:
    kind, key = rank(_plain(operand, where)), order_key(operand)
    return _some(lambda value: rank(value) == kind and holds(order_key(value), key))


def _in(operand: Any, where: str) -> FieldTest:
    keys = {order_key(_plain(member, where)) for member in _list(operand, where)}
    kinds = {kind for kind, _ in keys}
    return _some(lambda value: rank(value) in kinds and order_key(value) in keys)


def _list(operand: Any, where: str) -> list[Any]:
    if type(operand) is not list:
        _refuse("bad_operand", where, f"takes a list, not {operand!r:.100}", example="[1, 2]")
    return operand


def _exists(operand: Any, where: str) -> FieldTest:
    if operand not in (True, False):
        _refuse("bad_operand", where, f"takes true or false, not {operand!r:.100}")
    there = _some(lambda value: value is not MISSING)
    return there if operand else _not_any(there)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_int32(value: Any) -> bool:
    return type(value) is int and -(2**31) <= value < 2**31


_TYPES: dict[str, tuple[int, ValueTest]] = {
    "double": (1, lambda value: type(value) is float),
    "string": (2, lambda value: type(value) is str),
    "object": (3, lambda value: type(value) is dict),
    "array": (4, lambda value: type(value) is list),
    "bool": (8, lambda value: type(value) is bool),
    "null": (10, lambda value: value is None),
    "int": (16, _is_int32),
    "long": (18, lambda value: type(value) is int and not _is_int32(value)),
    "number": (-1, _is_number),
}
_TYPE_NAMES = {number: name for name, (number, _) in _TYPES.items() if number > 0}


def _type(operand: Any, where: str) -> FieldTest:
    tests = [_type_test(name, where) for name in (operand if type(operand) is list else [operand])]
    return _some(lambda value: any(test(value) for test in tests))


def _type_test(name: Any, where: str) -> ValueTest:
    known = name if type(name) is str else _TYPE_NAMES.get(name) if type(name) is int else None
    if known not in _TYPES:
        message = f"{name!r:.100} is not a type of a JSON value; those are {' '.join(_TYPES)}"
        _refuse("bad_operand", where, message, nearest(str(name), _TYPES))
    return _TYPES[known][1]


def _size(operand: Any, where: str) -> FieldTest:
    if type(operand) is not int or operand < 0:
        _refuse("bad_operand", where, f"takes a whole number from 0, not {operand!r:.100}")
    return lambda values: any(type(value) is list and len(value) == operand for value in values(False))


def _all(operand: Any, where: str) -> FieldTest:
    members = _list(operand, where)
    nested = [member for member in members if _has_operators(member)]
    if not nested:
        tests = [_equal(member, where) for member in members]
    elif len(nested) == len(members) and all(list(member) == ["$elemMatch"] for member in members):
        tests = [_elem_match(member["$elemMatch"], f"{where}.$elemMatch") for member in members]
    else:
        _refuse("bad_operand", where, "holds values, or nothing but {'$elemMatch': …}")
    return lambda values: bool(tests) and all(test(values) for test in tests)


def _elem_match(operand: Any, where: str) -> FieldTest:
    if type(operand) is not dict:
        _refuse("bad_operand", where, f"takes an object, not {operand!r:.100}", example='{"$gt": 1, "$lt": 5}')
    if any(name in OPERATORS for name in operand):
        value_test = _operators(operand, where)
        return lambda values: any(value_test(_alone(element)) for element in _elements(values))
    matches = _fields(operand, where)
    return lambda values: any(map(matches, _elements(values)))


def _fields(operand: dict[str, Any], where: str) -> ValueTest:
    matches = _document(operand, where).matches
    return lambda value: type(value) is dict and matches(value)


def _alone(value: Any) -> Values:
    return lambda expand: (value,)


def _elements(values: Values) -> Iterable[Any]:
    return (element for value in values(False) if type(value) is list for element in value)


def _regex(operand: Any, where: str, options: Any = "") -> FieldTest:
    if type(operand) is not str:
        _refuse("bad_operand", where, f"takes a pattern as text, not {operand!r:.100}")
    if type(options) is not str or not set(options) <= set("ims"):
        _refuse("bad_operand", f"{where}, $options", f"takes letters of 'ims', not {options!r:.100}")
    try:
        search = Regex(operand, options).search
    except ValidationError as error:
        problem = error.problems[0]
        _refuse(problem.code, f"{where}, {problem.where}", problem.message, problem.fix)
    return _some(lambda value: type(value) is str and search(value))


def _options(operand: Any, where: str) -> FieldTest:
    _refuse("bad_operand", where, "says how a $regex matches, but there is none beside it", "add $regex")


def _mod(operand: Any, where: str) -> FieldTest:
    match operand:
        case [divisor, remainder] if _is_number(divisor) and _is_number(remainder) and int(divisor):
            return _some(lambda value: _is_number(value) and _remainder(value, int(divisor)) == int(remainder))
    _refuse("bad_operand", where, "takes a divisor other than 0 and a remainder", example="[4, 0]")


def _remainder(value: float, divisor: int) -> int | None:
    """The remainder with the sign of `value`, which is cut to a whole number first; None outside 64 bits."""
    whole = int(value)
    if abs(whole) > INTEGER_MAX:
        return None
    remainder = abs(whole) % abs(divisor)
    return -remainder if whole < 0 else remainder


def _not(operand: Any, where: str) -> FieldTest:
    if type(operand) is not dict or not operand:
        _refuse(
            "bad_operand",
            where,
            f"takes operators, not {operand!r:.100}",
            "use $ne for a value",
            '{"$not": {"$gt": 5}}',
        )
    return _not_any(_operators(operand, where))


def _negated(build: Callable[[Any, str], FieldTest]) -> Callable[[Any, str], FieldTest]:
    return lambda operand, where: _not_any(build(operand, where))


OPERATORS: dict[str, Callable[[Any, str], FieldTest]] = {
    "$eq": _equal,
    "$ne": _negated(_equal),
    "$gt": partial(_compare, operator.gt),
    "$gte": partial(_compare, operator.ge),
    "$lt": partial(_compare, operator.lt),
    "$lte": partial(_compare, operator.le),
    "$in": _in,
    "$nin": _negated(_in),
    "$exists": _exists,
    "$type": _type,
    "$size": _size,
    "$all": _all,
    "$elemMatch": _elem_match,
    "$regex": _regex,
    "$options": _options,
    "$mod": _mod,
    "$not": _not,
}
_INDEXED = ("$eq", "$in", "$gt", "$gte", "$lt", "$lte")
