"""The note that a model gets when its reply was refused: every problem, where it is, and how to put it right."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from syncara.shortcodes.problems import CodeProblem

NOTE_CHARS_MAX = 4_000
EXCERPT_CHARS = 72
"""Of the line with the problem: it fits into 80 columns with its indent, so that the carets stand below it."""


def write(text: str, problems: Sequence[CodeProblem]) -> str:
    """At most 4,000 characters; what does not fit is counted. `text` is the reply."""
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    parts = [f"{count}, so nothing of the reply was done. Write the whole reply again, corrected."]
    left = NOTE_CHARS_MAX - len(parts[0]) - len("\n\n… and 999 more problems.")
    suggested: set[str] = set()
    for number, problem in enumerate(problems, 1):
        part = _one(text, number, problem, suggested)
        left -= len(part) + 2
        if left < 0:
            parts.append(f"… and {len(problems) - number + 1} more.")
            break
        parts.append(part)
    return "\n\n".join(parts)


def _one(text: str, number: int, problem: CodeProblem, suggested: set[str]) -> str:
    """The correction stands with the first problem of its code only."""
    about = f"{problem.shortcode}, " if problem.shortcode else ""
    if problem.where.startswith("step ") and problem.field in ("", "steps"):  # the code holds a list of them
        about += f"{problem.where}: "
    lines = [f"{number}. {problem.code}: {about}{problem.message}"]
    if problem.position[1]:  # of a reply as a whole there is no place to show
        lines += [f"   {line}" for line in _caret(text, *problem.position)]
    if problem.fix:
        lines.append(f"   {problem.fix}")
    if problem.allowed and problem.allowed not in problem.fix:
        lines.append(f"   Allowed: {problem.allowed}")
    if problem.example and problem.example not in suggested:
        suggested.add(problem.example)
        lines.append(f"   Write: {problem.example}")
    return "\n".join(lines)


def _caret(text: str, start: int, end: int) -> list[str]:
    """The line of the text with the place marked below it; a long line as an excerpt."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    line_end = len(text) if last < 0 else last
    if end - first > EXCERPT_CHARS:
        first = max(first, min(start - EXCERPT_CHARS // 3, line_end - EXCERPT_CHARS))
    line = text[first : min(line_end, first + EXCERPT_CHARS)].replace("\t", " ")
    before, marked = line[: start - first], line[start - first : end - first]
    return [line, " " * cell_len(before) + "^" * max(1, cell_len(marked))]
