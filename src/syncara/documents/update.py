"""MongoDB's update language, a stated subset: an update becomes a function of a document. No input or output.

    fields   $set $unset $inc $mul $min $max $rename $setOnInsert
    arrays   $push (with $each $position $slice $sort) $addToSet (with $each) $pull $pullAll $pop

An object without operators means `$set`. A number in a path names an array element; positional operators (`a.$`,
`a.$[]`) are refused. Operators act in the order in which they are written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple, NoReturn

from syncara.core.errors import Problem, ValidationError, nearest
from syncara.documents.query import Query, compile_element
from syncara.documents.shape import compile_sort
from syncara.documents.values import (
    INTEGER_MAX,
    INTEGER_MIN,
    MISSING,
    Path,
    build_all,
    canonical,
    check_json,
    check_paths,
    clone,
    is_index,
    order_key,
    parse_path,
)

ARRAY_INDEX_MAX = 100_000
"""The highest element that a path may name beyond an array's end; what lies between becomes null."""

Document = dict[str, Any]
Edit = Callable[[Any], Any]
"""From the value at a path (MISSING where there is none) to the new value; MISSING again leaves it out."""


class Change(NamedTuple):
    """One field's part of an update."""

    paths: tuple[Path, ...]
    apply: Callable[[Document], None]
    """Works in place."""
    inserting: bool = False
    """Whether it acts only on a document made by an upsert."""


class Update(NamedTuple):
    changes: tuple[Change, ...]

    def apply(self, document: Document, *, inserting: bool = False) -> Document:
        """A changed copy. Raises ValidationError when the document does not allow a change."""
        changed: Document = clone(document)
        for change in self.changes:
            if inserting or not change.inserting:
                change.apply(changed)
        if "_id" in document and ("_id" not in changed or canonical(changed["_id"]) != canonical(document["_id"])):
            _refuse("immutable_id", "_id", "an update cannot change the _id of a document", "delete and insert it")
        return changed

    def upserted(self, query: Query) -> Document:
        """The document that an upsert inserts: what `query` requires to be equal, then the changes."""
        equal = [condition for condition in query.required if condition.operator == "$eq"]
        check_paths([condition.path for condition in equal], "query")
        document: Document = {}
        for condition in equal:
            _edit(document, condition.path, _constant(condition.operand))
        return self.apply(document, inserting=True)


def compile_update(changes: Any, where: str = "changes") -> Update:
    """The function that `changes` stands for. Raises ValidationError with everything that is wrong with it."""
    if type(changes) is not dict or not changes:
        _refuse(
            "bad_operand",
            where,
            f"takes an object with something in it, not {changes!r:.100}",
            example='{"done": true}',
        )
    check_json(changes, where)
    operators = [name for name in changes if name.startswith("$")]
    if not operators:
        changes = {"$set": changes}
    elif len(operators) < len(changes):
        fix = "move the plain fields into $set"
        _refuse(
            "bad_operand", where, "operators and plain fields are mixed", fix, '{"$set": {"a": 1}, "$inc": {"n": 1}}'
        )
    parts = build_all(partial(_operator, name, operand, f"{where}.{name}") for name, operand in changes.items())
    compiled = tuple(change for part in parts for change in part)
    check_paths([path for change in compiled for path in change.paths], where)
    return Update(compiled)


def _refuse(code: str, where: str, message: str, fix: str = "", example: str = "") -> NoReturn:
    raise ValidationError([Problem(code, where, message, fix, example)])


def _operator(name: str, fields: Any, where: str) -> list[Change]:
    if name == "$currentDate":
        _refuse("unknown_operator", where, "documents hold JSON, which has no dates", "$set the time as ISO 8601 text")
    if name not in OPERATORS:
        known = " ".join(OPERATORS)
        message = f"{name} is not an operator of an update; those are {known}"
        _refuse("unknown_operator", where, message, nearest(name, OPERATORS))
    if type(fields) is not dict:
        example = f'{{"{name}": {{"field": …}}}}'
        _refuse("bad_operand", where, f"{name} takes an object of fields, not {fields!r:.100}", example=example)
    build = OPERATORS[name]
    return build_all(partial(_change, build, field, operand, f"{where}.{field}") for field, operand in fields.items())


def _change(build: Callable[[Path, Any, str], Change], field: str, operand: Any, where: str) -> Change:
    return build(parse_path(field, where), operand, where)


# Reaching a field.
def _edit(document: Document, path: Path, edit: Edit, *, create: bool = True) -> None:
    """Replace the value at `path` by what `edit` makes of it. Without `create`, a field that is not there stays so."""
    holder: Any = document
    for depth, part in enumerate(path[:-1], 1):
        inner = _get(holder, part, path, create)
        if inner is MISSING:
            if not create:
                return
            inner = {}
            _put(holder, part, inner)
        if type(inner) not in (dict, list):
            if not create:
                return
            _refuse(
                "path_blocked",
                ".".join(path),
                f"'{'.'.join(path[:depth])}' is {inner!r:.50}, which has no fields",
                "set that field to an object first",
            )
        holder = inner
    old = _get(holder, path[-1], path, create)
    if create or old is not MISSING:
        new = edit(old)
        if new is MISSING:
            _drop(holder, path[-1])
        else:
            _put(holder, path[-1], new)


def _get(holder: Any, part: str, path: Path, create: bool) -> Any:
    if isinstance(holder, dict):
        return holder.get(part, MISSING)
    if is_index(part):
        return holder[int(part)] if int(part) < len(holder) else MISSING
    if create:
        fix = "name an element by its number, counted from 0"
        _refuse("path_blocked", ".".join(path), f"'{part}' is looked for in an array", fix)
    return MISSING


def _put(holder: Any, part: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[part] = value
        return
    at = int(part)
    if at > len(holder) + ARRAY_INDEX_MAX:
        _refuse("bad_operand", part, f"the element is more than {ARRAY_INDEX_MAX} beyond the array's end")
    holder.extend([None] * (at + 1 - len(holder)))
    holder[at] = value


def _drop(holder: Any, part: str) -> None:
    """An array keeps its length: the element becomes null."""
    if isinstance(holder, dict):
        holder.pop(part, None)
    else:
        _put(holder, part, None)


def _editing(path: Path, edit: Edit, *, create: bool = True) -> Change:
    return Change((path,), lambda document: _edit(document, path, edit, create=create))


def _constant(value: Any) -> Edit:
    return lambda _: clone(value)


def _stored(operand: Any, where: str) -> Any:
    check_json(operand, where, stored=True)
    return operand


# The operators.
def _set(path: Path, operand: Any, where: str) -> Change:
    return _editing(path, _constant(_stored(operand, where)))


def _set_on_insert(path: Path, operand: Any, where: str) -> Change:
    return _set(path, operand, where)._replace(inserting=True)


def _unset(path: Path, operand: Any, where: str) -> Change:
    return _editing(path, lambda _: MISSING, create=False)


def _number(value: Any, where: str) -> Any:
    if type(value) not in (int, float):
        _refuse("not_a_number", where, f"{value!r:.50} is not a number")
    return value


def _inc(path: Path, operand: Any, where: str) -> Change:
    _number(operand, where)
    return _editing(path, lambda old: operand if old is MISSING else _in_range(_number(old, where) + operand, where))


def _mul(path: Path, operand: Any, where: str) -> Change:
    zero = type(_number(operand, where))(0)
    return _editing(path, lambda old: zero if old is MISSING else _in_range(_product(old, operand, where), where))


def _product(old: Any, operand: Any, where: str) -> Any:
    return _number(old, where) * operand


def _in_range(number: float, where: str) -> float:
    if not math.isfinite(number) or (type(number) is int and not INTEGER_MIN <= number <= INTEGER_MAX):
        _refuse("number_too_large", where, "the result does not fit into 64 bits")
    return number


def _min(path: Path, operand: Any, where: str) -> Change:
    key = order_key(_stored(operand, where))
    return _editing(path, lambda old: clone(operand) if old is MISSING or key < order_key(old) else old)


def _max(path: Path, operand: Any, where: str) -> Change:
    key = order_key(_stored(operand, where))
    return _editing(path, lambda old: clone(operand) if old is MISSING or key > order_key(old) else old)


def _rename(path: Path, operand: Any, where: str) -> Change:
    target = parse_path(operand, where)

    def apply(document: Document) -> None:
        value = _field_value(document, path, where)
        if value is not MISSING:
            _field_value(document, target, where)  # refuses an array on the way
            _edit(document, path, lambda _: MISSING, create=False)
            _edit(document, target, lambda _: value)

    return Change((path, target), apply)


def _field_value(document: Document, path: Path, where: str) -> Any:
    """The value at a path through objects only; `$rename` cannot take an element out of an array or into one."""
    value: Any = document
    for part in path:
        if isinstance(value, list):
            _refuse("path_blocked", where, f"'{'.'.join(path)}' leads through an array", "use $set and $unset")
        value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
    return value


def _array(value: Any, where: str) -> list[Any]:
    if type(value) is not list:
        _refuse("not_an_array", where, f"{value!r:.50} is not an array")
    return value


def _editing_array(path: Path, where: str, edit: Callable[[list[Any]], list[Any]], *, create: bool) -> Change:
    return _editing(path, lambda old: edit([] if old is MISSING else _array(old, where)), create=create)


def _modifiers(operand: Any, known: Iterable[str], where: str) -> dict[str, Any]:
    """`{"$each": [...]}` and what may stand beside it; a plain value counts as a list of one."""
    if not isinstance(operand, dict) or not any(name.startswith("$") for name in operand):
        return {"$each": [_stored(operand, where)]}
    for name in operand:
        if name not in known:
            message = f"{name} is not a modifier; those are {' '.join(known)}"
            _refuse("unknown_operator", where, message, nearest(name, known))
    if "$each" not in operand:
        _refuse("bad_operand", where, "modifiers need $each beside them", "add the values", '{"$each": [1, 2]}')
    _array(operand["$each"], f"{where}.$each")
    _stored(operand["$each"], f"{where}.$each")
    return operand


def _whole(value: Any, where: str) -> int | None:
    if value is not None and type(value) is not int:
        _refuse("bad_operand", where, f"takes a whole number, not {value!r:.100}")
    return value


def _push(path: Path, operand: Any, where: str) -> Change:
    modifiers = _modifiers(operand, ("$each", "$position", "$slice", "$sort"), where)
    position = _whole(modifiers.get("$position"), f"{where}.$position")
    size = _whole(modifiers.get("$slice"), f"{where}.$slice")
    arrange = _sorting(modifiers["$sort"], f"{where}.$sort") if "$sort" in modifiers else list

    def push(array: list[Any]) -> list[Any]:
        at = len(array) if position is None else position
        pushed = arrange([*array[:at], *clone(modifiers["$each"]), *array[at:]])
        if size is None:
            return pushed
        return pushed[:size] if size >= 0 else pushed[size:]

    return _editing_array(path, where, push, create=True)


def _sorting(operand: Any, where: str) -> Callable[[list[Any]], list[Any]]:
    """1 and -1 compare whole elements, an object their fields."""
    if type(operand) is int and operand in (1, -1):
        return partial(sorted, key=order_key, reverse=operand == -1)
    return partial(sorted, key=compile_sort(operand, where))


def _add_to_set(path: Path, operand: Any, where: str) -> Change:
    modifiers = _modifiers(operand, ("$each",), where)

    def add(array: list[Any]) -> list[Any]:
        known = set(map(order_key, array))
        grown = list(array)
        for value in modifiers["$each"]:
            if order_key(value) not in known:
                known.add(order_key(value))
                grown.append(clone(value))
        return grown

    return _editing_array(path, where, add, create=True)


def _pull(path: Path, operand: Any, where: str) -> Change:
    matches = compile_element(operand, where)
    return _editing_array(
        path, where, lambda array: [element for element in array if not matches(element)], create=False
    )


def _pull_all(path: Path, operand: Any, where: str) -> Change:
    keys = set(map(order_key, _stored(_array(operand, where), where)))
    return _editing_array(
        path, where, lambda array: [element for element in array if order_key(element) not in keys], create=False
    )


def _pop(path: Path, operand: Any, where: str) -> Change:
    if operand not in (1, -1):
        _refuse("bad_operand", where, f"takes 1 for the last or -1 for the first element, not {operand!r:.100}")
    return _editing_array(path, where, lambda array: array[:-1] if operand == 1 else array[1:], create=False)


OPERATORS: dict[str, Callable[[Path, Any, str], Change]] = {
    "$set": _set,
    "$unset": _unset,
    "$inc": _inc,
    "$mul": _mul,
    "$min": _min,
    "$max": _max,
    "$rename": _rename,
    "$setOnInsert": _set_on_insert,
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
    "$pullAll": _pull_all,
    "$pop": _pop,
}
