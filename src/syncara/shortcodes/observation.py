"""What came of a reply, told to the model that wrote it."""

from __future__ import annotations

from syncara.shortcodes.outcome import Outcome, Reply

ANSWER_CHARS_MAX = 1_000
"""Of one code's answer; a list or a status is what the model asked for, so there is room for a page of it."""
CHARS_MAX = 4_000


def observe(reply: Reply) -> str:
    """A line for each code, with what it answered, its id, and what was repaired; the note when the reply was refused.

    Empty for a reply without codes. At most 4,000 characters; codes that do not fit are counted.
    """
    if not reply.ok:
        return reply.note or ""
    lines: list[str] = []
    left = CHARS_MAX
    for number, outcome in enumerate(reply.outcomes):
        line = _line(outcome)
        left -= len(line) + 1
        if left < len("… and 9999 more."):
            lines.append(f"… and {len(reply.outcomes) - number} more.")
            break
        lines.append(line)
    return "\n".join(lines)


def _line(outcome: Outcome) -> str:
    said = outcome.text
    if outcome.id is not None and outcome.id not in said:
        head, *rest = said.split("\n", 1)
        said = "\n".join([f"{head} · {outcome.id}", *rest])
    if len(said) > ANSWER_CHARS_MAX:
        said = said[: ANSWER_CHARS_MAX - 1] + "…"
    repaired = f" (repaired: {', '.join(outcome.repairs)})" if outcome.repairs else ""
    return f"{outcome.shortcode.partition(':')[2]}{repaired}: {said}"
