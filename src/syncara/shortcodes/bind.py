"""From what was written in a code to the typed fields of its command."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from syncara.commands.registry import Command, Field
from syncara.core.check import shown
from syncara.core.errors import nearest
from syncara.shortcodes.forms import WANTED
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.scanner import Call


def bind(call: Call, command: Command) -> tuple[dict[str, Any], list[CodeProblem]]:
    """The command's arguments, as its types want them, and everything that keeps them from it."""
    bound: dict[str, Any] = {}
    problems: list[CodeProblem] = []
    for field in command.fields:
        if field.name not in call.args:
            if field.required:
                problems.append(_missing(call, command, field))
            continue
        value = call.args[field.name]
        try:
            bound[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            problems.append(_wrong(call, field, value, error))
    return bound, problems


def _missing(call: Call, command: Command, field: Field) -> CodeProblem:
    order = ":".join(each.name for each in command.positional)
    return CodeProblem(
        code="missing_field",
        where=f"field '{field.name}'",
        message=f"'{field.name}' is missing",
        fix=f"the fields are [{command.shortcode}:{order}]",
        position=call.span,
        shortcode=call.shortcode,
        field=field.name,
        allowed=allowed(field),
    )


def _wrong(call: Call, field: Field, value: Any, error: msgspec.ValidationError) -> CodeProblem:
    known = [str(choice) for choice in choices(field.type)]
    return CodeProblem(
        code="wrong_type",
        where=f"field '{field.name}'",
        message=f"'{field.name}' cannot be {shown(value)}: {str(error)[:1].lower()}{str(error)[1:]}",
        fix=nearest(str(value), known) or f"write {allowed(field)}",
        position=call.spans.get(field.name, call.span),
        shortcode=call.shortcode,
        field=field.name,
        read=shown(value),
        allowed=allowed(field),
        nearest=(nearest(str(value), known) or "").partition("'")[2].partition("'")[0],
    )


def allowed(field: Field) -> str:
    """What may stand in a field, in words."""
    known = choices(field.type)
    if known:
        return "one of " + ", ".join(map(str, known))
    if field.form == "json":
        return "a JSON list" if plain_type(field.type) is list else "a JSON object"
    limits = [
        f"{word} {bound:g}"
        for meta in get_args(field.type)
        if isinstance(meta, msgspec.Meta)
        for word, bound in (("above", meta.gt), ("from", meta.ge), ("to", meta.le))
        if bound is not None
    ]
    return " ".join([WANTED[field.form], *limits])


def plain_type(kind: Any) -> Any:
    """A type without its annotations and arguments."""
    if get_origin(kind) is Annotated:
        return plain_type(get_args(kind)[0])
    return get_origin(kind) or kind


def choices(kind: Any) -> tuple[Any, ...]:
    """The values of a Literal."""
    origin = get_origin(kind)
    if origin is Literal:
        return get_args(kind)
    if origin in (Annotated, Union, types.UnionType):
        return choices(get_args(kind)[0])
    return ()
