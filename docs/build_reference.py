"""Writes docs/reference.md from the docstrings: `python docs/build_reference.py`. A test holds the page to them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

import syncara
from syncara import Approval, MultiStepProcessor, Outcome, Policy, Reply, Step, StepResult, Workflow
from syncara.answers import Wait
from syncara.core import errors
from syncara.core.views import Execution, LogLine, StepState
from syncara.documents.embedded import EmbeddedDocuments
from syncara.handlers import basic, communication, context, data, files, web
from syncara.policy import audit
from syncara.policy.auditor import Audit
from syncara.policy.effects import Effect
from syncara.policy.judge import Judged
from syncara.policy.policy import Collections, RoleRules, Rules
from syncara.policy.preview import Preview
from syncara.policy.quotas import Quotas
from syncara.shortcodes.problems import CodeProblem

PAGE = Path(__file__).with_name("reference.md")
STRUCTS = (Workflow, Step, StepResult, Execution, StepState, LogLine, errors.Problem)
REPLIES = (Reply, Outcome, CodeProblem)
POLICY = (Approval, Preview, Judged, Effect, Wait, Policy, Rules, Collections, RoleRules, Quotas)
AUDIT = (audit.Sealed, *get_args(audit.Entry), audit.Command, audit.Finding)
PROTOCOLS = (syncara.Messenger, syncara.Asker, syncara.Notifier, syncara.Documents, syncara.Store)
APPROVAL_CODES = {
    "not_found": "there is no approval of that id",
    "expired": "its time was over",
    "used": "it has been answered already, or its run no longer waits",
    "not_allowed": "this user may not answer it",
    "plan_changed": "the plan is not the one that was asked about or looked at, or more of it needs approval by now",
}
"""What each code of ApprovalError says. A test compares them with those that are raised."""


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
        *structs(STRUCTS),
        "## Replies",
        *structs(REPLIES),
        "What a Reply can do:",
        *methods(Reply),
        "## What an assistant may do",
        "In `syncara.policy.policy`, `load(path)` reads a Policy from its TOML file, and `read(lines)` from a dict.",
        *structs(POLICY),
        "## Audit",
        "What `processor.audit` can do, and what it gives.",
        *methods(Audit),
        *structs(AUDIT),
        "## Errors",
        *(f"- `{error.__name__}`: {doc(error).splitlines()[0]}" for error in error_classes()),
        "The codes of `ApprovalError`:",
        *(f"- `{code}`: {meaning}" for code, meaning in APPROVAL_CODES.items()),
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


def structs(classes: Iterable[type]) -> list[str]:
    return [part for each in classes for part in (f"### {title(each)}", doc(each), *fields_of(each))]


def title(struct: type) -> str:
    """Its name; of an entry of the audit also what its JSON calls it."""
    tag = struct.__struct_config__.tag if issubclass(struct, msgspec.Struct) else None
    return f"`{struct.__name__}`" + (f": kind `{tag}`" if tag else "")


def fields_of(struct: type) -> list[str]:
    bases = [base for base in reversed(struct.__mro__) if base.__module__.startswith("syncara.")]
    notes = {name: note for base in bases for name, note in field_notes(base).items()}
    lines = []
    for name, default in defaults(struct).items():
        shown = f"- `{name}`" if default is msgspec.NODEFAULT else f"- `{name} = {literal(default)}`"
        lines.append(f"{shown}: {notes[name]}" if name in notes else shown)
    return ["\n".join(lines)] if lines else []


def defaults(struct: Any) -> dict[str, Any]:
    """The fields of a Struct or NamedTuple, each with its default."""
    if not issubclass(struct, msgspec.Struct):
        return {name: struct._field_defaults.get(name, msgspec.NODEFAULT) for name in struct._fields}
    return {
        field.name: field.default_factory() if callable(field.default_factory) else field.default
        for field in msgspec.structs.fields(struct)
    }


def literal(value: Any) -> str:
    """How a default is written: of a Struct what differs from its own defaults."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {literal(each)}" for key, each in value.items()) + "}"
    if not isinstance(value, msgspec.Struct):
        return repr(value)
    given = {name: getattr(value, name) for name in value.__struct_fields__}
    if all(each is None for each in given.values()):
        return f"{type(value).__name__}(None, …)"
    own = defaults(type(value))
    changed = [f"{name}={literal(each)}" for name, each in given.items() if each != own[name]]
    return f"{type(value).__name__}({', '.join(changed)})"


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
