"""Writes docs/reference.md from the docstrings: `python docs/build_reference.py`. A test holds the page to them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any, cast

import msgspec

import syncara
from syncara import MultiStepProcessor, Step, StepResult, Workflow
from syncara.core import errors
from syncara.core.views import Execution, LogLine, StepState
from syncara.documents.embedded import EmbeddedDocuments
from syncara.handlers import basic, communication, context, data, files, web

PAGE = Path(__file__).with_name("reference.md")
STRUCTS = (Workflow, Step, StepResult, Execution, StepState, LogLine, errors.Problem)
PROTOCOLS = (syncara.Messenger, syncara.Notifier, syncara.Documents, syncara.Store)


def page() -> str:
    """The whole page."""
    parts = [
        "# Reference",
        "Made from the docstrings by `python docs/build_reference.py`; change it there.",
        "## MultiStepProcessor",
        doc(MultiStepProcessor),
        *methods(MultiStepProcessor, own=True),
        "## Built-in handlers",
        "`delay` takes `seconds`; `parallel_group` takes `tasks`, a list of steps without dependencies.",
        *handlers(),
        "## What calls give and take",
        *(part for struct in STRUCTS for part in fields(struct)),
        "## Errors",
        *(f"- `{error.__name__}`: {doc(error).splitlines()[0]}" for error in error_classes()),
        "## What can be replaced",
        *(part for protocol in PROTOCOLS for part in (f"### {protocol.__name__}", doc(protocol), *methods(protocol))),
    ]
    return "\n\n".join(part for part in parts if part).replace("\n\n- ", "\n- ") + "\n"


def doc(thing: object) -> str:
    return inspect.cleandoc(getattr(thing, "__doc__", None) or "")


def methods(cls: type, *, own: bool = False) -> list[str]:
    found = []
    members = {name: member for base in reversed(cls.__mro__[:-1]) for name, member in vars(base).items()}
    for name, member in members.items():
        constructor = own and name == "__init__"
        if inspect.isfunction(member) and (constructor or not name.startswith("_")):
            title = cls.__name__ if constructor else ("await " * inspect.iscoroutinefunction(member)) + name
            found.append(f"### `{title}{signature(member)}`" if own else f"`{title}{signature(member)}`")
            found.append(doc(member))
        elif isinstance(member, property) and not name.startswith("_"):
            found += [f"### `{name}`", doc(member)]
    return found


def signature(function: Any) -> str:
    given = inspect.signature(function)
    shown = [p.replace(annotation=inspect.Parameter.empty) for p in given.parameters.values() if p.name != "self"]
    return str(given.replace(parameters=shown, return_annotation=inspect.Signature.empty))


def handlers() -> list[str]:
    builtin = [
        *basic.handlers(basic.LogNotifier()),
        *context.HANDLERS,
        *communication.handlers(communication.ConsoleMessenger(), {}),
        *data.handlers(EmbeddedDocuments(cast("Any", None))),  # nothing is called
        *files.handlers(),
        *web.handlers(),
    ]
    parts = []
    for handler in sorted(builtin, key=lambda each: each.name):
        assert handler.params is not None
        parts += [f"### `{handler.name}`", doc(handler.params), doc(handler.fn), *fields_of(handler.params)]
    return parts


def fields(struct: type) -> list[str]:
    return [f"### `{struct.__name__}`", doc(struct), *fields_of(struct)]


def fields_of(struct: type) -> list[str]:
    notes = field_notes(struct)
    lines = []
    for field in msgspec.structs.fields(struct):
        default = "" if field.required else f" = {default_of(field)}"
        note = notes.get(field.name, "")
        lines.append(f"- `{field.name}{default}`" + (f": {note}" if note else ""))
    return ["\n".join(lines)] if lines else []


def default_of(field: Any) -> str:
    return repr(field.default if field.default is not msgspec.NODEFAULT else field.default_factory())


def field_notes(struct: type) -> dict[str, str]:
    """The docstring under each field of a class."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    assert isinstance(tree, ast.ClassDef)
    notes: dict[str, str] = {}
    for before, after in zip(tree.body, tree.body[1:], strict=False):
        field = isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
        if field and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            notes[before.target.id] = " ".join(str(after.value.value).split())  # type: ignore[attr-defined]
    return notes


def error_classes() -> list[type]:
    return [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)]


if __name__ == "__main__":
    PAGE.write_text(page())
