"""The language of conditions: a small, closed part of Python's expressions over `context` and `steps`.

    condition = compile_condition("context.get('user_count') > 10")
    condition({"user_count": 12}, {})        # True
    condition.reads                          # frozenset({("context", "user_count")})

In it: constants (also true, false and null), and/or/not, comparisons, in, is None, arithmetic, `a if b else c`, lists,
tuples, sets, objects, subscripts, `.key` (a key of an object, never a Python attribute), and the functions and methods
of `expression_values`. Everything else is refused when the condition is compiled. Nothing in it can change a value.
"""

from __future__ import annotations

import ast
import functools
import keyword
import re
from typing import Any

from syncara.core.errors import ConditionError
from syncara.core.expression_compiler import DEPTH_MAX, EXAMPLE, SIMPLER, Compiler, Run
from syncara.core.expression_values import ConditionFailed

__all__ = ["Condition", "ConditionFailed", "compile_condition"]

SOURCE_CHARS_MAX = 2_000
TOKENS_MAX = 500
CACHED_MAX = 1_024

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>\.?[0-9](?:[eE][+-][0-9]|[A-Za-z0-9_.])*)
    | (?P<text>'(?:[^'\\\r\n\x00\ud800-\udfff]|\\['"\\nrt])*'|"(?:[^"\\\r\n\x00\ud800-\udfff]|\\['"\\nrt])*")
    | (?P<mistake>===|!==|&&|\|\||=>|=<|<>|!(?!=)|=(?!=)|&|\|)
    | (?P<operator>==|!=|<=|>=|[-+*/%<>@^~()\[\]{},:.])
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MISTAKES = {
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
    "=": "==",
    "&&": "and",
    "&": "and",
    "AND": "and",
    "||": "or",
    "|": "or",
    "OR": "or",
    "!": "not",
    "NOT": "not",
}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_PREFIXES = frozenset({"b", "f", "r", "t", "u", "br", "fr", "rb", "rf", "rt", "tr"})
_PLACEHOLDER = re.compile(r"\{\s*(?:context|steps)\b")
_ONE_LINE = str.maketrans("\r\n", "  ")


class Condition:
    """A compiled condition: call it with the context and the steps."""

    __slots__ = ("_run", "reads", "text")

    def __init__(self, text: str, run: Run, reads: frozenset[tuple[str, str | None]]) -> None:
        self.text = text
        self.reads = reads
        """`("context", key)` and `("steps", name)`; None for the key when all of it, or a computed key, is read."""
        self._run = run

    @property
    def step_names(self) -> frozenset[str]:
        """The steps that the condition names."""
        return frozenset(key for root, key in self.reads if root == "steps" and key is not None)

    def __call__(self, context: dict[str, Any], steps: dict[str, Any]) -> bool:
        """Whether it holds, by truthiness; `steps[name]` is `{"status": …, "data": …}`. Changes neither.

        Raises ConditionFailed when it cannot be evaluated: a missing key, `None > 10`, a limit.
        """
        try:
            return bool(self._run(context, steps))
        except RecursionError:
            raise ConditionFailed("the data is nested too deeply to be compared") from None

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"


def compile_condition(text: str) -> Condition:
    """The condition of a text of at most 2,000 characters; the same object again for the same text, while cached.

    Raises ConditionError, with the column, for whatever the language does not have.
    """
    if not isinstance(text, str):
        raise _error("not_text", f"a condition is text, not {type(text).__name__}", 0, "put the condition in quotes")
    if len(text) > SOURCE_CHARS_MAX:
        message = f"the condition has {len(text)} characters, the limit is {SOURCE_CHARS_MAX}"
        raise _error("too_long", message, SOURCE_CHARS_MAX, SIMPLER)
    try:
        return _compile(text)
    except (RecursionError, MemoryError):  # How deep parsing may go also depends on the caller's own stack.
        raise _too_complex(0) from None


@functools.lru_cache(maxsize=CACHED_MAX)
def _compile(text: str) -> Condition:
    if not text.strip():
        raise _error("empty", "the condition is empty", 0, "write a condition, or leave the field out")
    placeholder = _PLACEHOLDER.search(text)
    if placeholder:
        message = "conditions read values by name, they hold no {placeholders}"
        fix = "leave out the braces (and the quotes around them): context.name"
        raise _error("placeholder", message, placeholder.start(), fix)
    _check_tokens(text)
    # In parentheses and on one line, line breaks and leading spaces mean nothing and columns stay countable.
    source = f"({text.translate(_ONE_LINE)})"
    tree = _parse(source)
    compiler = Compiler(source)
    run = compiler.compile(tree)
    _check_outcome(tree)
    return Condition(text, run, frozenset(compiler.reads))


def _parse(source: str) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except SyntaxError as error:
        index = min(max((error.offset or 0) - 2, 0), len(source) - 2)
        message = "the condition cannot be read from here on"
        raise _error("syntax", message, index, "write one expression, its parts joined with and, or, not") from None


def _check_outcome(tree: ast.expr) -> None:
    """Refuse what would be true whatever the data: a condition in quotes of its own, conditions in a row."""
    is_text = isinstance(tree, ast.Constant) and isinstance(tree.value, str)
    if is_text or isinstance(tree, ast.Tuple | ast.List | ast.Set | ast.Dict):
        message = f"a condition is true or false, not {'text' if is_text else 'a list or an object'}"
        raise _error("not_a_condition", message, 0, "join the parts with and, or; put no quotes around the whole")


def _check_tokens(text: str) -> None:
    """Refuse whatever is no token of the language.

    The parser of Python then never sees what it would warn about (odd escapes, `1if`), fail on in other ways than
    SyntaxError (null bytes, surrogates, huge integers, deep nesting), or understand as something else.
    """
    brackets: list[tuple[str, int]] = []
    before, before_end, position, count = "", 0, 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _bad_character(text[position], position)
        token, kind = match.group(), match.lastgroup
        if kind == "operator":
            _check_bracket(token, position, brackets)
        elif kind == "mistake" or (token in _MISTAKES and before != "."):
            raise _error("syntax", f"'{token}' is no operator here", position, f"write {_MISTAKES[token]}")
        elif kind == "number" and not _NUMBER.fullmatch(token):
            fix = "write a plain decimal number such as 12 or 2.5; a position in a list is written [0]"
            raise _error("bad_number", f"'{token[:40]}' is not a number here", position, fix)
        elif kind == "text" and before_end == position and before.lower() in _PREFIXES:
            raise _error("not_allowed", f"text has no prefix '{before}' here", position - len(before), "leave it out")
        elif kind == "name" and before == "." and keyword.iskeyword(token):
            raise _error(
                "reserved_word", f"'.{token}' cannot be written", position, f"write ['{token}'] without the dot"
            )
        position = match.end()
        if kind != "space":
            before, before_end, count = token, position, count + 1
            if count > TOKENS_MAX:
                raise _too_complex(match.start())
    if brackets:
        raise _error("syntax", f"'{brackets[-1][0]}' is never closed", brackets[-1][1], "close it, or leave it out")


def _check_bracket(token: str, position: int, brackets: list[tuple[str, int]]) -> None:
    if token in _CLOSING:
        brackets.append((token, position))
        if len(brackets) > DEPTH_MAX:
            raise _too_complex(position)
    elif token in _CLOSING.values() and (not brackets or _CLOSING[brackets.pop()[0]] != token):
        raise _error("syntax", f"'{token}' closes nothing", position, "leave it out, or open it before")


def _bad_character(character: str, position: int) -> ConditionError:
    if character in "'\"":
        message = "the text in quotes is not closed, or holds a line break or an escape"
        fix = "close it; only these escapes may be in it: \\\\ \\' \\\" \\n \\r \\t"
        return _error("bad_text", message, position, fix)
    fix = "write a if test else b" if character == "?" else "leave it out"
    if not character.isascii():
        fix = "use straight quotes ' or \", and context['…'] for a key with other letters than a to z"
    return _error("bad_character", f"{character!r} is not part of the condition language", position, fix)


def _too_complex(position: int) -> ConditionError:
    message = f"the condition has more than {TOKENS_MAX} words and signs, or {DEPTH_MAX} levels"
    return _error("too_complex", message, position, SIMPLER)


def _error(code: str, message: str, index: int, fix: str) -> ConditionError:
    return ConditionError(code, message, index + 1, fix, EXAMPLE)
