r"""Regular expressions in linear time: a pattern becomes a finite automaton that is run as a set of states.

Python's `re` backtracks, so a short hostile pattern can hold the whole process for hours. Here every character of the
subject is looked at once, whatever the pattern; what a character costs is bounded by the automaton's size, and the
total by `REGEX_STEPS_MAX`. In exchange only *whether* a text matches is known, and what needs backtracking
(backreferences, lookaround, atomic groups) is refused.

Syntax: literals, `.`, classes, `\d \w \s \b` and their opposites (ASCII, as in MongoDB), groups, `|`, `* + ? {m,n}`
(lazy forms too), `^`, `$`, and the options i, m, s, also written `(?i)` at the start.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from syncara.core.errors import Problem, ValidationError

REGEX_CHARS_MAX = 1_000
REGEX_SIZE_MAX = 2_000
"""Parts of a pattern with its repeat counts written out; the automaton has at most twice as many states."""
REGEX_GROUP_DEPTH_MAX = 50
REGEX_STEPS_MAX = 1_000_000
"""States that one compiled pattern may visit in all its searches; moves that are known already cost nothing."""
REGEX_MOVES_KEPT_MAX = 20_000
REGEX_COUNT_DIGITS_MAX = 8

Ranges = tuple[tuple[str, str], ...]

_ESCAPED_CHARS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_CLASSES: dict[str, Ranges] = {
    "d": (("0", "9"),),
    "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
    "s": (("\t", "\r"), (" ", " ")),
}
_LAST_CHAR = "\U0010ffff"
_END = ""
_FINAL_NEWLINE = "\n$"
"""Stands for a line break that ends the subject: `$` holds before it too."""


class Chars(NamedTuple):
    """One character out of `ranges`, or, if `negated`, out of all others."""

    ranges: Ranges
    negated: bool = False


class Chain(NamedTuple):
    nodes: list[Node]


class Choice(NamedTuple):
    nodes: list[Node]


class Repeat(NamedTuple):
    node: Node
    least: int
    most: int | None


Edge = str
"""A condition on the place between two characters: `^`, `$`, `b` or `B`."""
Node = Chars | Edge | Chain | Choice | Repeat


def complement(ranges: Ranges) -> Ranges:
    """The characters outside `ranges`, which must be sorted and apart."""
    found, start = [], 0
    for low, high in ranges:
        if ord(low) > start:
            found.append((chr(start), chr(ord(low) - 1)))
        start = ord(high) + 1
    return (*found, (chr(start), _LAST_CHAR))


class _Parser:
    """Reads a pattern from left to right into a tree."""

    def __init__(self, pattern: str, options: str) -> None:
        self.pattern = pattern
        self.options = set(options)
        self.at = 0
        self.depth = 0

    def parse(self) -> Node:
        self._inline_options()
        node = self._choice()
        if self.at < len(self.pattern):
            self._refuse("the ')' closes no group", "write \\) for the character itself")
        return node

    def _inline_options(self) -> None:
        if self.pattern.startswith("(?") and self.pattern[2:3].isalpha():
            end = self.pattern.find(")")
            letters = self.pattern[2:end] if end > 0 else ""
            if letters and set(letters) <= set("ims"):
                self.options |= set(letters)
                self.at = end + 1

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Choice(branches)

    def _sequence(self) -> Node:
        nodes: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            nodes.append(self._repeated(self._atom()))
        return Chain(nodes)

    def _repeated(self, node: Node) -> Node:
        bounds = self._quantifier()
        if bounds is None:
            return node
        least, most = bounds
        if isinstance(node, str):
            self._refuse("nothing to repeat before the quantifier")
        if most is not None and most < least:
            self._refuse(f"the smallest count {least} is above the largest {most}")
        if self._take("+"):
            self._refuse("possessive quantifiers are not supported", "leave out the second '+'")
        self._take("?")  # a lazy quantifier finds another match, never a different answer
        if self._quantifier() is not None:
            self._refuse("a quantifier follows a quantifier", "put the inner part in a group")
        return Repeat(node, least, most)

    def _quantifier(self) -> tuple[int, int | None] | None:
        for sign, bounds in {"*": (0, None), "+": (1, None), "?": (0, 1)}.items():
            if self._take(sign):
                return bounds
        if self.pattern[self.at : self.at + 1] != "{":
            return None
        least, comma, most = self.pattern[self.at + 1 :].partition("}")[0].partition(",")
        digits = least + most
        if "}" not in self.pattern[self.at :] or not least or not (digits.isascii() and digits.isdecimal()):
            return None
        self.at = self.pattern.index("}", self.at) + 1
        if len(digits) > REGEX_COUNT_DIGITS_MAX:
            self._refuse("the repeat count is too large")
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def _atom(self) -> Node:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char == ".":
            return Chars((), negated=True) if "s" in self.options else Chars((("\n", "\n"),), negated=True)
        if char in "^$":
            return char
        if char in "*+?":
            self._refuse("nothing to repeat before the quantifier", f"write \\{char} for the character itself")
        return Chars(((char, char),))

    def _group(self) -> Node:
        if self._take("?") and not self._take(":"):
            self._refuse(
                "lookaround, named and atomic groups, and options in the middle are not supported",
                "use plain groups ( ) or (?: )",
            )
        self.depth += 1
        if self.depth > REGEX_GROUP_DEPTH_MAX:
            self._refuse(f"groups are nested deeper than {REGEX_GROUP_DEPTH_MAX}")
        node = self._choice()
        if not self._take(")"):
            self._refuse("a group is not closed", "add the missing ')'")
        self.depth -= 1
        return node

    def _escape(self) -> Node:
        char = self._next()
        if char in "bB":
            return char
        return Chars(self._escaped(char))

    def _escaped(self, char: str) -> Ranges:
        if char.lower() in _CLASSES:
            ranges = _CLASSES[char.lower()]
            return ranges if char.islower() else complement(ranges)
        if char == "x":
            digits = self._next() + self._next()
            if not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                self._refuse("\\x takes two hexadecimal digits")
            literal = chr(int(digits, 16))
        elif char.isascii() and char.isalnum() and char not in _ESCAPED_CHARS:
            self._refuse(f"\\{char} is not supported", "no backreferences; classes are \\d \\w \\s and their opposites")
        else:
            literal = _ESCAPED_CHARS.get(char, char)
        return ((literal, literal),)

    def _class(self) -> Node:
        negated = self._take("^")
        ranges: list[tuple[str, str]] = []
        first = True
        while first or not self._take("]"):
            first = False
            low = self._member()
            if len(low) == 1 and self.pattern[self.at : self.at + 1] == "-" and self.pattern[self.at + 1 :][:1] != "]":
                self.at += 1
                high = self._member()
                if len(high) != 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1] or low[0][0] > high[0][0]:
                    self._refuse("a class holds a range that does not go from a character up to another")
                ranges.append((low[0][0], high[0][0]))
            else:
                ranges.extend(low)
        return Chars(tuple(ranges), negated)

    def _member(self) -> Ranges:
        char = self._next()
        if char == "[" and self.pattern[self.at : self.at + 1] == ":":
            self._refuse("classes such as [:alpha:] are not supported", "write the ranges, [A-Za-z]")
        if char != "\\":
            return ((char, char),)
        char = self._next()
        return (("\b", "\b"),) if char == "b" else self._escaped(char)

    def _take(self, sign: str) -> bool:
        taken = self.pattern.startswith(sign, self.at)
        self.at += taken
        return taken

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            self._refuse("the pattern ends too early")
        self.at += 1
        return self.pattern[self.at - 1]

    def _refuse(self, message: str, fix: str = "") -> NoReturn:
        raise ValidationError([Problem("bad_regex", f"pattern {self.pattern!r}, character {self.at}", message, fix)])


class _State:
    """A state of the automaton. `kind` is a Chars, an Edge, or None for a free choice among `then`."""

    __slots__ = ("kind", "then")

    def __init__(self, kind: Chars | Edge | None, *then: _State) -> None:
        self.kind = kind
        self.then = list(then)


class _Cluster:
    """The set of states the search is in after a character of the kind `behind`, and the moves found from it."""

    __slots__ = ("behind", "moves", "states")

    def __init__(self, states: frozenset[_State], behind: str) -> None:
        self.states = states
        self.behind = behind
        self.moves: dict[str, _Cluster] = {}


_MATCH = _State(None)
_FOUND = _Cluster(frozenset(), "")


class Regex:
    """A compiled pattern. Not for use by two threads at once: it remembers the moves it has found.

    Raises ValidationError, code `bad_regex`, for syntax outside the subset or a pattern over the limits.
    """

    def __init__(self, pattern: str, options: str = "") -> None:
        self.pattern = pattern
        if len(pattern) > REGEX_CHARS_MAX:
            self._refuse("bad_regex", f"longer than {REGEX_CHARS_MAX} characters")
        parser = _Parser(pattern, options)
        tree = parser.parse()
        self._folds = "i" in parser.options
        self._multiline = "m" in parser.options
        self._size = 0
        self._steps = 0
        self._start = self._build(tree, _MATCH)
        self._forget()

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`. Raises ValidationError, code `regex_too_expensive`."""
        cluster = self._cluster(frozenset(), "^")
        final = text.endswith("\n")
        for char in text[:-1] if final else text:
            cluster = cluster.moves.get(char) or self._move(cluster, char)
            if cluster is _FOUND:
                return True
        if final:
            cluster = self._move(cluster, _FINAL_NEWLINE)
        return cluster is _FOUND or self._move(cluster, _END) is _FOUND

    def _build(self, node: Node, then: _State) -> _State:
        """The states of `node`, the last of which lead to `then`; returns the first."""
        self._size += 1
        if self._size > REGEX_SIZE_MAX:
            self._refuse("bad_regex", f"grows to more than {REGEX_SIZE_MAX} parts", "use smaller repeat counts")
        if isinstance(node, Chain):
            for part in reversed(node.nodes):
                then = self._build(part, then)
            return then
        if isinstance(node, Choice):
            return _State(None, *(self._build(branch, then) for branch in node.nodes))
        if isinstance(node, Repeat):
            return self._build_repeat(node, then)
        return _State(node, then)

    def _build_repeat(self, node: Repeat, then: _State) -> _State:
        if node.most is None:
            first = _State(None)
            first.then = [self._build(node.node, first), then]
        else:
            first = then
            for _ in range(node.most - node.least):
                first = _State(None, self._build(node.node, first), then)
        for _ in range(node.least):
            first = self._build(node.node, first)
        return first

    def _forget(self) -> None:
        self._clusters: dict[tuple[frozenset[_State], str], _Cluster] = {}
        self._moves = 0

    def _cluster(self, states: frozenset[_State], behind: str) -> _Cluster:
        return self._clusters.setdefault((states, behind), _Cluster(states, behind))

    def _move(self, cluster: _Cluster, ahead: str) -> _Cluster:
        """Where the character `ahead` leads from `cluster`; `_FOUND` when a match ends before it."""
        if cluster is _FOUND:
            return _FOUND
        reached = self._closure(cluster, ahead)
        if _MATCH in reached:
            target = _FOUND
        else:
            next_states = (state.then[0] for state in reached if self._accepts(state.kind, ahead))
            target = self._cluster(frozenset(next_states), _behind(ahead))
        self._moves += 1
        if self._moves > REGEX_MOVES_KEPT_MAX:
            self._forget()
        cluster.moves[ahead] = target
        return target

    def _closure(self, cluster: _Cluster, ahead: str) -> set[_State]:
        """Every state reached without a character; the search may also begin here, hence the start state."""
        reached = {self._start, *cluster.states}
        open_states = list(reached)
        while open_states:
            state = open_states.pop()
            if isinstance(state.kind, Chars):
                continue
            if isinstance(state.kind, str) and not self._holds(state.kind, cluster.behind, ahead):
                continue
            fresh = [then for then in state.then if then not in reached]
            reached.update(fresh)
            open_states.extend(fresh)
        self._steps += len(reached)
        if self._steps > REGEX_STEPS_MAX:
            self._refuse("regex_too_expensive", "too much work for the texts searched", "use a simpler pattern")
        return reached

    def _accepts(self, kind: Chars | Edge | None, ahead: str) -> bool:
        if not isinstance(kind, Chars) or ahead == _END:
            return False
        char = ahead[0]
        forms = {char, char.lower(), char.upper()} if self._folds else {char}
        return kind.negated != any(low <= form <= high for form in forms if len(form) == 1 for low, high in kind.ranges)

    def _holds(self, edge: str, behind: str, ahead: str) -> bool:
        if edge == "^":
            return behind == "^" or (self._multiline and behind == "\n")
        if edge == "$":
            return ahead in (_END, _FINAL_NEWLINE) or (self._multiline and ahead == "\n")
        return ((behind == "w") != (_behind(ahead) == "w")) == (edge == "b")

    def _refuse(self, code: str, message: str, fix: str = "") -> NoReturn:
        raise ValidationError([Problem(code, f"pattern {self.pattern[:100]!r}", message, fix)])


def _behind(char: str) -> str:
    """All that edges ask of the character behind them: `w`, a line break, or something else."""
    if any(low <= char <= high for low, high in _CLASSES["w"]):
        return "w"
    return "\n" if char in ("\n", _FINAL_NEWLINE) else ""
