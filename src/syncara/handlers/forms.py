"""The form in which a messenger takes text, and plain text written in it."""

from __future__ import annotations

import re

from syncara.abc import Messenger
from syncara.answers import FORMS, Form, markdown
from syncara.answers.render import escape
from syncara.core.errors import Problem, ValidationError, nearest


def form_of(messenger: Messenger) -> Form:
    """Its `form`; plain when it has none. Raises ValidationError for one that there is not."""
    given = getattr(messenger, "form", "plain")
    for form in FORMS:
        if form == given:
            return form
    fix = nearest(str(given).lower(), FORMS) or "use one of " + ", ".join(FORMS)
    raise ValidationError([Problem("wrong_type", "messenger.form", f"there is no form {given!r}", fix)])


def written(text: str, form: Form) -> str:
    """Plain text in a form, so that exactly its words and lines are shown, and nothing of it formats.

    Unlike an answer's, its words may become links. Markdown shows several blank lines as one.
    """
    match form:
        case "plain":
            return text
        case "html":
            return escape(text)
        case "markdown":
            lines = "\n".join(_markdown_line(line) for line in _BREAK.split(text))
            return _WITHIN_PARAGRAPH.sub("  \n", lines)


_BREAK = re.compile(r"\r\n?|\n")
_WITHIN_PARAGRAPH = re.compile(r"(?<=[^\n])\n(?=[^\n])")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def _markdown_line(line: str) -> str:
    words = line.strip(" \t")
    indent = line[: line.index(words)]
    # Each character by itself: `markdown.text` writes what may become a link as code.
    escaped = _PUNCTUATION.sub(lambda found: markdown.text(found[0]), words)
    return "".join(f"&#{ord(space)};" for space in indent) + markdown.line(escaped)
