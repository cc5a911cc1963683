"""The commands that a person or an assistant can give, each declared once.

A declaration is a function: its signature gives the fields with their types, defaults and limits (positional ones in
their order, keyword-only ones by name), its docstring the help. From it follow how the shortcode is read and bound,
the JSON Schema, the sub-command of the command line, the reference page and the model's instructions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec

Kind = Literal["reads", "makes", "acts"]
"""`reads` changes nothing, and shows how things are once the whole reply is done; `makes` adds something new; `acts`
touches what exists, or the world outside."""
Form = Literal["text", "integer", "number", "flag", "json", "names", "moment", "rest"]
"""How a field is written. `names`: `a,b` or a JSON list; `moment`: seconds, `1h30m` or an ISO time; `rest`: the rest of
the code, as it stands."""
Thing = Literal["workflow", "execution", "step", "handler", "template", "message"]


class Refers(NamedTuple):
    """An annotation: the field names something."""

    thing: Thing


class Written(NamedTuple):
    """An annotation: how the field is written, where its type does not say it."""

    form: Form


class Field(NamedTuple):
    name: str
    type: Any
    form: Form
    required: bool
    default: Any
    named: bool
    """Written as `name=value`, or in one JSON object, after the positional fields."""
    refers: Thing | None
    help: str


class Command(NamedTuple):
    shortcode: str
    """`FAMILY:COMMAND`, in upper case."""
    kind: Kind
    run: Callable[..., Any]
    """`run(draft, **fields)`: puts on the draft what is asked for, and returns what to answer (see draft.py)."""
    fields: tuple[Field, ...]
    help: str
    example: str

    @property
    def positional(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if not field.named)

    @property
    def summary(self) -> str:
        """The first sentence of the help."""
        return self.help.partition("\n")[0]

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the fields."""
        fields: list[Any] = [
            (field.name, field.type) if field.required else (field.name, field.type, field.default)
            for field in self.fields
        ]
        name = self.shortcode.partition(":")[2].title().replace("_", "")
        shape = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
        schema = msgspec.json.schema(shape)
        found: dict[str, Any] = schema["$defs"].pop(name)
        return {**found, "$defs": schema["$defs"]} if schema["$defs"] else found


COMMANDS: dict[str, Command] = {}
"""All that ship, in the order of their declaration."""


def command(shortcode: str, kind: Kind, *, example: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a command. `example` is a code that works as it stands, with the usual names for what exists."""

    def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
        _, *parameters = inspect.signature(fn, eval_str=True).parameters.values()
        fields = tuple(_field(parameter) for parameter in parameters)
        COMMANDS[shortcode] = Command(shortcode, kind, fn, fields, inspect.getdoc(fn) or "", example)
        return fn

    return declare


def outside(shortcode: str, run: Callable[..., Any]) -> Command:
    """The command of a function given to `register_shortcode`: everything after its name is one text."""
    params = Field("params", str, "rest", required=False, default="", named=False, refers=None, help="")
    return Command(shortcode, "acts", run, (params,), f"Run {shortcode}.", f"[{shortcode}:…]")


def families(commands: Mapping[str, Command]) -> frozenset[str]:
    return frozenset(shortcode.partition(":")[0] for shortcode in commands)


def _field(parameter: inspect.Parameter) -> Field:
    kind = parameter.annotation
    notes: tuple[Any, ...] = ()
    if get_origin(kind) is Annotated:
        kind, *rest = get_args(kind)
        notes = tuple(rest)
    constraints = [note for note in notes if isinstance(note, msgspec.Meta)]
    written = next((note.form for note in notes if isinstance(note, Written)), None)
    refers = next((note.thing for note in notes if isinstance(note, Refers)), None)
    required = parameter.default is parameter.empty
    described = next((meta.description for meta in constraints if meta.description), "")
    full: Any = kind
    for meta in constraints:
        full = Annotated[full, meta]
    return Field(
        parameter.name,
        full,
        written or _form(kind),
        required,
        None if required else parameter.default,
        parameter.kind is parameter.KEYWORD_ONLY,
        refers,
        described,
    )


def _form(kind: Any) -> Form:
    if get_origin(kind) is Literal:
        return "text"
    plain: dict[Any, Form] = {str: "text", int: "integer", float: "number", bool: "flag"}
    names: Form = "names" if kind == list[str] else "json"
    return plain.get(kind, names)
