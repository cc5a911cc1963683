"""Codes in the wrong place: in a sentence, before what they need, twice, in a circle, inside another code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from syncara.commands.sheets import Sheet
from syncara.core.graph import topological
from syncara.shortcodes.mentions import is_mentioned
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.repair import words
from syncara.shortcodes.repair.edits import Edit
from syncara.shortcodes.repair.known import ADD_STEP, CREATE, Known
from syncara.shortcodes.repair.writing import write
from syncara.shortcodes.scanner import Call

STEERING = ("MULTISTEP:CANCEL", "MULTISTEP:PAUSE", "MULTISTEP:RESUME", "MULTISTEP:UNSCHEDULE")
"""A reply that starts a run hardly steers it at once: such a code in a sentence is talked about."""

_MARKER = re.compile(r"[ \t]*(?:(?:[-*+•]|\d+[.)]|#+|>)[ \t]*)*[*_]*\Z")
_FAMILY = re.compile(r"\[\w+:\s*")
_FIRST_FIELD = re.compile(r"\[[\w\s]+:[\w\s]+:\s*")
_WRAPPED = re.compile(r"[ \t\"'“”‘’«»()\[\]{}<>*_|~]*(?:</?\w+>)?[ \t\"'“”‘’«»()|.,;!]*")
_FIELDS_FOLLOW = re.compile(r"[\]}]*\s*:[^\s\]:]")

Problems = Mapping[int, Sequence[CodeProblem]]


def in_sentence(known: Known, place: int) -> Edit | None:
    """A code on a line of its own, where it acts; between backticks, where it is only talked about."""
    text, call = known.paper.text, known.paper.calls[place]
    start, end = call.span
    code = text[start:end]
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    before, after = text[line_start:start], text[end:line_end]
    if call.alone or before.lstrip().startswith("|") or before.rstrip().endswith("~~"):
        return Edit(start, end, f"`{code}`")
    if _WRAPPED.fullmatch(before) and _WRAPPED.fullmatch(after):
        return Edit(line_start, line_end, code)
    started = [start.place for start in known.draft.starts if start.started.start_at is None]
    is_of_this_reply = bool(started) and call.args.get("execution_id") == "execution_id"
    if is_mentioned(text, start, end) or (is_of_this_reply and call.shortcode in STEERING):
        return Edit(start, end, f"`{code}`")
    head = "" if _MARKER.fullmatch(before) else "\n"
    stripped = len(before) - len(before.rstrip())
    gap = len(after) - len(after.lstrip())
    return Edit(start - (stripped if head else 0), end + gap, f"{head}{code}\n" if after.strip() else f"{head}{code}")


def fields_follow(text: str, end: int) -> bool:
    """Whether a bracket closed a code too early."""
    return _FIELDS_FOLLOW.match(text, end) is not None


# The order of codes.


def late_steps(known: Known, problems: Problems) -> Iterator[Edit]:
    """Starts that come before the last step of what they start, moved behind it."""
    late: dict[str, list[int]] = {}
    for place, wrong in problems.items():
        sheet = known.sheet(place)
        if sheet is not None and any(problem.code == "late_step" for problem in wrong):
            late.setdefault(sheet.id, []).append(place)
    for sheet_id, places in late.items():
        starts = [start.place for start in known.draft.starts if start.sheet.id == sheet_id and start.place < places[0]]
        if len(starts) == 1:
            yield _moved(known, starts[0], places[-1])


def too_early(known: Known, place: int) -> Edit | None:
    """A code before the workflow that it needs: moved behind its last step."""
    calls = known.paper.calls
    if calls[place].args.get("workflow_id") != "workflow_id" or known.commands[calls[place].shortcode].kind == "acts":
        return None
    made = [number for number, call in enumerate(calls) if call.shortcode == CREATE and number > place]
    if not made:
        return None
    following = [number for number in range(made[0], len(calls)) if calls[number].shortcode in (CREATE, ADD_STEP)]
    ends = [number for number in following if calls[number].shortcode == CREATE and number > made[0]]
    own = [number for number in following if not ends or number < ends[0]]
    return _moved(known, place, own[-1])


def _moved(known: Known, place: int, to: int) -> Edit:
    """The stretch of the text in which a code is moved behind another one."""
    text, calls = known.paper.text, known.paper.calls
    start, end = _line_of(text, *calls[place].span)
    code = text[slice(*calls[place].span)]
    stop = calls[to].span[1]
    return Edit(start, stop, f"{text[end:stop]}\n{code}")


def _line_of(text: str, start: int, end: int) -> tuple[int, int]:
    """A code with the rest of its line, where there is nothing else on it; its line break included."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    if _MARKER.fullmatch(text[line_start:start]) and not text[end:line_end].strip():
        return line_start, min(line_end + 1, len(text))
    return start, end


# Steps that there are already, and steps in a circle.


def duplicate(known: Known, place: int) -> Edit | None:
    """The second step of a name: another name, or nothing where it is the same step again."""
    calls = known.paper.calls
    call, steps = calls[place], known.steps(place).positions
    name = call.args.get("name")
    if _is_there(known, place) or any(each.args == call.args and each.shortcode == ADD_STEP for each in calls[:place]):
        return _dropped(known, place)
    if not isinstance(name, str):
        return None
    number = next(number for number in range(2, len(steps) + 3) if f"{name} {number}" not in steps)
    renamed = {**call.args, "name": f"{name} {number}"}
    return Edit(*call.span, write(known.commands[ADD_STEP], renamed))


def _is_there(known: Known, place: int) -> bool:
    """Whether the workflow has had the step before the reply, as the code adds it."""
    args, sheet = known.paper.calls[place].args, known.sheet(place)
    step = (
        next((each for each in sheet.steps[: sheet.stored] if each.name == args.get("name")), None) if sheet else None
    )
    if sheet is None or step is None or not args.keys() <= {"workflow_id", "name", "handler", "params", "dependencies"}:
        return False
    waits = {each.name for each in sheet.steps if each.id in step.dependencies}
    said = {known.steps(place).called(each) for each in args.get("dependencies", ())}
    return (step.handler, step.params, waits) == (args.get("handler"), args.get("params", {}), said)


def _dropped(known: Known, place: int) -> Edit | None:
    """A code left out: what is written instead is the code beside it."""
    text, calls = known.paper.text, known.paper.calls
    start, _ = _line_of(text, *calls[place].span)
    if place:
        before = calls[place - 1].span[0]
        return Edit(before, calls[place].span[1], text[before:start].rstrip())
    if len(calls) == 1:
        return None
    after = calls[1].span
    return Edit(calls[0].span[0], after[1], text[slice(*after)])


def circle(known: Known, place: int) -> Iterator[Edit]:
    """Steps that wait for one another: none of them for one that comes after it, unless both orders are as likely."""
    sheet = next((each for each in known.draft.sheets if each.place == place), None)
    if sheet is None:
        return
    ahead = _ahead(sheet)
    if any(_is_mutual(sheet, name, target, known.prose) for name, later in ahead.items() for target in later):
        return
    for name, wrong in ahead.items():
        if (own := sheet.places.get(name)) is not None:
            call = known.paper.calls[own]
            kept = [each for number, each in enumerate(call.args["dependencies"]) if number not in wrong]
            args = {key: kept if key == "dependencies" else each for key, each in call.args.items()}
            yield Edit(*call.span, write(known.commands[ADD_STEP], args))


def _is_mutual(sheet: Sheet, name: str, place: int, prose: str) -> bool:
    """Whether a step and the one it waits for wait for each other, and the prose does not name them in their order."""
    steps = {step.name: step for step in sheet.steps}
    ids = {step.id: step for step in sheet.steps}
    target = ids[steps[name].dependencies[place]]
    first, second = (_first_mention(each.name, prose) for each in (steps[name], target))
    return steps[name].id in target.dependencies and not 0 <= first < second


def _first_mention(name: str, prose: str) -> int:
    """Where prose has the first of the words of a name; -1: nowhere."""
    found = [prose.casefold().find(word) for word in words.parts(name) if len(word) > 2]  # noqa: PLR2004 - `of` is everywhere
    return min((at for at in found if at >= 0), default=-1)


def _ahead(sheet: Sheet) -> dict[str, set[int]]:
    """For each step in a circle which of its dependencies, by their places among them, come after it."""
    order = {step.id: number for number, step in enumerate(sheet.steps)}
    waits = [tuple(order[each] for each in step.dependencies if each in order) for step in sheet.steps]
    followers: list[list[int]] = [[] for _ in waits]
    for number, needed in enumerate(waits):
        for each in needed:
            followers[each].append(number)
    waited_for = [tuple(each) for each in followers]
    circled = set(range(len(waits))) - {*topological(waits, followers), *topological(waited_for, waits)}
    found = {}
    for number in circled:
        step = sheet.steps[number]
        targets = [order[each] for each in step.dependencies]
        later = {place for place, target in enumerate(targets) if target > number and target in circled}
        if later:
            found[step.name] = later
    return found


# Codes inside codes.


def nested(known: Known, place: int) -> Edit | None:
    """A code as a field of another: before it, and named in it by its alias."""
    text, calls = known.paper.text, known.paper.calls
    if place + 1 >= len(calls):
        return None
    outer, inner = calls[place], calls[place + 1]
    before = text[outer.span[0] : inner.span[0]]
    closing = re.compile(r"[^\[\]\n]*\]").match(text, inner.span[1])
    if "\n" in before or closing is None or inner.error is not None:
        return None
    end = closing.end()
    if _FAMILY.fullmatch(before) is not None:
        return Edit(outer.span[0], end, text[slice(*inner.span)])
    command = known.commands.get(outer.shortcode)
    if command is None or _FIRST_FIELD.fullmatch(before) is None:
        return None
    refers = next((field.refers for field in command.fields if field.required and field.refers), None)
    alias = f"{refers}_id" if refers in ("workflow", "execution") else ""
    makes = "execution" if _starts(known, inner) else "workflow"
    own = inner.args.get("workflow_id") if refers == "workflow" and makes == "execution" else None
    outside = f"{before}{own or alias}{closing.group()}"
    return Edit(outer.span[0], end, outside if own else f"{text[slice(*inner.span)]}\n{outside}")


def _starts(known: Known, call: Call) -> bool:
    return call.shortcode not in (CREATE, ADD_STEP) and known.commands[call.shortcode].kind == "makes"
