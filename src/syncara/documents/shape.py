"""The shape of a find's answer: MongoDB's sort order and projections. No input or output."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import Any, NoReturn

from syncara.core.errors import Problem, ValidationError
from syncara.documents.values import MISSING, NULL, Path, check_paths, order_key, parse_path, reach

SORT_FIELDS_MAX = 32

_UNDEFINED = (NULL - 1, 0)
"""An empty array sorts before everything else."""


@cmp_to_key
def _descending(one: tuple[int, Any], other: tuple[int, Any]) -> int:
    return (one < other) - (one > other)


def compile_sort(sort: Any, where: str = "sort") -> Callable[[Any], Any]:
    """The sort key of documents. `sort` is a field name, `{"field": 1 or -1}`, or a list of such pairs.

    An array counts by its smallest element, or, in descending order, by its largest; a missing field as null.
    """
    if type(sort) is str:
        sort = {sort: 1}
    pairs = list(sort.items()) if type(sort) is dict else sort
    if type(pairs) is not list or not 0 < len(pairs) <= SORT_FIELDS_MAX:
        _refuse_sort(where, f"a sort is a field name, or 1 to {SORT_FIELDS_MAX} fields with 1 or -1, not {sort!r:.100}")
    keys = [_field_key(pair, where) for pair in pairs]
    return lambda document: [key(document) for key in keys]


def _field_key(pair: Any, where: str) -> Callable[[Any], Any]:
    match pair:
        case [field, (1 | -1) as direction] if type(direction) is not bool:
            path = parse_path(field, where)
        case _:
            _refuse_sort(where, f"{pair!r:.100} is not a field with 1 (ascending) or -1 (descending)")
    if direction == 1:
        return lambda document: min(_sort_keys(document, path))
    return lambda document: _descending(max(_sort_keys(document, path)))


def _refuse_sort(where: str, message: str) -> NoReturn:
    raise ValidationError([Problem("bad_sort", where, message, example='{"age": -1, "name": 1}')])


def _sort_keys(document: Any, path: Path) -> list[tuple[int, Any]]:
    keys: list[tuple[int, Any]] = []
    for value in reach(document, path, False):
        if isinstance(value, list):
            keys.extend(map(order_key, value) if value else [_UNDEFINED])
        else:
            keys.append(order_key(value))
    return keys or [order_key(None)]


Tree = dict[str, Any]
"""Field names; under each of them a further tree, or True at the end of a path."""


def compile_projection(projection: Any, where: str = "projection") -> Callable[[Any], Any]:
    """The part of a document that is wanted: names to include, or `{"field": true}`, or `{"field": false}` to exclude.

    `_id` is included unless excluded, and is the only field that may be treated otherwise than the rest.
    """
    flags = _flags(projection, where)
    if not flags:
        return lambda document: document
    modes = {flag for path, flag in flags.items() if path != ("_id",)} or set(flags.values())
    if len(modes) > 1:
        message = "fields to include and fields to exclude are mixed"
        raise ValidationError([Problem("bad_projection", where, message, "keep one kind; only _id may differ")])
    check_paths(flags, where)
    including = modes.pop()
    if including and not any(path[0] == "_id" for path in flags):
        flags["_id",] = True
    tree = _tree(path for path, flag in flags.items() if flag == including)
    return lambda document: (_include if including else _exclude)(document, tree)


def _flags(projection: Any, where: str) -> dict[Path, bool]:
    if type(projection) is list and all(type(name) is str for name in projection):
        projection = dict.fromkeys(projection, True)
    if type(projection) is not dict or any(flag not in (0, 1) for flag in projection.values()):
        message = f"a projection is a list of names, or an object of names with true or false, not {projection!r:.100}"
        raise ValidationError([Problem("bad_projection", where, message, example='{"name": true, "_id": false}')])
    return {parse_path(name, where): bool(flag) for name, flag in projection.items()}


def _tree(paths: Iterable[Path]) -> Tree:
    tree: Tree = {}
    for path in paths:
        branch = tree
        for part in path[:-1]:
            branch = branch.setdefault(part, {})
        branch[path[-1]] = True
    return tree


def _include(value: Any, tree: Tree | bool) -> Any:
    """What of `value` lies in `tree`; MISSING for a value without fields, where fields are asked for."""
    if tree is True:
        return value
    if isinstance(value, list):
        return [kept for kept in (_include(element, tree) for element in value) if kept is not MISSING]
    if not isinstance(value, dict) or not isinstance(tree, dict):
        return MISSING
    parts = ((name, _include(inner, tree[name])) for name, inner in value.items() if name in tree)
    return {name: kept for name, kept in parts if kept is not MISSING}


def _exclude(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_exclude(element, tree) for element in value]
    if not isinstance(value, dict):
        return value
    kept = ((name, inner, tree.get(name)) for name, inner in value.items())
    return {name: _exclude(inner, part or {}) for name, inner, part in kept if part is not True}
