"""What the grammar takes, and the author of a reply can hardly have meant.

Only replies of an assistant are looked at with this suspicion: refusing costs one turn, and doing something that was
not meant cannot be taken back. Each check has a way to write the same thing so that it is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from syncara.commands.draft import Draft
from syncara.commands.registry import Command, Field
from syncara.commands.sheets import Sheet
from syncara.core.check import shown
from syncara.core.errors import Problem
from syncara.core.model import CONDITION_CHECK, DELAY, Step
from syncara.core.placeholders import compile_params
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.scanner import Call

_THOUSANDS = re.compile(r"(?:[a-z_]+\s*=\s*)?[\"']?(\d{1,3}(?:\.\d{3})+)[\"']?")
_THOUSANDS_IN_JSON = re.compile(r"[:\[,]\s*(\d{1,3}\.\d\d0)\s*[,}\]]")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,4});")
_INVISIBLE = re.compile(r"[\u200b\u2060\ufeff\u00ad]|(?<=[\x21-\x7e])[\u200c\u200d](?=[\x21-\x7e])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Nobody writes these: they come of a single backslash in JSON, as in `C:\\backup`."""
_MARKDOWN = re.compile(r"\\[_*~`&#|>!.()+=-]")
_BLANK = re.compile(
    r"<[^\W\d_][^<>]*>|\[[^\W\d_][^\[\]{}\"]*\]|_{2,}|\.{3}|…|\{[a-z][a-z _]*\}|TO[D]O|TBD|[Xx]{3,}|YOUR_[A-Z_]+"
    r"|\((?:isi|insert|masukkan|your|fill|enter)\b[^()]*\)",
    re.IGNORECASE,
)
_ANGLED = (
    r"<(?!(?:/|b|i|u|s|a|p|em|strong|br|code|pre|li|ul|ol|h[1-6]|span|div|img|td|tr|table)\b)[^\W\d_][\w -]{0,40}>"
)
_SQUARED = (
    r"\[(?:your|the|insert|enter|fill|name|customer|company|date|time|link|url|nama|isi|masukkan|tanggal|jam|jumlah"
    r"|alamat|nomor|judul)\b[^\[\]{}\"]{0,40}\](?!\()"
)
_BLANK_WITHIN = re.compile(
    rf"{_ANGLED}|{_SQUARED}|_{{3,}}|[/=]\.{{3}}(?!\w)|\bYOUR_[A-Z_]+\b",
    re.IGNORECASE,
)
_BACKTICKED = re.compile(r"(?<!`)(?P<ticks>`{1,3})(?!`)[^`]+(?P=ticks)")
"""People are to see it as it is written."""
_USAGE = r"(?<![\w/.:<])`?/[a-z]\w*(?:@\w+)?(?![\w/])(?:`[^`\n]*`|[^\n.,:;!?]|[.,;!?](?=\S)|:(?![\s/])|(?<=[>\]]),)*+"
"""A command that people type, as in `/register <name>`, and what follows it in its line up to the end of a clause."""
_GLUED = r"(?<=[^\W\d_])(?<!\brp)(?:<[^<>\n]{0,60}>|\[[^\[\]\n]{0,60}\])"
"""`List<Int>`, and not `Rp<total>`."""
_LINE_TO_WRITE_ON = (
    r"[^\s_][ \t]{0,8}:[ \t]{0,8}_{3,}|^[ \t]{0,8}(?:\d{1,3}[.)]|[-•*])[ \t]{0,8}_{3,}|^[ \t]{0,8}_{3,}(?=[ \t]*$)"
)
"""`Name: ____`, `1. ____`, and a line of nothing else. In the midst of a sentence, a word was left out."""
_BLANK_WHERE_READ = re.compile(
    rf"{_USAGE}|{_BACKTICKED.pattern}|(?P<url>://\S+)|{_GLUED}|{_LINE_TO_WRITE_ON}"
    rf"|(?P<blank>{_ANGLED}|{_SQUARED}|_{{3,}}|\bYOUR_(?!\w*(?:KEY|TOKEN|SECRET|PASSWORD)\b)[A-Z_]+\b)",
    re.IGNORECASE | re.MULTILINE,
)
"""Takes along what is no blank in a text that people read. A key that is theirs is for them to put in."""
_CLOSING_TAG = re.compile(r"</([a-z][\w-]*)>", re.IGNORECASE)
_FILLER = re.compile(r"(?:[._…xX\s]|TO[D]O|TBD)+", re.IGNORECASE)
"""A blank in a field that needs a value, and a text like any other where people only read it."""
_KEY_OF_PROSE = re.compile(
    r"(?:\w+_)?(?:text|message|title|content|body|data|json|form|value|default|description|caption|subject|summary|note"
    r"|comment)s?",
    re.IGNORECASE,
)
_KEY_OF_NEEDED = re.compile(r"(?:id|name|url|uri|link|address|email|phone|token|key|path)s?$", re.IGNORECASE)
"""What does not work without a value, also within a text's data."""
_KEY_OF_TEXT = re.compile(
    r"(?:\w+_)?(?:text|message|title|content|description|caption|subject|summary|note|comment)s?", re.IGNORECASE
)
_KEYS_OF_STEPS = frozenset({"steps", "params", "tasks", "items"})
_SAYING = frozenset({"send_message", "log", "notification"})
_OR_BACKTICKS = ", or put it between backticks if people are to see it so"
_REPEATED_CHARS_MAX = 40
_NOTHING = re.compile(
    r"none|null|nil|n/?a|empty|undefined|-+|–|—|(?:tidak ada|kosong|tanpa|no|without|belum ada)"
    r"(?: (?:description|deskripsi|keterangan|condition|kondisi|syarat))?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"\d[\d.,_]*\s*[^\W\d_]{0,8}")
_LABEL = re.compile(r"(?:^|[,;|&]\s*)([^\W\d][\w-]{0,30})\s*=(?!=)")
WRAPPED = re.compile(r"(?P<mark>`{1,3}|\*{1,3}|_{1,3}|~~)(?P<text>[^`*~]+)(?P=mark)")
"""Emphasis of Markdown around the whole of a text."""
_COLON = re.compile(r"(?<!\\):")
_SPACED = re.compile(r":[ \t]")
_WORD = re.compile(r"[^\W\d]\w{1,30}")
_REFERENCE = re.compile(r"(?:workflow|execution|message)_id|step_?\d{1,4}(?:_id)?", re.IGNORECASE)
_ESCAPED = "\\:"
_CREATE = "MULTISTEP:CREATE_WORKFLOW"
_FOREIGN_KEY = re.compile(
    r"\.(?:length|size|count|isEmpty)\b(?!\s*\()"
    r"|\bsteps(?:\[[^\[\]]*\]|\.get\([^()]*\)|\.\w+)\.(?!(?:status|data|get|keys|values|items)\b)\w+|\bsteps\[\s*\d+\s*\]"
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def of_call(call: Call, command: Command, text: str) -> Iterator[CodeProblem]:
    """What is suspicious in the fields of one code. `text` is the reply."""
    for field in command.fields:
        if field.name not in call.args:
            continue
        value, (start, end) = call.args[field.name], call.spans[field.name]
        found = (
            _of_number(field, text[start:end])
            or _of_field(field, value, command)
            or _of_colons(field, text, (start, end), command)
            or _of_texts(field, value, call)
        )
        if found is not None:
            code, message, fix = found
            yield CodeProblem(
                code=code,
                where=f"field '{field.name}'",
                message=f"'{field.name}' {message}",
                fix=fix,
                position=(start, end),
                shortcode=call.shortcode,
                field=field.name,
                read=shown(value),
            )

    both = {"timeout", "max_parallel"} <= call.args.keys()
    if call.shortcode == _CREATE and both and call.args["max_parallel"] > call.args["timeout"]:
        yield CodeProblem(
            code="suspicious_number",
            where="field 'timeout'",
            message="'timeout' is smaller than 'max_parallel': the seconds come first, then how many steps at once",
            fix="write them in this order",
            position=(call.spans["timeout"][0], call.spans["max_parallel"][1]),
            shortcode=call.shortcode,
            field="timeout",
        )


_Suspicion = tuple[str, str, str]
"""A problem's code, message and fix."""


def _of_number(field: Field, written: str) -> _Suspicion | None:
    found = None
    if field.form in ("number", "integer", "moment"):
        found = _THOUSANDS.fullmatch(written.strip())
    elif field.form == "json":
        found = _THOUSANDS_IN_JSON.search(written)
    if found is None:
        return None
    number = found[1]
    message = f"has the number {number}, which may be read as a fraction or as thousands"
    plain = number.rstrip("0") if number.endswith("0") else f"{number}0"
    return "suspicious_number", message, f"write {number.replace('.', '')}, or {plain.rstrip('.')}"


def _of_field(field: Field, value: Any, command: Command) -> _Suspicion | None:
    if not isinstance(value, str):
        return None
    if field.form == "moment":
        return _without_zone(value)
    if field.form != "text" or field.refers is not None:
        return None
    if not field.required and _NOTHING.fullmatch(value):
        return (
            "suspicious_text",
            f"is {_repeated(value)}, a word for nothing",
            "leave the field empty: two colons in a row",
        )
    if field.name == "description" and _AMOUNT.fullmatch(value) and _is_amount(value):
        return "suspicious_text", f"is {value!r}: was the field before it left out?", "leave a field empty with ::"
    if WRAPPED.fullmatch(value) and not (field.name == "description" and _BLANK.fullmatch(value.strip("`"))):
        return "suspicious_text", f"is {_repeated(value)}, with signs of Markdown around it", "write it without"
    if field.name == "condition" and (key := foreign_key(value)):
        return "suspicious_condition", f"reads {key} as a key of the context", "write len(…), or ['key'] for a key"
    for label in _LABEL.finditer(value):
        if _is_label(label[1], command):
            return "suspicious_text", f"has {label.group()!r}, which looks like a label", "write the value alone"
    return None


def _of_colons(field: Field, text: str, at: tuple[int, int], command: Command) -> _Suspicion | None:
    """A colon that nobody escaped, and that may separate fields, or may not."""
    if field.form != "text" or field.refers is not None:
        return None
    start, end = at
    parts = [part.strip() for part in _COLON.split(text[start:end])]
    if any(_REFERENCE.fullmatch(part) for part in parts[1:]):
        return "suspicious_text", "has a colon and then the name of a field's value", f"write {_ESCAPED} in a text"
    if len(parts) > 1 and _is_label_of_text(parts[0], command):
        return "suspicious_text", f"begins with {parts[0]!r}, which looks like a label", "write the value alone"
    before = text[:start].rstrip()
    spaced = text[len(before) : start].isspace() and before.endswith(":")
    tight = command.positional and field.name != command.positional[0].name and not _SPACED.search(before[:-1])
    if field.name == "description" and spaced and tight:
        return (
            "suspicious_text",
            "has a space before it: the colon may belong to the name",
            f"write {_ESCAPED} in a text",
        )
    return None


def _is_label_of_text(label: str, command: Command) -> bool:
    from syncara.shortcodes.repair.words import field_of  # noqa: PLC0415 - hardly ever needed

    if _WORD.fullmatch(label) is None:
        return False
    field = field_of(command, label, alike=1.0)
    return field is not None and field.form == "text" and field.refers is None


def foreign_key(condition: str) -> str | None:
    """`.length` and the like, which other languages have, and which is read as a key here."""
    found = _FOREIGN_KEY.search(_QUOTED.sub("''", condition))
    return None if found is None else found.group()


def _without_zone(value: str) -> _Suspicion | None:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    if at.tzinfo is not None:
        return None
    return "no_zone", f"is {value!r}, in nobody knows which time zone", "add the zone, such as +07:00, or Z for UTC"


def _is_amount(value: str) -> bool:
    from syncara.shortcodes.repair.values import number  # noqa: PLC0415 - hardly ever needed

    return number(value) is not None


def _is_label(label: str, command: Command) -> bool:
    from syncara.shortcodes.repair.words import field_of  # noqa: PLC0415 - hardly ever needed

    return field_of(command, label) is not None


def _of_texts(field: Field, value: Any, call: Call) -> _Suspicion | None:
    """In any text of a field, also within JSON."""
    may_be_form = field.form != "rest" and field.refers is None
    says = call.args.get("handler") in _SAYING
    for text, keys in _texts(value, (field.name,)):
        read = _is_read(keys) or (says and keys == ("items",))
        way_out = _OR_BACKTICKS if read else ""
        blank = _blank(text, read=read) if may_be_form else None
        if blank is not None and not (_FILLER.fullmatch(text) and _is_prose(keys)):
            return (
                "blank",
                f"has {_repeated(blank)}, a blank that was to be filled in",
                f"write what belongs there{way_out}",
            )
        plain = _BACKTICKED.sub("`", text) if read else text
        if (entity := _ENTITY.search(plain)) is not None and not (read and _CLOSING_TAG.search(plain)):
            return "suspicious_text", f"has {entity.group()}, an escape of HTML", f"write the character itself{way_out}"
        if _INVISIBLE.search(text) is not None:
            return "suspicious_text", "has a character that cannot be seen", "write it without"
        if (control := _CONTROL.search(text)) is not None:
            message = f"has the control character {control.group()!r}"
            return "suspicious_text", message, "in JSON, write two backslashes for one"
        if field.form == "text" and (escape := _MARKDOWN.search(plain)) is not None:
            return "suspicious_text", f"has {escape.group()}, an escape of Markdown", "write it without the backslash"
    return None


def _blank(text: str, *, read: bool) -> str | None:
    """What was to be filled in and is not. In a text that people only `read` it can be what they are to see."""
    if (whole := _BLANK.fullmatch(text)) is not None:
        return whole.group()
    within = _BLANK_WITHIN.search(text)
    if within is None or not read:
        return within and within.group()
    tags = {f"<{name}>" for name in _CLOSING_TAG.findall(text)}
    for found in _BLANK_WHERE_READ.finditer(text):
        if found["url"] and (within := _BLANK_WITHIN.search(found["url"])) is not None:
            return within.group()
        if found["blank"] and found["blank"] not in tags:
            return found["blank"]
    return None


def _repeated(text: str) -> str:
    return repr(text if len(text) <= _REPEATED_CHARS_MAX else f"{text[: _REPEATED_CHARS_MAX - 1]}…")


def _is_read(keys: tuple[str, ...]) -> bool:
    """Whether it is the text of a step or of a definition, which does nothing but be read."""
    return bool(keys) and _KEY_OF_TEXT.fullmatch(keys[-1]) is not None and _KEYS_OF_STEPS.issuperset(keys[:-1])


def _is_prose(keys: tuple[str, ...]) -> bool:
    """Whether anything may stand there: a text, or data."""
    return any(map(_KEY_OF_PROSE.fullmatch, keys)) and _KEY_OF_NEEDED.search(keys[-1]) is None


def _texts(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each text, and the keys that lead to it; a key is a text without any."""
    if isinstance(value, str):
        yield value, keys
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key, ()
            yield from _texts(each, (*keys, key))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, keys)


# Of the reply as a whole.


def of_draft(draft: Draft) -> Iterator[tuple[int, Problem]]:
    """What is suspicious in the steps that a reply adds, and in what they are added to; with the number of the code."""
    yield from _too_early(draft)
    for sheet in draft.sheets:
        keys = context_keys(draft, sheet)
        for step in sheet.steps[sheet.stored :]:
            place = sheet.places.get(step.name)
            found = None if place is None else _of_step(step, keys, sheet)
            if place is not None and found is not None:
                code, message, fix = found
                yield place, Problem(code, f"step '{step.name}', field 'params'", message, fix)


def _too_early(draft: Draft) -> Iterator[tuple[int, Problem]]:
    """`workflow_id` before the workflow that the reply makes: it means an older one, which was hardly meant."""
    made = [sheet.place for sheet in draft.sheets if sheet.new]
    for place in sorted(draft.latest_used):
        if made and place < min(made):
            message = "`workflow_id` stands before the workflow that this reply makes, and means an older one"
            yield (
                place,
                Problem("alias_too_early", "workflow_id", message, "put it behind, or write the workflow's name"),
            )


def context_keys(draft: Draft, sheet: Sheet) -> set[str]:
    """The keys that a reply itself puts into the context of a workflow's runs."""
    found = {key for start in draft.starts if start.sheet is sheet for key in start.started.context}
    found |= {step.save_as for step in sheet.steps if step.save_as}
    return found | {
        str(step.params["key"]) for step in sheet.steps if step.handler == "set_context" and "key" in step.params
    }


def _of_step(step: Step, keys: Collection[str], sheet: Sheet) -> _Suspicion | None:
    if step.handler == CONDITION_CHECK:
        key = foreign_key(str(step.params.get("condition", "")))
        message = f"the condition reads {key} as a key of the context"
        return None if key is None else ("suspicious_condition", message, "write len(…)")
    if step.handler == DELAY:
        return None
    for text, keys_to_text in _texts(step.params):
        read = _is_read(keys_to_text)
        plain = _BACKTICKED.sub("`", text) if read else text
        for found in FOREIGN.finditer(plain) if _MAY_BE_FOREIGN.search(plain) else ():
            meant = meant_placeholder(found, keys, lambda name: _step_named(name, sheet))
            if meant is not None:
                message = f"{found.group()!r} in the params looks like a placeholder, and is read as something else"
                way_out = _OR_BACKTICKS if read else ""
                return "suspicious_placeholder", message, f"write {meant}, or \\{{ for a brace that is text{way_out}"
    return None


def _step_named(written: str, sheet: Sheet) -> str | None:
    number = _STEP_ALIAS.fullmatch(written)
    if number is not None and 0 < int(number[1]) <= len(sheet.steps):
        return sheet.steps[int(number[1]) - 1].name
    return written if written in sheet.names else None


# Placeholders that are written in another way.

_MAY_BE_FOREIGN = re.compile(r"[{}%<$\[]")
FOREIGN = re.compile(
    r"(?P<mark>[$#]?)(?P<open>\{{1,3})\s*(?P<braces>[^{}\n]{1,120}?)\s*\}{1,3}"
    r"|%(?P<percent>[^\W\d]\w*)%|%\((?P<python>[^\W\d]\w*)\)s|<(?P<angle>[^\W\d]\w*)>|\[{1,2}(?P<square>[^\W\d]\w*)\]{1,2}"
    r"|\$(?P<dollar>[^\W\d]\w*(?:\.\w+)*)|<%=?\s*(?P<erb>[^\W\d][\w.]*)\s*%>"
    r"|(?<![\w.{])(?P<unopened>(?:context|steps)\.[\w.\[\]]+)\}"
)
_PROPER = re.compile(r"context\.|steps\.|secret\.|item(?:[.\[|]|$)|index(?:\||$)")
_CONTEXT = re.compile(r"(?:context|ctx|konteks|variables|vars)\s*(?=[.\[:]|->)(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_STEP = re.compile(r"(?:steps?|langkah)\s*(?=[.\[])(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_STEP_ALIAS = re.compile(r"(?:steps?|langkah)[ _]?(\d{1,4})(?:_?id)?", re.IGNORECASE)
_GET = re.compile(r"\.get\(\s*['\"]([^'\"]*)['\"]\s*(?:,\s*([^()]*))?\)")
_INDEX = re.compile(r"\[\s*['\"]?([^\[\]'\"]*)['\"]?\s*\]")
_DATA = re.compile(r"\.(?:data|status|result|output|hasil)\b|[.\[]")
_RESULT = re.compile(r"^\.(?:result|output|hasil)\b")
_OR = re.compile(r"\s*(?:\?\?|\|\||\bor\b)\s*['\"]?([^'\"]*)['\"]?$")
_PLAIN_PATH = re.compile(r"(?:\.[^\s.\[\]|{}'\"]+|\[-?\d+\])+(?:\|.*)?", re.DOTALL)

_MARKED = ("percent", "python", "angle", "square", "dollar", "erb", "unopened")

StepName = Callable[[str], str | None]
"""The name of the step that a text means; None when it means none."""


def meant_placeholder(found: re.Match[str], keys: Collection[str], step_name: StepName) -> str | None:
    """The placeholder that a match of FOREIGN was meant to be; None where it is one already, or is plain text."""
    if found.string.endswith("\\", 0, found.start()):
        return None
    inner = found["braces"]
    strange = True
    if inner is None:
        inner = next(each for name in _MARKED if (each := found[name]))
        sure = found["dollar"] or found["erb"] or found["unopened"]
        if not sure and inner not in keys:
            return None
    else:
        strange = bool(found["mark"]) or len(found["open"]) > 1 or inner[0] in "$%="
        inner = inner.strip("$%= ")
    meant = _meant(inner, keys, step_name, strange=strange and not found["dollar"])
    return None if meant in (None, found.group()) else meant


def _meant(inner: str, keys: Collection[str], step_name: StepName, *, strange: bool) -> str | None:
    proper = _PROPER.match(inner)
    if proper is not None and proper.group() not in ("steps.", "context.") and not strange:
        return None
    if (context := _CONTEXT.fullmatch(inner)) is not None:
        path = _path(context["path"])
        return None if path is None else f"{{context{path}}}"
    if (alias := _STEP_ALIAS.match(inner)) is not None and inner[alias.end() : alias.end() + 1] in ("", "."):
        name = step_name(alias.group())
        return None if name is None else _of_step_named(name, inner[alias.end() :])
    if (step := _STEP.fullmatch(inner)) is not None:
        return _of_step_path(step["path"], step_name)
    name, rest = _split_name(inner)
    name = next((key for key in keys if key.casefold() == name.casefold()), name)
    if name in keys or (strange and re.fullmatch(r"[^\W\d]\w*", inner)):
        path = _path(f".{name}{rest}")
        return None if path is None else f"{{context{path}}}"
    if (end := inner.find(".data")) > 0 and (own := step_name(inner[:end].strip())) is not None:
        return _of_step_named(own, inner[end:])
    return None


def _split_name(inner: str) -> tuple[str, str]:
    found = re.match(r"[^\W\d]\w*", inner)
    return ("", "") if found is None else (found.group(), inner[found.end() :])


def _path(written: str) -> str | None:
    """A path as it is to be written: `.user.name|default`; None when it cannot be told."""
    path = _GET.sub(
        lambda found: f".{found[1]}" + (f"|{found[2].strip(chr(34) + chr(39))}" if found[2] else ""), written
    )
    default = _OR.search(path)
    if default is not None:
        path = f"{path[: default.start()]}|{default[1]}"
    head, bar, tail = path.replace("->", ".").partition("|")
    head = _INDEX.sub(lambda found: found.group() if found[1].lstrip("-").isdigit() else f".{found[1]}", head)
    head = re.sub(r"\.{2,}", ".", re.sub(r"^:\s*", ".", head.strip()))
    return head + bar + tail.strip() if _PLAIN_PATH.fullmatch(head) else None


def _of_step_path(path: str, step_name: StepName) -> str | None:
    """`.Load Users.data[0]`, `['Load Users'].data`, `[0].data`."""
    if path.startswith("["):
        index = _INDEX.match(path)
        if index is None:
            return None
        written, rest = index[1], path[index.end() :]
        name = step_name(written) or (step_name(f"step{int(written) + 1}") if written.isdigit() else None)
        return None if name is None else _of_step_named(name, rest)
    ends = [*(found.start() for found in _DATA.finditer(path, 1)), len(path)]
    exact = [end for end in reversed(ends) if step_name(path[1:end].strip()) == path[1:end].strip()]
    for end in [*exact, *ends]:
        name = step_name(path[1:end].strip())
        if name is not None:
            return _of_step_named(name, path[end:])
    return None


def _of_step_named(name: str, rest: str) -> str | None:
    rest = _RESULT.sub(".data", rest.strip()) or ".data"
    if not rest.startswith((".data", ".status", "|")):
        rest = f".data{rest}"
    path = _path(rest) if not rest.startswith("|") else rest
    if path is None:
        return None
    whole = f"{{steps.{name}{path}}}"
    return whole if compile_params({"": whole}, {name}) is not None else None
