"""Workflow definitions as files: YAML and JSON in and out, the line of whatever is wrong, and their JSON Schema.

Both formats hold the values of JSON and nothing else: in YAML, a plain `true`, `false` or `null` and a number as JSON
writes it are what they look like, and everything else is text (`no`, `12:30`, `0812`, `2026-01-31`). Tags and aliases
are refused, and so is a key that is there twice. YAML needs the extra `yaml`.
"""

from __future__ import annotations

import ast
import bisect
import functools
import inspect
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple, NoReturn, get_args

import msgspec

from syncara.core.check import STEP_RULES, WORKFLOW_RULES, Rule, shown
from syncara.core.errors import InvalidStateError, NotFoundError, Problem, StorageError, ValidationError, nearest
from syncara.core.limits import JSON_DEPTH_MAX, MIB
from syncara.core.model import GROUP, Step, Workflow

Format = Literal["json", "yaml"]
SUFFIXES: Mapping[str, Format] = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}
BYTES_MAX = 10 * MIB
DEPTH_MAX = JSON_DEPTH_MAX + 10
"""Of the whole file; params and metadata have their own limit, and lie a few levels down."""
NUMBER_CHARS_MAX = 1_000
SCHEMA_KEY = "$schema"
"""May stand at the top of a file, for editors; it is no field of the workflow."""


class Definition(dict[str, Any]):
    """What `define` takes, as read from a file; it also knows where in the file each part stands."""

    def __init__(self, root: Node, source: str) -> None:
        super().__init__({name: value for name, value in root.value.items() if name != SCHEMA_KEY})
        self._root = root
        self._source = source

    def locate(self, problems: Iterable[Problem]) -> list[Problem]:
        """The same problems, with `file:line:column` at the head of `where`."""
        places = _places(self._root)
        return [self._located(problem, places) for problem in problems]

    @contextmanager
    def located(self) -> Iterator[None]:
        """Within it, a ValidationError names the places in the file."""
        try:
            yield
        except ValidationError as error:
            raise ValidationError(self.locate(error.problems)) from None

    def _located(self, problem: Problem, places: Mapping[str, Node]) -> Problem:
        # The longest beginning of `where` that the file has: "step 'A', field 'params', 'text'", then without 'text'.
        known = problem.where
        while known and known not in places:
            known = known.rpartition(", ")[0]
        place = _place(self._source, places.get(known, self._root))
        return msgspec.structs.replace(problem, where=f"{place}: {problem.where}" if problem.where else place)


class Node(NamedTuple):
    """A value and where it stands; as the value of a field, where the field's name stands. Both count from 1."""

    value: Any
    line: int
    column: int
    fields: dict[str, Node]
    items: list[Node]


def load_definition(path: str | os.PathLike[str]) -> Definition:
    """Read a `.yaml`, `.yml` or `.json` file. Raises NotFoundError, and ValidationError with lines and columns."""
    file = Path(path)
    format_ = SUFFIXES.get(file.suffix.lower())
    if format_ is None:
        message = f"a definition is a .yaml, .yml or .json file, and this is {file.suffix or 'a file without a suffix'}"
        raise ValidationError([Problem("unknown_format", str(path), message, "rename the file after what it holds")])
    return parse_definition(_read(file), format_, str(path))


def parse_definition(text: str, format: Format, source: str = "definition") -> Definition:  # noqa: A002 - public name
    """Read a definition from text; `source` is what errors call it. Raises ValidationError."""
    if format not in get_args(Format):
        message = f"the formats are json and yaml, not {shown(format)}"
        raise ValidationError([Problem("unknown_format", "format", message, "give 'json' or 'yaml'")])
    events = _json_events(text, source) if format == "json" else _yaml_events(text, source)
    root = _Composer(events, source).whole()
    if not isinstance(root.value, dict):
        message = f"a definition is an object with 'name' and 'steps', and this is {shown(root.value)}"
        _refuse("wrong_type", _place(source, root), message, "write the fields of the workflow", "name: Welcome")
    return Definition(root, source)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES_MAX + 1)
    except FileNotFoundError:
        beside = [path.name for path in file.parent.iterdir()] if file.parent.is_dir() else []
        fix = nearest(file.name, beside) or "check the path"
        raise NotFoundError("no_file", "there is no such file", str(file), fix) from None
    except OSError as error:
        raise StorageError("cannot_read", error.strerror or str(error), str(file), "name a file to read") from error
    if len(content) > BYTES_MAX:
        _refuse("too_large", str(file), f"a definition has at most {BYTES_MAX} bytes", "split the workflow")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse("not_text", f"{file}:{line}", "the file is not UTF-8 text", "save it as UTF-8")


# From text to nodes. Both formats become the same events.


class _Event(NamedTuple):
    kind: Literal["{", "[", "end", "scalar"]
    value: Any
    """Of a scalar."""
    text: str
    """A scalar as it is written, which is what counts when it is a key."""
    line: int
    column: int


def _place(source: str, at: _Event | Node) -> str:
    return f"{source}:{at.line}:{at.column}"


def _refuse(code: str, where: str, message: str, fix: str, example: str = "") -> NoReturn:
    raise ValidationError([Problem(code, where, message, fix, example)])


class _Composer:
    """Builds the values out of events, and notes what neither format may hold."""

    def __init__(self, events: Iterator[_Event], source: str) -> None:
        self._events = events
        self._source = source
        self._problems: list[Problem] = []

    def whole(self) -> Node:
        root = self._node(next(self._events), 0)
        for event in self._events:
            self._problem("two_documents", event, "a second document begins here", "keep one definition in a file")
            break
        if self._problems:
            raise ValidationError(self._problems)
        return root

    def _node(self, event: _Event, depth: int) -> Node:
        if depth > DEPTH_MAX:
            message = f"nested more than {DEPTH_MAX} deep"
            _refuse("too_deep", _place(self._source, event), message, "make it flatter")
        if event.kind == "[":
            items = [self._node(item, depth + 1) for item in self._children()]
            return Node([item.value for item in items], event.line, event.column, {}, items)
        if event.kind == "{":
            fields = self._fields(depth + 1)
            return Node({name: node.value for name, node in fields.items()}, event.line, event.column, fields, [])
        return Node(event.value, event.line, event.column, {}, [])

    def _children(self) -> Iterator[_Event]:
        for event in self._events:
            if event.kind == "end":
                return
            yield event

    def _fields(self, depth: int) -> dict[str, Node]:
        fields: dict[str, Node] = {}
        for key in self._children():
            if key.kind != "scalar":
                self._problem("wrong_key", key, "the name of a field is text", "write text before the colon")
                self._node(key, depth)
            elif key.text in fields:
                message = f"'{key.text}' is there twice; the first is in line {fields[key.text].line}"
                self._problem("duplicate_key", key, message, "keep one of them")
            node = self._node(next(self._events), depth)
            fields.setdefault(key.text, node._replace(line=key.line, column=key.column))
        return fields

    def _problem(self, code: str, at: _Event, message: str, fix: str) -> None:
        self._problems.append(Problem(code, _place(self._source, at), message, fix))


_JSON_TOKEN = re.compile(
    r'[\s,:]*(?:(?P<open>[\[{])|(?P<end>[\]}])|(?P<scalar>"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,:\[\]{}"]+))'
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def _json_events(text: str, source: str) -> Iterator[_Event]:
    try:
        json.loads(text, parse_int=str, parse_float=str)  # only the syntax: the values are made with their places
    except json.JSONDecodeError as error:
        where = f"{source}:{error.lineno}:{error.colno}"
        _refuse("bad_json", where, f"this is not JSON: {error.msg}", "correct the line, or the end of the one before")
    except RecursionError:
        _refuse("too_deep", source, f"nested more than {DEPTH_MAX} deep", "make it flatter")
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    for token in _JSON_TOKEN.finditer(text):
        kind = token.lastgroup or ""
        start, written = token.start(kind), token[kind]
        line = bisect.bisect_right(lines, start)
        place = (line, start - lines[line - 1] + 1)
        if kind == "scalar":
            value = json.loads(written) if written[0] in '"tfn' else _number(written, f"{source}:{place[0]}:{place[1]}")
            yield _Event("scalar", value, str(value), *place)
        else:
            yield _Event("end" if kind == "end" else "{" if written == "{" else "[", None, "", *place)


def _number(text: str, where: str) -> int | float:
    """A number of JSON; `NaN` and `Infinity`, which Python reads as well, are none."""
    if not _NUMBER.fullmatch(text):
        _refuse("bad_json", where, f"JSON has no {text}", "give a number, or null")
    if len(text) > NUMBER_CHARS_MAX:
        _refuse("too_large", where, f"a number of {len(text)} digits", "give it as text, in quotes")
    number: int | float = json.loads(text)
    return number


def _yaml() -> ModuleType:
    try:
        import yaml  # noqa: PLC0415 - an extra: only who uses YAML needs it
    except ImportError:
        message = "YAML needs PyYAML, which is not installed"
        raise InvalidStateError(
            "yaml_missing", message, "definitions", "install the extra, or write JSON", "pip install pyyaml"
        ) from None
    return yaml


def _yaml_events(text: str, source: str) -> Iterator[_Event]:
    yaml = _yaml()
    unreadable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unreadable:
        line = text.count("\n", 0, unreadable.start()) + 1
        message = f"the character {unreadable[0]!r} cannot stand in YAML"
        _refuse("bad_yaml", f"{source}:{line}", message, "write it as an escape, within double quotes")
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    empty = True
    try:
        for event in yaml.parse(text, Loader=loader):
            place = (event.start_mark.line + 1, event.start_mark.column + 1)
            _refuse_yaml_feature(event, f"{source}:{place[0]}:{place[1]}")
            match type(event).__name__:
                case "MappingStartEvent":
                    yield _Event("{", None, "", *place)
                case "SequenceStartEvent":
                    yield _Event("[", None, "", *place)
                case "MappingEndEvent" | "SequenceEndEvent":
                    yield _Event("end", None, "", *place)
                case "ScalarEvent":
                    plain = event.implicit[0]
                    where = f"{source}:{place[0]}:{place[1]}"
                    yield _Event("scalar", _plain(event.value, where) if plain else event.value, event.value, *place)
                case _:
                    continue
            empty = False
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"this is not YAML: {error.problem}" + (f" {error.context}" if error.context else "")
        fix = "check the indentation, and put text that holds ': ', ' #' or a bracket in quotes"
        _refuse("bad_yaml", f"{source}:{mark.line + 1}:{mark.column + 1}", message, fix)
    if empty:
        _refuse("empty_file", source, "there is nothing in it", "write a name and steps", "name: Welcome")


def _refuse_yaml_feature(event: Any, where: str) -> None:
    if type(event).__name__ == "AliasEvent":
        _refuse("yaml_alias", where, f"'*{event.anchor}' is an alias, which is not taken here", "write the value out")
    tag = getattr(event, "tag", None)
    if tag is not None:
        _refuse("yaml_tag", where, f"'{tag}' is a tag, which is not taken here", "remove it, or put the text in quotes")


_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def _plain(text: str, where: str) -> Any:
    """What YAML text without quotes stands for."""
    if text in _WORDS:
        return _WORDS[text]
    return _number(text, where) if _NUMBER.fullmatch(text) else text


# Where things stand.


def _places(root: Node) -> dict[str, Node]:
    """The nodes by what `Problem.where` calls them."""
    name = root.value.get("name")
    places = dict(root.fields)
    for where in {f"workflow {shown(name)}", f"workflow '{name}'"}:
        places[where] = root
        places |= {f"{where}, field '{field}'": node for field, node in root.fields.items()}
    for number, step in enumerate(_entries(root, "steps"), 1):
        _place_step(places, step, [f"step number {number}"], str(step.value.get("name")) if step.fields else "")
    return places


def _place_step(places: dict[str, Node], step: Node, names: list[str], full_name: str) -> None:
    """`full_name` is that of a task within its groups, `Group/Task`."""
    own = step.value.get("name") if step.fields else None
    names = [*names, f"step '{full_name}'"]
    found: dict[str, Node] = {}
    for name in [*names, f"step {shown(own)}", *(f"{name}, step {shown(own)}" for name in names)]:
        found[name] = step
        found |= {f"{name}, field '{field}'": node for field, node in step.fields.items()}
        if "params" in step.fields:
            params = step.fields["params"]
            found |= {f"{name}, field 'params', '{param}'": node for param, node in params.fields.items()}
            found |= {f"{name}, field '{path}'": node for path, node in _paths(params, "params")}
    # Of steps that share a name the last is the one too many; of those without a name the first is as good as any.
    for where, node in found.items():
        if own is not None or where not in places:
            places[where] = node
    if step.fields and step.value.get("handler") == GROUP and "params" in step.fields:
        for number, task in enumerate(_entries(step.fields["params"], "tasks"), 1):
            task_name = f"{full_name}/{task.value.get('name')}" if task.fields else ""
            _place_step(places, task, [f"{name}, task {number}" for name in names], task_name)


def _entries(node: Node, field: str) -> list[Node]:
    return node.fields[field].items if field in node.fields else []


def _paths(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Whatever is within a node, by its path: `params.tasks.0.name`."""
    for key, child in (*node.fields.items(), *enumerate(node.items)):
        yield f"{path}.{key}", child
        yield from _paths(child, f"{path}.{key}")


# Out.


def dump_definition(workflow: Workflow, format: Format) -> str:  # noqa: A002 - public name
    """The workflow as text that `parse_definition` reads."""
    content = definition_of(workflow)
    if format == "json":
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    yaml = _yaml()
    text: str = yaml.dump(
        content, Dumper=_dumper(yaml), sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
    return text


def definition_of(workflow: Workflow) -> dict[str, Any]:
    """The workflow as a dict that `define` takes: no ids, no defaults, dependencies by name."""
    names = {step.id: step.name for step in workflow.steps}
    steps = []
    for step in workflow.steps:
        fields = _given(step)
        if step.dependencies:
            fields["dependencies"] = [names.get(dependency, dependency) for dependency in step.dependencies]
        steps.append(fields)
    return _given(workflow) | {"steps": steps}


def _given(struct: Step | Workflow) -> dict[str, Any]:
    """The fields that are not as they would be anyway; whole numbers without a fraction, as people write them."""
    fields = {}
    for name, default in _defaults(type(struct)).items():
        value = getattr(struct, name)
        if value != default:
            fields[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return fields


@functools.cache
def _defaults(kind: type[Step | Workflow]) -> dict[str, Any]:
    """The fields that a file holds, with what they are when it does not."""
    return {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(kind)
        if field.name not in ("id", "created_at", "chat_id", "author")
    }


_RARE_BREAKS = re.compile("[\r\x85\u2028\u2029]")


def _dumper(yaml: ModuleType) -> Any:
    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
            """Lists are indented below their field."""
            return super().increase_indent(flow, indentless=False)

        def represent_text(self, text: str) -> Any:
            # The line breaks that only YAML 1.1 knows survive as escapes alone, which PyYAML does not see by itself.
            style = '"' if _RARE_BREAKS.search(text) else "|" if "\n" in text else None
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    # YAML 1.1, 1.2 and JSON disagree about numbers. Text that is one for any of them is put in quotes.
    numbers = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+")
    Dumper.add_implicit_resolver("number", re.compile(f"(?:{numbers.pattern})$"), list("-+.0123456789"))
    Dumper.add_representer(str, Dumper.represent_text)
    return Dumper


# The schema.


def schema() -> dict[str, Any]:
    """The JSON Schema of a definition file."""
    kinds: dict[str, Any] = msgspec.json.schema(Workflow)["$defs"]
    workflow = _described(kinds["Workflow"], Workflow, WORKFLOW_RULES)
    step = _described(kinds["Step"], Step, STEP_RULES)
    workflow["properties"]["steps"] |= {"description": "In any order: what runs when is said by dependencies."}
    workflow["properties"][SCHEMA_KEY] = {"type": "string", "description": "Where this schema is, for editors."}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Syncara workflow"}
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode({**head, **workflow, "$defs": {"Step": step}}))
    return made


def _described(kind: dict[str, Any], struct: type, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The schema of a struct, of the fields that a file may hold, each with its meaning and its rule in words."""
    meanings = _docstrings(struct)
    properties = {}
    for name, form in kind["properties"].items():
        if name in rules or name == "steps":
            parts = (meanings.get(name, ""), f"Takes {rules[name][1]}." if name in rules else "")
            properties[name] = form | {"description": " ".join(part for part in parts if part)}
    return {
        "type": "object",
        "description": inspect.cleandoc(struct.__doc__ or ""),
        "properties": properties,
        "required": [name for name in kind["required"] if name in properties],
        "additionalProperties": False,
    }


def _docstrings(struct: type) -> dict[str, str]:
    """What stands below each field of a class in its source."""
    (tree,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(note.value.value)
        for field, note in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant) and isinstance(note.value.value, str)
    }
