"""Params that a handler or a template does not take as they are: other names or types, some missing or elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from syncara.commands import COMMANDS
from syncara.core.placeholders import compile_params
from syncara.handlers.web import METHODS
from syncara.shortcodes.bind import choices, plain_type
from syncara.shortcodes.repair import values, words
from syncara.shortcodes.repair.known import Param
from syncara.shortcodes.repair.loose_json import Hopeless, Unclosed, pairs, read_loose

_, _, _, _, *_OPTIONS = COMMANDS["MULTISTEP:ADD_STEP"].fields  # behind the workflow, the name, the handler, the params
OPTIONS = [field.name for field in _OPTIONS]
"""Fields of a step that are written among its params by mistake."""
_MISFIT: Any = object()
_QUOTES = "\"'“”‘’"

_NARROW = ("query", "headers", "form")
"""Objects that hardly have members named like params; for others it is not clear where a brace is missing."""

Schema = Mapping[str, Param]


class Mended(NamedTuple):
    params: dict[str, Any]
    options: dict[str, Any]
    """Fields of the step that stood among the params."""


def mend(schema: Schema, written: Any, *, name: str = "", said: Mapping[str, Any] | None = None) -> Mended:
    """Params as the schema wants them, as far as that can be told; the rest stays as it is. Raises Hopeless.

    `name`: of the step, which may say what its params do not. `said`: what the word for the handler says of them.
    """
    params = _as_object(schema, written)
    if params is None:
        return Mended(written, {})
    params = _lifted(schema, params)
    found = {key: fitted(schema[key], value) for key, value in params.items() if key in schema}
    extra = {key: value for key, value in params.items() if key not in schema}
    for key, value in (said or {}).items():
        found.setdefault(key, value)
    options: dict[str, Any] = {}
    _place_pair(schema, found, extra)
    for key in list(extra):
        _place(schema, key, found, extra, options)
    _mend_method(found)
    if "operation" in schema and "operation" not in found:
        operation = _operation([str(each) for each in choices(schema["operation"].type)], found, name)
        found |= {"operation": operation} if operation else {}
    return Mended({**found, **extra}, options)


def _as_object(schema: Schema, written: Any) -> dict[str, Any] | None:
    """Params that were written without their braces, or in more of them than there should be."""
    if isinstance(written, str):
        paired = pairs(written)
        if paired is not None and all(_named(schema, key, schema) for key in paired):
            return paired
    if not isinstance(written, dict):
        main = main_param(schema)
        return None if main is None else {main.name: fitted(main, written)}
    return written


def _lifted(schema: Schema, params: dict[str, Any]) -> dict[str, Any]:
    """With what stands in the object before it, because the brace of that one was forgotten, and is needed outside."""
    for key, value in params.items():
        inside = list(value) if key in schema and isinstance(value, dict) else []
        first = next((number for number, each in enumerate(inside) if each in schema and each not in params), 0)
        lost = inside[first:]
        if not first or not all(each in schema for each in lost):
            continue
        needed = any(schema[each].required for each in lost) or not _is_fine(schema[key], value)
        needed = needed or ("data" in lost and params.get("operation") in ("insert", "update"))
        if needed or (isinstance(params, Unclosed) and key in _NARROW):
            own = {each: value[each] for each in inside[:first]}
            return {**params, key: own, **{each: value[each] for each in lost}}
        if isinstance(params, Unclosed):
            raise Hopeless
    return params


def main_param(schema: Schema) -> Param | None:
    """The one that has to be there, where there is only one."""
    required = [param for param in schema.values() if param.required]
    return required[0] if len(required) == 1 else None


def _place(schema: Schema, key: str, found: dict[str, Any], extra: dict[str, Any], options: dict[str, Any]) -> None:
    """Find where a param belongs that the schema does not have."""
    value = extra[key]
    unit = words.table("units").get(words.plain(key), ())
    if "seconds" in schema and unit and (amount := values.number(str(value))) is not None:
        found["seconds"] = values.whole(found.get("seconds", 0) + amount * float(unit[0]))
        del extra[key]
        return
    missing = {name: param for name, param in schema.items() if param.required and name not in found}
    free = {name: param for name, param in schema.items() if name not in found}
    name = _named(missing, key, [value]) or _named({} if key in OPTIONS else free, key, [value], alike=1.0)
    option = None if name else words.meaning("fields", key, OPTIONS, alike=1.0)
    if option is not None:
        options[option] = extra.pop(key)
    elif name := name or _named(free, key, [value]):
        found[name] = fitted(schema[name], extra.pop(key))


def _named(schema: Schema, key: str, values_of: Iterable[Any] = (), *, alike: float = words.ALIKE) -> str | None:
    """The param that a word stands for, if it can take what is written."""
    name = words.meaning("params", key, schema, alike=alike)
    return name if name and all(_fit(schema[name], value) is not _MISFIT for value in values_of) else None


def _place_pair(schema: Schema, found: dict[str, Any], extra: dict[str, Any]) -> None:
    """`{"city": "Solo"}` for what takes a key and a value."""
    required = {param.name for param in schema.values() if param.required}
    if len(extra) == 1 and not found and required == {"key", "value"}:
        found["key"], found["value"] = extra.popitem()


def _mend_method(found: dict[str, Any]) -> None:
    """`FETCH` for `GET`; the type of the param does not say what there is."""
    written = found.get("method")
    if isinstance(written, str) and written.upper() not in METHODS:
        found["method"] = words.meaning("values", written, METHODS) or written


_BY_PARAMS: tuple[tuple[set[str], tuple[str, ...]], ...] = (
    ({"data", "query"}, ("update",)),
    ({"data"}, ("insert",)),
    ({"content"}, ("write", "append")),
    (set(), ("find", "read", "delete")),
)
"""The operations that go with other params."""


def _operation(known: list[str], found: Mapping[str, Any], name: str) -> str | None:
    """The operation that was left out: by the other params, and by the name of the step."""
    able = [each for each in next(each for needed, each in _BY_PARAMS if needed <= found.keys()) if each in known]
    said = [words.meaning("values", word, known, alike=1.0) for word in words.parts(name)]
    return next((each for each in said if each in able), able[0] if able else None)


# Types.


def fitted(param: Param, value: Any) -> Any:
    """The value as the param takes it; as it is when that cannot be told."""
    found = _fit(param, value)
    return value if found is _MISFIT else found


def _fit(param: Param, value: Any) -> Any:
    if _is_fine(param, value):
        return value
    options = [str(each) for each in choices(param.type)]
    if options:
        only = value[0] if isinstance(value, list) and len(value) == 1 else value
        meant = words.meaning("values", only, options) if isinstance(only, str) else None
        return _MISFIT if meant is None else meant
    return next((found for found in _converted(param, value) if _is_fine(param, found)), _MISFIT)


def _is_fine(param: Param, value: Any) -> bool:
    if value is _MISFIT:
        return False
    if isinstance(value, str) and compile_params({"": value}, ()) is not None:
        return True
    try:
        msgspec.convert(value, param.type)
    except msgspec.ValidationError:
        return False
    return True


def _converted(param: Param, value: Any) -> Iterator[Any]:
    """What a value may have been meant to be."""
    if isinstance(value, str):
        yield from _from_text(param, value.strip())
    elif isinstance(value, dict | list):
        yield from _from_container(param, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield values.whole(value)
        yield str(value)


def _from_text(param: Param, text: str) -> Iterator[Any]:
    if text[:1] in ("{", "["):
        with suppress(Hopeless):
            yield read_loose(text, 0).value
    number = values.number(text)
    if number is not None and plain_type(param.type) is not bool:
        yield values.whole(number)
    yield values.flag(text)
    yield pairs(text)


def _from_container(param: Param, value: dict[str, Any] | list[Any]) -> Iterator[Any]:
    """`{"value": 10}` and `[10]` for 10, one object for a list of one."""
    if (
        isinstance(value, dict)
        and value
        and "name" not in value
        and all(isinstance(each, dict) for each in value.values())
    ):
        yield [{"name": name, **each} for name, each in value.items()]
    if len(value) == 1:
        yield _fit(param, next(iter(value.values())) if isinstance(value, dict) else value[0])
    yield [value]
