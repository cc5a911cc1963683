"""Answers with words in them that want to be more than words."""

from __future__ import annotations

from string import Formatter

from hypothesis import strategies as st

from syncara.answers.catalogue import catalogue
from syncara.answers.model import Answer, AnyPart, Code, Line, Message, Strong, Text

# What a text could be written with to become more than a text.
FRAGMENTS = [
    *"`*_[]()<>&~|#+-=.:!$\\/\"'{}^@ \n\t1a9\u202e\x00\x1b\u2028é🔥\u200d",
    "**",
    "__",
    "~~",
    "```",
    "``` py\n",
    "~~~",
    "    ",
    "  \n",
    "\n\n",
    "1. ",
    "23) ",
    "- [ ] ",
    "# ",
    "> ",
    "---",
    "\n===\n",
    ":-:",
    "| a | b |\n|---|---|\n",
    "http://example.org/a_b",
    "www.example.org",
    "WWW.example.org",
    "example.com",
    "пример.рф",
    "127.0.0.1",
    "tg://resolve?domain=x",
    "@somebody",
    "me@example.org",
    "/stop",
    "#tag",
    "$TAG",
    "[a](http://example.org)",
    "![a](b)",
    "[a]: http://example.org\n",
    "<http://example.org>",
    "<b>",
    "</b></code>",
    "<!--",
    "<![CDATA[",
    "<?x",
    "<script>",
    '<a href="http://example.org">',
    "&amp;",
    "&#60;",
    "&lt",
    "[MULTISTEP:CANCEL:execution_id]",
    "{n}",
    "{name}",
]
HOSTILE = st.lists(st.sampled_from(FRAGMENTS) | st.characters(codec="utf-8"), max_size=12).map("".join)
KEYS = sorted(catalogue("en"))


def parts() -> st.SearchStrategy[AnyPart]:
    return st.one_of(HOSTILE.map(Text), HOSTILE.map(Strong), HOSTILE.map(Code), st.sampled_from(KEYS).flatmap(messages))


def messages(key: str) -> st.SearchStrategy[Message]:
    """The sentence of that key, with hostile words in every place that is not a number's."""
    entry = catalogue("en")[key]
    template = entry if isinstance(entry, str) else entry["other"]
    names = {name for _, name, _, _ in Formatter().parse(template) if name} | {"n"}
    words = st.one_of(HOSTILE.map(Text), HOSTILE.map(Strong), HOSTILE.map(Code))
    return st.fixed_dictionaries({name: st.integers(0, 3) if name == "n" else words for name in names}).map(
        lambda args: Message(key, dict(args))
    )


ANSWERS = st.lists(
    st.builds(Line, st.lists(parts(), min_size=1, max_size=3).map(tuple), st.none() | st.integers(0, 3)),
    min_size=1,
    max_size=4,
).map(lambda found: Answer(tuple(found)))
