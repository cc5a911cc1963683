r"""Placeholders in the params of a step: `{context.user.name}`, `{steps.Load Users.data[0].id|none}`.

`{context.…}`, `{steps.…}`, `{item…}`, `{index}` and `{secret.…}` are placeholders; every other brace is text, and
`\{` is a brace that opens nothing. A string that is one placeholder takes the value with its type; within text, text
is written as it is, a number as a number, anything else as compact JSON. `|default` stands in for what is missing or
null. What was filled in is never read again. `{secret.NAME}` stays as it is, for whoever calls the handler.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from syncara.core.errors import Problem, SyncaraError, nearest
from syncara.core.expression_values import kind, missing_key
from syncara.core.limits import GROUP_DEPTH_MAX, JSON_DEPTH_MAX, NAME_CHARS_MAX, PARAMS_BYTES_MAX

PROBLEMS_MAX = 10
"""The most problems that one template reports."""
SHOWN_CHARS_MAX = 80
STEP_NAME_CHARS_MAX = (NAME_CHARS_MAX + 1) * (GROUP_DEPTH_MAX + 1)
"""Tasks of groups are named `Group/Task`."""

_OPENER = re.compile(
    r"\\\{|\{(?:(?P<root>context|steps|secret)\.|(?P<item>item)(?=[.\[|}])|(?P<index>index)(?=[|}]))"
    r"(?P<body>[^{}]*)(?P<end>\}?)"
)
_SEGMENT = re.compile(
    r"""\.(?P<name>[^.\[\]|"'\\\x00-\x1f]+)|\[(?:(?P<position>-?[0-9]+)|'(?P<quoted>[^']*)'|"(?P<doubly>[^"]*)")\]"""
)
_POSITION = re.compile(r"-?[0-9]{1,9}")
_NAME_END = re.compile(r"[.\[|]|\Z")
_STEP_GUESS = re.compile(r"\.(?:data|status)\b|[\[|]")
_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_RESERVED = "{secret."
"""Left in what is rendered, for the call of the handler to fill."""
_FORMS = "write {context.key}, {context.key|default} or {steps.Step Name.data}; for a brace that is text write \\{"


class PlaceholderError(SyncaraError):
    """Params that cannot be rendered; another attempt with the same data cannot help."""


class MissingPlaceholder(PlaceholderError):
    """A placeholder without a default names what is not there."""


class _Placeholder(msgspec.Struct, frozen=True):
    source: str
    """As written, shortened for messages."""
    path: tuple[str, ...]
    """`("context", "user", "name")`, `("steps", "Load Users", "data", "0")`, `("item",)`."""
    default: str | None


class _Text(msgspec.Struct, frozen=True):
    """A string with placeholders among its text."""

    pieces: tuple[str | _Placeholder, ...]
    secrets: int
    """How often a secret is opened in its text."""


class Template:
    """Params with placeholders, read once and rendered as often as needed."""

    __slots__ = ("_params", "problems", "reads")

    def __init__(self, params: Any, reads: frozenset[tuple[str, str]], problems: tuple[Problem, ...]) -> None:
        self._params = params
        self.reads = reads
        """`("context", key)` and `("steps", name)`."""
        self.problems = problems
        """What is wrong with the params whatever the data; `where` begins with `params`."""

    def render(
        self,
        context: Mapping[str, Any],
        steps: Mapping[str, dict[str, Any]],
        *,
        item: Any = msgspec.UNSET,
        index: int | msgspec.UnsetType = msgspec.UNSET,
    ) -> dict[str, Any]:
        """The params, filled in; `steps[name]` is `{"status": …, "data": …}`.

        What a string that is one placeholder takes is shared with the context and the steps.

        Raises MissingPlaceholder, and PlaceholderError for params with problems, too large or too deep.
        """
        if self.problems:
            first = self.problems[0]
            raise PlaceholderError(first.code, first.message, first.where, first.fix)
        roots = {"context": context, "steps": steps, "item": item, "index": index}
        rendered: dict[str, Any] = _Renderer(roots).value(self._params, 0)
        if len(msgspec.json.encode(rendered)) > PARAMS_BYTES_MAX:
            raise _too_large()
        return rendered


def compile_params(
    params: dict[str, Any], step_names: Collection[str], near: Callable[[str], str] | None = None
) -> Template | None:
    r"""The template of `params`, or None when they hold neither a placeholder nor `\{` and can be used as they are.

    `step_names` are the names that `{steps.…}` may use; a set, or a dict's keys, makes each look-up immediate. `near`
    says what a name that is none of them may mean.
    """
    compiler = _Compiler(step_names, near or partial(nearest, known=step_names))
    compiled = compiler.value(params)
    if not compiler.found:
        return None
    return Template(compiled, frozenset(compiler.reads), tuple(compiler.problems))


class _Compiler:
    """Copies params with every string that has placeholders replaced by a `_Text` or `_Placeholder`."""

    def __init__(self, step_names: Collection[str], near: Callable[[str], str]) -> None:
        self.found = False
        self.reads: set[tuple[str, str]] = set()
        self.problems: list[Problem] = []
        self._step_names = step_names
        self._near = near
        self._path = ["params"]

    def value(self, value: Any) -> Any:
        if len(self.problems) >= PROBLEMS_MAX:
            return value
        if isinstance(value, str):
            return self._text(value) if "{" in value else value
        if not isinstance(value, dict | list | tuple):
            return value
        if len(self._path) > JSON_DEPTH_MAX:
            self._problem("too_deep", f"params are nested deeper than {JSON_DEPTH_MAX} levels", "make them flatter")
            return value
        if isinstance(value, dict):
            return {key: self._entry(key, entry) for key, entry in value.items()}
        return [self._entry(position, entry) for position, entry in enumerate(value)]

    def _entry(self, key: Any, value: Any) -> Any:
        self._path.append(str(key)[:SHOWN_CHARS_MAX])
        compiled = self.value(value)
        self._path.pop()
        return compiled

    def _problem(self, code: str, message: str, fix: str) -> None:
        self.found = True
        self.problems.append(Problem(code=code, where=".".join(self._path), message=message, fix=fix))

    def _text(self, text: str) -> Any:
        pieces: list[str | _Placeholder] = []
        position = 0
        for match in _OPENER.finditer(text):
            self.found = True
            pieces += (text[position : match.start()], self._piece(match))
            position = match.end()
            if len(self.problems) >= PROBLEMS_MAX:
                break
        pieces = [piece for piece in (*pieces, text[position:]) if piece]
        literal = "".join(piece for piece in pieces if isinstance(piece, str))
        if len(pieces) == 1 and not literal:
            return pieces[0]
        if all(isinstance(piece, str) for piece in pieces):
            return literal
        return _Text(tuple(pieces), literal.count(_RESERVED))

    def _piece(self, match: re.Match[str]) -> str | _Placeholder:
        """The placeholder at `match`, or the text that stands for it: a brace, a secret, or what has a problem."""
        source, body = match.group(), match["body"]
        if body is None:
            return "{"
        if not match["end"]:
            return self._malformed(source, "is not closed")
        match match["root"] or match["item"] or match["index"]:
            case "secret" if _SECRET_NAME.fullmatch(body):
                return source
            case "secret":
                return self._malformed(source, "is not the name of a secret")
            case "steps":
                return self._step(source, body)
            case "context":
                return self._path_of(source, ("context",), f".{body}")
            case root:
                return self._path_of(source, (root,), body)

    def _step(self, source: str, body: str) -> str | _Placeholder:
        ends = [end.start() for end in _NAME_END.finditer(body, 0, STEP_NAME_CHARS_MAX)]
        for end in reversed(ends):
            name = body[:end].strip()
            if name in self._step_names:
                return self._path_of(source, ("steps", name), body[end:])
        guess = _STEP_GUESS.split(body, 1)[0].strip()[:NAME_CHARS_MAX]
        message = f"'{_shown(source)}' names no step of this workflow"
        self._problem("unknown_step", message, self._near(guess) or _FORMS)
        return source

    def _path_of(self, source: str, path: tuple[str, ...], rest: str) -> str | _Placeholder:
        """Read `.key`, `[0]` and `['key']` from `rest` on, up to its end or to `|default`."""
        keys: list[str] = []
        position = 0
        while segment := _SEGMENT.match(rest, position):
            name, *others = segment.groups()
            keys.append(name.strip() if name is not None else next(filter(None, others), ""))
            position = segment.end()
        tail = rest[position:].strip()
        if (tail and tail[0] != "|") or "" in keys:
            return self._malformed(source, f"cannot be read at '{_shown(tail or rest)}'")
        path = (*path, *keys)
        if path[0] in ("context", "steps"):
            self.reads.add((path[0], path[1]))
        return _Placeholder(_shown(source), path, tail[1:].strip() if tail else None)

    def _malformed(self, source: str, why: str) -> str:
        self._problem("malformed_placeholder", f"'{_shown(source)}' {why}", _FORMS)
        return source


class _Renderer:
    """Renders once: follows paths from the roots and keeps count of the size."""

    def __init__(self, roots: dict[str, Any]) -> None:
        self._roots = roots
        self._bytes = 0

    def value(self, node: Any, depth: int) -> Any:
        """A copy of `node`, filled in."""
        if isinstance(node, _Placeholder):
            return self._data(self._find(node, whole=True), depth)
        if isinstance(node, _Text):
            return self._text(node)
        if depth > JSON_DEPTH_MAX:
            raise _too_deep()
        self._spend(_bytes_least(node))
        if isinstance(node, Mapping):
            return {key: self.value(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [self.value(value, depth + 1) for value in node]
        return node

    def _data(self, value: Any, depth: int) -> Any:
        """What is filled in, as it is: nothing is left to fill in it, and whoever holds it changes nothing."""
        if not isinstance(value, dict | list | tuple):
            return self.value(value, depth)
        body = msgspec.json.encode(value)
        self._spend(len(body))
        room = JSON_DEPTH_MAX - depth + 1
        if body.count(b"[") + body.count(b"{") >= room and _levels(value) > room:
            raise _too_deep()
        return value

    def _text(self, text: _Text) -> str:
        parts = []
        for piece in text.pieces:
            part = piece if isinstance(piece, str) else _written(self._find(piece, whole=False))
            self._spend(len(part))
            parts.append(part)
        written = "".join(parts)
        # Whoever fills in secrets sees only the result, and could not tell a secret of the author from one in a value.
        if text.secrets and written.count(_RESERVED) != text.secrets:
            message = "a value that goes into the same text as a secret opens a secret itself"
            raise PlaceholderError("secret_in_value", message, fix="give the secret a string of its own")
        return written

    def _spend(self, count: int) -> None:
        self._bytes += count
        if self._bytes > PARAMS_BYTES_MAX:
            raise _too_large()

    def _find(self, placeholder: _Placeholder, *, whole: bool) -> Any:
        value: Any = self._roots
        for position, key in enumerate(placeholder.path):
            found = _entry(value, key)
            if found is msgspec.UNSET:
                if placeholder.default is None:
                    raise _missing(placeholder, position, value)
                return _default(placeholder.default, whole=whole)
            value = found
        return value if value is not None or placeholder.default is None else _default(placeholder.default, whole=whole)


def _entry(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key, msgspec.UNSET)
    if isinstance(value, list | tuple) and _POSITION.fullmatch(key) and -len(value) <= int(key) < len(value):
        return value[int(key)]
    return msgspec.UNSET


def _default(written: str, *, whole: bool) -> Any:
    """JSON keeps its type where the whole string is the placeholder; within text only the quotes of `"…"` go."""
    try:
        value = msgspec.json.decode(written)
    except (msgspec.DecodeError, RecursionError):
        return written
    return value if whole or isinstance(value, str) else written


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return msgspec.json.encode(value).decode()


def _bytes_least(node: Any) -> int:
    """What `node` takes as JSON at the least, without what is in it."""
    if isinstance(node, str):
        return len(node) + 2
    if isinstance(node, int):
        return node.bit_length() // 4 or 1
    if isinstance(node, Mapping):
        return 2 + sum(len(key) for key in node if isinstance(key, str))
    return 1


def _missing(placeholder: _Placeholder, position: int, value: Any) -> MissingPlaceholder:
    """The error for `value`, which the path reached and which has no entry for its key at `position`."""
    owner, key = _shown(".".join(placeholder.path[:position])), placeholder.path[position]
    if position == 0:
        message = f"there is no '{key}' here"
    elif isinstance(value, Mapping):
        message = missing_key(owner, key, value)
    elif isinstance(value, list | tuple):
        message = f"{owner} has {len(value)} entries, so none at '{_shown(key)}'"
    else:
        message = f"{owner} is {kind(value)}, which has no '{_shown(key)}'"
    fix = f"have it set before this step, or write a default: {placeholder.source[:-1]}|…}}"
    return MissingPlaceholder("missing_placeholder", message, placeholder.source, fix)


def _levels(value: Any) -> int:
    """How many levels of values lie in one another; 1 for a value with nothing in it."""
    count, level = 0, [value]
    while level:
        count += 1
        kinds = set(map(type, level))
        lists = [each for each in level if isinstance(each, list | tuple)] if kinds & {list, tuple} else []
        dicts = [each for each in level if isinstance(each, dict)] if dict in kinds else []
        level = [*chain.from_iterable(lists), *chain.from_iterable(map(dict.values, dicts))]
    return count


def _too_deep() -> PlaceholderError:
    return PlaceholderError("too_deep", f"the rendered params are nested deeper than {JSON_DEPTH_MAX} levels")


def _too_large() -> PlaceholderError:
    message = f"the rendered params exceed {PARAMS_BYTES_MAX} bytes"
    return PlaceholderError("params_too_large", message, fix="pass a key or a file name instead of the value")


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 1] + "…"
