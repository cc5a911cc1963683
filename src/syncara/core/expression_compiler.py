"""From the syntax tree of a condition to closures, through a whitelist: what has no builder here is refused.

A closure takes (context, steps) and returns a value. On the way the compiler notes what the condition reads.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from syncara.core import expression_values as values
from syncara.core.errors import ConditionError, nearest

NODES_MAX = 200
DEPTH_MAX = 30
LABEL_CHARS_MAX = 60

Run = Callable[[dict[str, Any], dict[str, Any]], Any]

EXAMPLE = "context.get('user_count', 0) > 10 and steps['Load Users'].status == 'completed'"
SIMPLER = "compute the value in a step of its own, with save_as, and compare that"
_ROOTS = ("context", "steps")
_CONSTANTS = {"true": True, "false": False, "null": None}
"""The spellings of JSON, which models mix into Python."""

_UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Not: "not"}
_BINARY = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARISONS = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_IDENTITY = {"is": "==", "is not": "!="}
_OUTSIDE = {
    ast.Lambda: "a lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.NamedExpr: "an assignment",
    ast.Starred: "unpacking with *",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
}


class Compiler:
    """Compiles one condition. `source` is what was parsed: the condition on one line, in parentheses."""

    def __init__(self, source: str) -> None:
        self.reads: set[tuple[str, str | None]] = set()
        self._source = source.encode()
        self._nodes = 0
        self._depth = 0
        self._uses = 0

    def compile(self, node: ast.expr) -> Run:
        """The closure of `node`. Raises ConditionError for anything outside the language or its limits."""
        self._nodes += 1
        self._depth += 1
        if self._nodes > NODES_MAX or self._depth > DEPTH_MAX:
            message = f"the condition has more than {NODES_MAX} parts, or {DEPTH_MAX} levels"
            raise self._refusal(node, "too_complex", message, SIMPLER)
        build = _BUILDERS.get(type(node))
        if build is None:
            raise self._outside(node, _OUTSIDE.get(type(node), "this"))
        uses = self._uses
        run = build(self, node)
        self._depth -= 1
        return run if self._uses > uses else self._fold(node, run)

    def _fold(self, node: ast.expr, run: Run) -> Run:
        """Evaluate a part that reads nothing, once and now."""
        try:
            value = run({}, {})
        except values.ConditionFailed as failure:
            fix = "this part can never be evaluated, whatever the data: correct it"
            raise self._refusal(node, "cannot_evaluate", str(failure), fix) from None
        return lambda _context, _steps: value

    def _refusal(self, node: ast.expr, code: str, message: str, fix: str) -> ConditionError:
        # The tree counts bytes of UTF-8 from 0, people count characters from 1, and the first one is our parenthesis.
        start = node.col_offset
        if isinstance(node, ast.Attribute) and node.end_col_offset is not None:
            start = node.end_col_offset - len(node.attr)
        column = len(self._source[:start].decode())
        return ConditionError(code, message, max(column, 1), fix, EXAMPLE)

    def _outside(self, node: ast.expr, what: str) -> ConditionError:
        functions = ", ".join(values.FUNCTIONS)
        return self._refusal(
            node,
            "not_allowed",
            f"{what} is not part of the condition language",
            f"use comparisons, and/or/not, arithmetic and these functions: {functions}",
        )

    def _constant(self, node: ast.Constant) -> Run:
        value = node.value
        if type(value) not in (bool, int, float, str, type(None)):
            raise self._outside(node, repr(value)[:LABEL_CHARS_MAX])
        too_large = value.bit_length() > values.INT_BITS_MAX if type(value) is int else False
        if too_large or (type(value) is float and not math.isfinite(value)):
            message = f"a number in a condition has at most {values.INT_BITS_MAX} bits"
            raise self._refusal(node, "number_too_large", message, "write a smaller number")
        return lambda _context, _steps: value

    def _name(self, node: ast.Name) -> Run:
        name = node.id
        if name in _CONSTANTS:
            value = _CONSTANTS[name]
            return lambda _context, _steps: value
        if name not in _ROOTS:
            raise self._unknown_name(node)
        self._note(name, None)
        return (lambda context, _steps: context) if name == "context" else (lambda _context, steps: steps)

    def _unknown_name(self, node: ast.Name) -> ConditionError:
        if node.id in values.FUNCTIONS:
            fix = f"call it: {node.id}(...)"
        else:
            fix = nearest(node.id, (*_ROOTS, "True", "False", "None")) or (
                f"for a context key write context.get('{node.id[:LABEL_CHARS_MAX]}'); text needs quotes"
            )
        return self._refusal(node, "unknown_name", f"there is no name '{node.id[:LABEL_CHARS_MAX]}' here", fix)

    def _attribute(self, node: ast.Attribute) -> Run:
        if node.attr.startswith("__"):
            raise self._outside(node, f"'.{node.attr[:LABEL_CHARS_MAX]}'")
        return self._field(node.value, node.attr)

    def _field(self, owner: ast.expr, key: str) -> Run:
        field, label = values.field, self._label(owner)
        match self._root_read(owner, key):
            case "context":
                return lambda context, _steps: field(context, key, label)
            case "steps":
                return lambda _context, steps: field(steps, key, label)
        value = self.compile(owner)
        return lambda context, steps: field(value(context, steps), key, label)

    def _label(self, node: ast.expr) -> str:
        text = self._source[node.col_offset : node.end_col_offset].decode()
        return text if len(text) <= LABEL_CHARS_MAX else text[: LABEL_CHARS_MAX - 1] + "…"

    def _root_read(self, owner: ast.expr, key: str) -> str | None:
        """`context` or `steps` when `owner` is that name, noting that `key` of it is read."""
        if not isinstance(owner, ast.Name) or owner.id not in _ROOTS:
            return None
        self._note(owner.id, key)
        return owner.id

    def _note(self, root: str, key: str | None) -> None:
        self.reads.add((root, key))
        self._uses += 1

    def _subscript(self, node: ast.Subscript) -> Run:
        key = _text(node.slice)
        if key is not None:
            return self._field(node.value, key)
        value, position = self.compile(node.value), self.compile(node.slice)
        item, label = values.item, self._label(node.value)
        return lambda context, steps: item(value(context, steps), position(context, steps), label)

    def _slice(self, node: ast.Slice) -> Run:
        start, stop, step = (
            self.compile(part) if part is not None else _null for part in (node.lower, node.upper, node.step)
        )
        return lambda context, steps: slice(start(context, steps), stop(context, steps), step(context, steps))

    def _call(self, node: ast.Call) -> Run:
        if node.keywords:
            raise self._outside(node, "a keyword argument")
        match node.func:
            case ast.Name(id=name):
                return self._function(node, name)
            case ast.Attribute(value=owner, attr=name):
                return self._method(node, owner, name)
        raise self._outside(node, "calling a value")

    def _function(self, node: ast.Call, name: str) -> Run:
        function = values.FUNCTIONS.get(name)
        if function is None:
            raise self._unknown_call(node, "function", name, tuple(values.FUNCTIONS))
        self._check_arguments(node, f"{name}()", function.least, function.most)
        call, apply = values.call, function.apply
        arguments = [self.compile(argument) for argument in node.args]
        return lambda context, steps: call(name, apply, [argument(context, steps) for argument in arguments])

    def _method(self, node: ast.Call, owner: ast.expr, name: str) -> Run:
        method = values.METHODS.get(name)
        if method is None:
            raise self._unknown_call(node, "method", name, tuple(values.METHODS))
        self._check_arguments(node, f".{name}()", method.least, method.most)
        key = _text(node.args[0]) if name == "get" else None
        root = self._root_read(owner, key) if key is not None else None
        if key is not None and root is not None:
            default = self.compile(node.args[1]) if len(node.args) > 1 else _null
            return _root_get(root, key, default)
        call = values.call_method
        arguments = [self.compile(argument) for argument in (owner, *node.args)]
        return lambda context, steps: call(name, [argument(context, steps) for argument in arguments])

    def _check_arguments(self, node: ast.Call, label: str, least: int, most: int) -> None:
        if not least <= len(node.args) <= most:
            takes = str(least) if least == most else f"{least} to {most}"
            message = f"{label} takes {takes} arguments, not {len(node.args)}"
            raise self._refusal(node, "wrong_arguments", message, f"give {label} {takes} arguments")

    def _unknown_call(self, node: ast.Call, what: str, name: str, known: tuple[str, ...]) -> ConditionError:
        message = f"there is no {what} '{name[:LABEL_CHARS_MAX]}'"
        fix = f"{nearest(name[:LABEL_CHARS_MAX], known)} There are: {', '.join(known)}".strip()
        return self._refusal(node.func, f"unknown_{what}", message, fix)

    def _compare(self, node: ast.Compare) -> Run:
        pairs = [(_COMPARISONS[type(op)], right) for op, right in zip(node.ops, node.comparators, strict=True)]
        for symbol, right in pairs:
            if symbol in _IDENTITY and not _is_singleton(right):
                message = f"'{symbol}' compares with None, True or False only"
                raise self._refusal(right, "not_allowed", message, f"write {_IDENTITY[symbol]}")
        if len(pairs) == 1:
            return self._membership(node) or self._comparison(node.left, *pairs[0])
        first = self.compile(node.left)
        rest = [(values.COMPARISONS[symbol], self.compile(right)) for symbol, right in pairs]

        def run(context: dict[str, Any], steps: dict[str, Any]) -> bool:
            left = first(context, steps)
            for compare, operand in rest:
                right = operand(context, steps)
                if not compare(left, right):
                    return False
                left = right
            return True

        return run

    def _comparison(self, left: ast.expr, symbol: str, right: ast.expr) -> Run:
        first, second, compare = self.compile(left), self.compile(right), values.COMPARISONS[symbol]
        return lambda context, steps: compare(first(context, steps), second(context, steps))

    def _membership(self, node: ast.Compare) -> Run | None:
        """`'key' in context`, which reads that key alone; None for any other comparison."""
        op, key = node.ops[0], _text(node.left)
        if key is None or not isinstance(op, ast.In | ast.NotIn):
            return None
        root, wanted = self._root_read(node.comparators[0], key), isinstance(op, ast.In)
        match root:
            case "context":
                return lambda context, _steps: (key in context) is wanted
            case "steps":
                return lambda _context, steps: (key in steps) is wanted
        return None

    def _boolean(self, node: ast.BoolOp) -> Run:
        parts, stops_at = [self.compile(part) for part in node.values], isinstance(node.op, ast.Or)

        def run(context: dict[str, Any], steps: dict[str, Any]) -> Any:
            value = None
            for part in parts:
                value = part(context, steps)
                if bool(value) is stops_at:
                    break
            return value

        return run

    def _unary(self, node: ast.UnaryOp) -> Run:
        symbol = _UNARY.get(type(node.op))
        if symbol is None:
            raise self._outside(node, "'~'")
        operate, operand = values.UNARY[symbol], self.compile(node.operand)
        return lambda context, steps: operate(operand(context, steps))

    def _binary(self, node: ast.BinOp) -> Run:
        symbol = _BINARY.get(type(node.op))
        if symbol is None:
            raise self._outside(node, "this operator")
        if symbol == "%" and _text(node.left) is not None:
            raise self._outside(node, "formatting text with %")
        operate, left, right = values.BINARY[symbol], self.compile(node.left), self.compile(node.right)
        return lambda context, steps: operate(left(context, steps), right(context, steps))

    def _conditional(self, node: ast.IfExp) -> Run:
        test, then, other = self.compile(node.test), self.compile(node.body), self.compile(node.orelse)
        return lambda context, steps: then(context, steps) if test(context, steps) else other(context, steps)

    def _list(self, node: ast.List) -> Run:
        parts = [self.compile(part) for part in node.elts]
        return lambda context, steps: [part(context, steps) for part in parts]

    def _tuple(self, node: ast.Tuple) -> Run:
        parts = [self.compile(part) for part in node.elts]
        return lambda context, steps: tuple([part(context, steps) for part in parts])

    def _set(self, node: ast.Set) -> Run:
        parts, call = [self.compile(part) for part in node.elts], values.call
        return lambda context, steps: call("set", set, [[part(context, steps) for part in parts]])

    def _dict(self, node: ast.Dict) -> Run:
        if None in node.keys:
            raise self._outside(node, "unpacking with **")
        pairs = [
            (self.compile(key), self.compile(value)) for key, value in zip(node.keys, node.values, strict=True) if key
        ]
        call = values.call
        return lambda context, steps: call("dict", dict, [[(k(context, steps), v(context, steps)) for k, v in pairs]])


_BUILDERS: dict[type[ast.expr], Callable[[Compiler, Any], Run]] = {
    ast.Constant: Compiler._constant,
    ast.Name: Compiler._name,
    ast.Attribute: Compiler._attribute,
    ast.Subscript: Compiler._subscript,
    ast.Slice: Compiler._slice,
    ast.Call: Compiler._call,
    ast.Compare: Compiler._compare,
    ast.BoolOp: Compiler._boolean,
    ast.UnaryOp: Compiler._unary,
    ast.BinOp: Compiler._binary,
    ast.IfExp: Compiler._conditional,
    ast.List: Compiler._list,
    ast.Tuple: Compiler._tuple,
    ast.Set: Compiler._set,
    ast.Dict: Compiler._dict,
}


def _null(_context: dict[str, Any], _steps: dict[str, Any]) -> Any:
    return None


def _root_get(root: str, key: str, default: Run) -> Run:
    if root == "context":
        return lambda context, steps: context[key] if key in context else default(context, steps)
    return lambda context, steps: steps[key] if key in steps else default(context, steps)


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_singleton(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _CONSTANTS
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))
