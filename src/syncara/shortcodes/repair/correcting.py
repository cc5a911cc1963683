"""One round of corrections: for each code that is wrong, what is to stand in its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from syncara.shortcodes.paper import Paper
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.repair import STEPS_MAX, mending, naming, placing, reading
from syncara.shortcodes.repair.edits import Edit
from syncara.shortcodes.repair.known import Known, Work
from syncara.shortcodes.repair.loose_json import Hopeless, Unclosed
from syncara.shortcodes.repair.reading import Said
from syncara.shortcodes.repair.writing import write

_RESHAPED = frozenset(
    {
        "missing_field",
        "wrong_type",
        "unknown_handler",
        "unknown_dependency",
        "not_found",
        "unknown_status",
        "quota_exceeded",
        "suspicious_number",
        "suspicious_text",
    }
)
"""Problems that may come from a field in the place of another."""
_NAMELESS = frozenset({"missing_field", "empty_name"})


def edits(paper: Paper, work: Work) -> list[Edit]:
    """What to change in the text. Codes that cannot be read come first: what they say may put the others right."""
    known = Known(paper, work)
    problems: dict[int, list[CodeProblem]] = {}
    for found in paper.found:
        problems.setdefault(found.place, []).append(found.problem)
    unread = [place for place in problems if paper.calls[place].error is not None]
    first = [edit for place in unread if (edit := _read_again(known, place)) is not None]
    if first:
        return first
    moved = list(placing.late_steps(known, problems))
    return moved or [
        edit
        for place, wrong in problems.items()
        if paper.calls[place].error is None
        for edit in _corrected(known, place, wrong)
    ]


def _read_again(known: Known, place: int) -> Edit | None:
    """A code that could not be read, as it was meant."""
    call = known.paper.calls[place]
    assert call.error is not None
    if call.error.code in ("unclosed", "unknown_command") and (outside := placing.nested(known, place)) is not None:
        return outside
    found = _reading(known, place)
    if found is None or (call.error.code == "cut_off" and not _is_whole(known, found)):
        return None
    return _edit(known, place, found.codes, found.start, found.end)


def _reading(known: Known, place: int) -> reading.Reading | None:
    with suppress(Hopeless):
        return reading.read(known, place)
    return None


def _is_whole(known: Known, found: reading.Reading) -> bool:
    """Whether a code at the end of a reply was written to its end, and only its bracket is missing."""
    written = known.paper.text[found.start : found.end]
    command, args = found.codes[0]
    last = args.get(command.positional[-1].name) if command.positional else None
    if isinstance(last, dict | list):
        return not isinstance(last, Unclosed) and written.rstrip().endswith(("}", "]"))
    if found.complete or written.endswith("]"):
        return written.count("{") == written.count("}") or "}" in written[-3:]
    end = written.rpartition(":")[2].strip()
    return end in ("workflow_id", "execution_id") and end in args.values()


def _corrected(known: Known, place: int, wrong: list[CodeProblem]) -> Iterator[Edit]:
    """A code that can be read."""
    codes = {problem.code for problem in wrong}
    call = known.paper.calls[place]
    if "in_sentence" in codes:
        edit = _misplaced(known, place)
    elif "dependency_cycle" in codes:
        yield from placing.circle(known, place)
        return
    elif codes & {"not_found", "alias_too_early"} and (early := placing.too_early(known, place)) is not None:
        edit = early
    elif "duplicate_step" in codes:
        edit = placing.duplicate(known, place)
    else:
        said = _reshaped(known, place, wrong)
        edit = None if said is None else _edit(known, place, said, *call.span)
    if edit is not None:
        yield edit


def _misplaced(known: Known, place: int) -> Edit | None:
    call = known.paper.calls[place]
    if placing.fields_follow(known.paper.text, call.span[1]):
        found = _reading(known, place)
        if found is not None and found.end > call.span[1]:
            return _edit(known, place, found.codes, found.start, found.end)
    return placing.in_sentence(known, place)


def _reshaped(known: Known, place: int, wrong: list[CodeProblem]) -> list[Said] | None:
    """What a code says that can be read, where one field may stand in the place of another."""
    call = known.paper.calls[place]
    command, args = known.commands[call.shortcode], dict(call.args)
    for problem in wrong:
        if problem.code == "delay_exceeds_timeout" and len(wrong) == 1:
            seconds = [word for word in problem.fix.split() if word.isdecimal()]
            return [Said(command, {**args, "timeout": int(seconds[0])})] if seconds and "name" in args else None
        if problem.code in _NAMELESS and problem.field == "name" and "name" not in args:
            name = naming.missing(known, place)
            return None if name is None else [Said(command, {**args, "name": name})]
    again = _reading(known, place) if any(problem.code in _RESHAPED for problem in wrong) else None
    if again is not None and again.codes[0].command.shortcode == call.shortcode:
        return again.codes
    return [Said(command, args)]


def _edit(known: Known, place: int, codes: list[Said], start: int, end: int) -> Edit | None:
    if any(isinstance(value, list) and len(value) > STEPS_MAX for _, args in codes for value in args.values()):
        return None
    try:
        text = "\n".join(write(command, mending.mend(known, place, command, args)) for command, args in codes)
    except Hopeless:
        return None
    return None if text == known.paper.text[start:end] else Edit(start, end, text)
