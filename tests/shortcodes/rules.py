"""What holds for every text that is scanned, whatever is in it; for the tests of properties and for the fuzzer."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from syncara.commands import COMMANDS
from syncara.shortcodes import Call, scan


def broken(text: str, cut: int) -> list[str]:
    """The rules that do not hold for `text`, nor for the same text cut off at `cut`."""
    calls = scan(text)
    return [*malformed(text, calls), *read_differently_alone(text, calls), *run_by_cutting(text, calls, cut)]


def malformed(text: str, calls: list[Call]) -> Iterator[str]:
    """Codes are disjoint and in order, positions lie in the text, and everything can be stored."""
    last = 0
    for call in calls:
        start, end = call.span
        if not last <= start <= end <= len(text):
            yield f"{call.span} overlaps what is before, or leaves the text"
        last = end
        for from_, to in [*call.spans.values(), *([call.error.position] if call.error else [])]:
            if not 0 <= from_ <= to <= len(text):
                yield f"position {from_, to} leaves the text"
        if call.alone and not call.ends_line:
            yield f"{call.shortcode} is alone and yet followed by words"
        if call.error is not None:
            msgspec.json.encode(call.error)
            continue
        msgspec.json.encode(call)
        unknown = call.args.keys() - {field.name for field in COMMANDS[call.shortcode].fields}
        if unknown or call.args.keys() != call.spans.keys():
            yield f"{call.shortcode} has the fields {sorted(call.args)} at {sorted(call.spans)}"


def read_differently_alone(text: str, calls: list[Call]) -> Iterator[str]:
    """A code that is right reads the same on its own."""
    for call in calls:
        start, end = call.span
        if call.error is None:
            again = scan(text[start:end])
            if [(call.shortcode, call.args, (0, end - start), None)] != [
                (each.shortcode, each.args, each.span, each.error) for each in again
            ]:
                yield f"{text[start:end]!r} reads differently on its own: {again}"


def run_by_cutting(text: str, calls: list[Call], cut: int) -> Iterator[str]:
    """A text that was cut off runs nothing if it ends in a code, and never what the whole text does not call."""
    before = scan(text[:cut])
    if any(call.error for call in before):
        return
    for call in calls:
        if call.error is None and call.span[0] < cut < call.span[1]:
            yield f"cut off at {cut}, inside {call.shortcode}, and nothing is wrong"
    for call in before:
        if not any(call.span[0] < other.span[1] and other.span[0] < call.span[1] for other in calls):
            yield f"cut off at {cut}, {call.shortcode} runs, which the whole text does not call"
