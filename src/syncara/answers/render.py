"""An answer as text, in a language and a form.

plain     nothing but the words.
markdown  CommonMark, with GitHub's tables and strikethrough thought of: emphasis, code and lists are ours, and a
          backslash keeps all that could format from doing so. It is not Telegram's MarkdownV2, which wants more
          characters escaped.
html      what Telegram takes as HTML, and a web page inside <pre> or with `white-space: pre-wrap`: the tags <b> and
          <code>, without attributes; line breaks are line breaks.

In each of them, words that were not ours stay words, on their line. In the last two, those that a chat service would
make links of by itself, such as `@name`, are written as code, where it makes none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from html import escape as html_escape
from itertools import groupby
from string import Formatter
from typing import Literal, NamedTuple, get_args

from syncara.answers import markdown
from syncara.answers.catalogue import Language, phrase
from syncara.answers.icons import ICONS, bar
from syncara.answers.links import links, stretches
from syncara.answers.model import Answer, AnyPart, Bar, Code, Icon, Line, Message, Strong, Text, Wording
from syncara.answers.text import one_line

Form = Literal["plain", "markdown", "html"]
FORMS: tuple[Form, ...] = get_args(Form)
INDENT = "   "
BULLET = Icon("dot")

escape = partial(html_escape, quote=False)


class _Style(NamedTuple):
    """How a form writes things. Each function takes words that are one line already."""

    text: Callable[[str], str]
    strong: Callable[[str], str]
    code: Callable[[str], str]
    line: Callable[[str], str]
    """What a whole line becomes, so that its beginning starts nothing."""
    indent: str = INDENT
    item: str = ""
    """What begins an item."""
    end: str = "\n"
    """What ends a line before another one of its paragraph."""


def render(answer: Answer, language: Language = "en", form: Form = "plain") -> str:
    """The answer, without a line break at its end; lines that hold nothing are left out.

    Raises KeyError for an unknown language, form, key or icon.
    """
    style = _STYLES[form]
    drawn = [(line.depth, _join(_without_bullet(line, style), language, style).strip()) for line in answer.lines]
    blocks = groupby([(depth, style.line(text)) for depth, text in drawn if text], key=lambda line: line[0] is None)
    return "\n\n".join(_lines(lines, style) if plain else _items(lines, style) for plain, lines in blocks)


def _lines(lines: Iterable[tuple[int | None, str]], style: _Style) -> str:
    return style.end.join(text for _, text in lines)


def _items(lines: Iterable[tuple[int | None, str]], style: _Style) -> str:
    above: list[int] = []
    items = []
    for depth, text in lines:
        # No item stands two levels below the one before it, where only a part of a tree is shown.
        while above and above[-1] >= (depth or 0):
            above.pop()
        items.append(style.indent * len(above) + style.item + text)
        above.append(depth or 0)
    return "\n".join(items)


def _without_bullet(line: Line, style: _Style) -> Sequence[AnyPart]:
    """A row's parts; its own bullet is left out where the form gives it one."""
    return line.parts[1:] if style.item and line.depth is not None and line.parts[:1] == (BULLET,) else line.parts


def _join(parts: Sequence[AnyPart], language: Language, style: _Style) -> str:
    return " ".join(drawn for part in parts if (drawn := _part(part, language, style)))


def _part(part: AnyPart, language: Language, style: _Style) -> str:
    match part:
        case Text(text):
            return style.text(one_line(text))
        case Strong(text):
            return style.strong(words) if (words := one_line(text)) else ""
        case Code(text):
            return style.code(words) if (words := one_line(text)) else ""
        case Icon(name):
            return ICONS[name]
        case Bar(percent):
            return bar(percent)
        case Message():
            return _message(part, language, style)
        case Wording(english, other):
            return _part(english if language == "en" else other, language, style)


def _message(part: Message, language: Language, style: _Style) -> str:
    n = part.args.get("n")
    template = phrase(language, part.key, n if isinstance(n, int) else None)
    drawn = []
    for literal, name, _, _ in Formatter().parse(template):
        drawn.append(style.text(literal))
        if name is not None:
            value = part.args[name]
            drawn.append(str(value) if isinstance(value, int) else _part(value, language, style))
    return "".join(drawn)


def _html_text(words: str) -> str:
    return " ".join(_html_code(each) if linked else escape(each) for each, linked in stretches(words))


def _html_strong(words: str) -> str:
    return _html_code(words) if links(words) else f"<b>{escape(words)}</b>"


def _html_code(words: str) -> str:
    return f"<code>{escape(words)}</code>"


def _as_it_is(text: str) -> str:
    return text


_STYLES: dict[Form, _Style] = {
    "plain": _Style(_as_it_is, _as_it_is, _as_it_is, _as_it_is),
    "markdown": _Style(
        markdown.text, markdown.strong, markdown.code, markdown.line, indent="  ", item="- ", end="  \n"
    ),
    "html": _Style(_html_text, _html_strong, _html_code, _as_it_is),
}
