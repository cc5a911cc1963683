"""Conditions in other languages than the one of conditions: JavaScript, SQL, templates, plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from syncara.core.errors import ConditionError
from syncara.core.expressions import compile_condition
from syncara.shortcodes.repair import words
from syncara.shortcodes.suspicions import foreign_key

CHARS_MAX = 1_000
"""Longer ones are not translated."""
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_SMART = str.maketrans({**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("‘’‚‛", "'"), "≥": ">=", "≤": "<=", "≠": "!="})
_BRACES = re.compile(r"['\"]?[$#]?\{\{?\s*([^{}]*?)\s*\}?\}['\"]?")
_PREFIX = re.compile(
    r"^\s*(?:return|if|when|only if|jika|kalau|bila|apabila)\b\s*|\s*(?:;|\bthen\b|\bmaka\b)\s*$", re.IGNORECASE
)
_TERNARY = re.compile(r"^(.+?)\?(?![.?])(.+?):(.+)$", re.DOTALL)
_PATH = r"[A-Za-z_][\w.]*(?:\[[^\[\]]*\])?(?:\.get\([^()]*\))?(?:\.\w+)*"
_OPERAND = rf"(?:{_PATH}|\0\d+\0)"

_WORDS: tuple[tuple[str, str], ...] = (
    (r"(?<!\bdan)(?<!\batau)(?<!\band)(?<!\bor)(?<=[\w\0\])])\s+bukan(?=\s)", " !="),
    *((rf"\b(?:is )?(?:{'|'.join(said)})(?!\w)", sign) for sign, said in words.comparisons().items()),
    (rf"({_OPERAND})\s+(?:is not empty|not empty|isn't empty|tidak kosong)\b", r"len(\1) != 0"),
    (rf"({_OPERAND})\s+(?:is empty|kosong)\b", r"len(\1) == 0"),
    (rf"({_OPERAND})\s+(?:is )?(?:between|antara)\s+(\S+)\s+(?:and|dan)\s+(\S+)", r"\2 <= \1 <= \3"),
    (r"(?i)\bis not null\b|\bis not undefined\b", "is not None"),
    (r"(?i)\bis null\b|\bis undefined\b", "is None"),
    (r"\bis not\b(?!\s+None\b)", "!="),
    (r"\bis\b(?!\s+(?:not\s+)?None\b)", "=="),
    (r"\bdan\b|\band also\b|\bAND\b", "and"),
    (r"\batau\b|\bOR\b", "or"),
    (r"\btidak\b|\bbukan\b|\bNOT\b", "not"),
    (r"\bIN\b", "in"),
    (r"\b(?:undefined|nil|NULL|none|Null|NONE)\b", "None"),
    (r"\b(?:TRUE|benar|ya|yes)\b", "true"),
    (r"\b(?:FALSE|salah)\b", "false"),
)
_SIGNS: tuple[tuple[str, str], ...] = (
    (r"===", "=="),
    (r"!==", "!="),
    (r"<>", "!="),
    (r"=>(?!=)", ">="),
    (r"=<", "<="),
    (r"&&?", " and "),
    (r"\|\|?", " or "),
    (r"!(?!=)\s*", " not "),
    (r"(?<![<>=!])=(?!=)", "=="),
    (r"\?\.", "."),
)
_METHODS: tuple[tuple[str, str], ...] = (
    (rf"({_OPERAND})\.(?:includes|contains|has|indexOf)\(([^()]*)\)\s*(?:!==?\s*-1|>=\s*0|>\s*-1)", r"(\2 in \1)"),
    (rf"({_OPERAND})\.indexOf\(([^()]*)\)\s*(?:===?\s*-1|<\s*0)", r"(\2 not in \1)"),
    (rf"({_OPERAND})\.(?:includes|contains|has)\(([^()]*)\)", r"\2 in \1"),
    (rf"({_OPERAND})\s+(?:contains|includes|has|berisi|mengandung|memuat)\s+(\0\d+\0|[\w.]+)", r"\2 in \1"),
    (rf"({_OPERAND})\.(?:length|size|count|len)(?:\(\))?(?!\w|\()", r"len(\1)"),
    (r"\.(?:toLowerCase|lowercase|toLower|casefold)\(\)", ".lower()"),
    (r"\.(?:toUpperCase|uppercase|toUpper)\(\)", ".upper()"),
    (r"\.trim\(\)", ".strip()"),
    (r"\.startsWith\(", ".startswith("),
    (r"\.endsWith\(", ".endswith("),
    (r"\b(?:parseInt|Number)\(", "int("),
    (rf"({_OPERAND})\s+(?:exists|is set|is defined|ada|tersedia)\b", r"\1 is not None"),
    (rf"typeof\s+({_OPERAND})\s*!=\s*\0\d+\0", r"\1 is not None"),
)
_COMPARED = re.compile(r"(?:==|!=)\s*\Z")
_NAME = re.compile(r"(?<![\w.\0])\$?([A-Za-z_]\w*)(?!\w|\s*\()")
_ROOTS = {
    **dict.fromkeys(("context", "ctx", "konteks", "vars", "variables", "data"), "context"),
    **dict.fromkeys(("steps", "step", "langkah"), "steps"),
}
_RESERVED = frozenset(
    {"context", "steps", "and", "or", "not", "in", "is", "if", "else", "true", "false", "null", "True", "False", "None"}
)
_STEP_ALIAS = re.compile(r"(?:step|langkah)s?_?\d{1,4}(?:_?id)?", re.IGNORECASE)
_OF_STEP = r"(?=\.(?:status|data|result|output)\b)"
_STEP = re.compile(
    rf"\bsteps?\.\s*(?P<dotted>[^'\"\[\]<>=!&|()]+?){_OF_STEP}"
    r"|\bsteps(?:\[|\.get\()(?P<mark>['\"])(?P<quoted>[^'\"]*)(?P=mark)[\])]"
    rf"|(?<![\w.'\"\]])(?P<bare>[A-Za-z]\w*(?: \w+)*){_OF_STEP}",
    re.IGNORECASE,
)

StepName = Callable[[str], str | None]
"""The step of a workflow that a text names, in whatever way."""


def mend(written: str, keys: Collection[str], step_name: StepName) -> str | None:
    """A condition that can be compiled; None when there is none. `keys`: of the context, as far as they are known."""
    if len(written) > CHARS_MAX:
        return None
    if is_fine(written, step_name):
        return written
    found = _translated(written, keys, step_name)
    return found if is_fine(found, step_name) else None


def is_fine(condition: str, step_name: StepName) -> bool:
    """Whether it can be compiled, and names steps that there are."""
    try:
        compiled = compile_condition(condition)
    except ConditionError:
        return False
    return all(step_name(name) == name for name in compiled.step_names) and foreign_key(condition) is None


def _translated(written: str, keys: Collection[str], step_name: StepName) -> str:
    text = written.translate(_SMART).strip()
    text = _PREFIX.sub("", _BRACES.sub(r"\1", text))
    text = _with_named_steps(text, step_name)
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found.group())
        return f"\0{len(kept) - 1}\0"

    text = _TEXT.sub(keep, text)
    for pattern, replacement in (*_SIGNS, *_WORDS, *_METHODS):
        text = re.sub(pattern, replacement, text)
    if (ternary := _TERNARY.match(text)) is not None:
        text = f"({ternary[2].strip()}) if ({ternary[1].strip()}) else ({ternary[3].strip()})"
    text = _NAME.sub(lambda found: _name(found, keys), text)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\0(\d+)\0", lambda found: kept[int(found[1])], text)


def _with_named_steps(text: str, step_name: StepName) -> str:
    """Steps by the names that they have, in brackets, and what came of them as their data."""

    def named(found: re.Match[str]) -> str:
        written = (found["dotted"] or found["quoted"] or "").strip()
        name, head = step_name(written) if written else None, ""
        if found["bare"]:
            said = found["bare"].split(" ")
            ends = (" ".join(said[start:]) for start in range(len(said)))
            written = next((end for end in ends if step_name(end) == end or _STEP_ALIAS.fullmatch(end)), "")
            name, head = step_name(written), found["bare"].removesuffix(written)
        return found.group() if name is None else f"{head}{_step(name)}"

    return re.sub(r"(steps\['[^']*'\])\.(?:result|output)\b", r"\1.data", _STEP.sub(named, text))


def _step(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"steps['{escaped}']"


def _name(found: re.Match[str], keys: Collection[str]) -> str:
    """A bare name as what it stands for: a root, a step, or a key of the context."""
    name = found[1]
    if name in _RESERVED:
        return name
    follows = found.string[found.end() : found.end() + 1]
    if name not in keys and _COMPARED.search(found.string, 0, found.start()) and follows not in (".", "["):
        return f"'{name}'"
    if name.casefold() in _ROOTS and name not in keys and follows in (".", "["):
        return _ROOTS[name.casefold()]
    return f"context.get('{name}')"
