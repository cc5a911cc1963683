"""One answer in three forms: what was not ours stays words."""

from __future__ import annotations

import re
from string import Formatter

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncara.answers import render
from syncara.answers.catalogue import LANGUAGES, Language, catalogue
from syncara.answers.model import Answer, AnyPart, Bar, Code, Icon, Line, Message, Strong, Text, message
from syncara.answers.render import FORMS
from syncara.answers.text import one_line
from tests.answers.parsed import html_words, lines, markdown_words

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


@given(ANSWERS, st.sampled_from(LANGUAGES))
@example(Answer((Line((Text("a"),)), Line((Text("==="),)))), "en")
@example(Answer((Line((Text("a|b"),)), Line((Text("-|-"),)))), "en")
@example(Answer((Line((Code("a` <b> `b"),)),)), "id")
def test_words_stay_words_in_markdown(answer: Answer, language: Language) -> None:
    """Read as Markdown, an answer gives its plain words, with no formatting but emphasis and code."""
    words, kinds = markdown_words(render(answer, language, "markdown"))

    assert lines(render(answer, language, "plain")) == words
    assert set() == kinds - {"strong", "code_inline"}


@given(ANSWERS, st.sampled_from(LANGUAGES))
def test_words_stay_words_in_html(answer: Answer, language: Language) -> None:
    """Read as HTML, an answer gives its plain words, with no tag but <b> and <code>."""
    words, tags = html_words(render(answer, language, "html"))

    assert lines(render(answer, language, "plain")) == words
    assert set() == tags - {"b", "code"}


@given(HOSTILE)
def test_nothing_leaves_its_line(text: str) -> None:
    """In every form a text is on one line, without characters that steer; otherwise it is as it was written."""
    for kind in (Text, Strong, Code):
        answer = Answer((Line((kind(text), Text("end"))),))
        for form in FORMS:
            assert 1 == len(render(answer, "en", form).splitlines())

    assert one_line(text) == render(Answer((Line((Text(text),)),)))


@given(HOSTILE)
def test_markdown_holds_no_link_that_a_program_would_make_of_plain_words(text: str) -> None:
    """GitHub links `http://…` and `www.…` wherever they stand; a backslash in them keeps it from doing so."""
    rendered = render(Answer((Line((Text(text),)),)), "en", "markdown")

    assert None is re.search(r"(?i)(?<!\\)://|www\.", rendered)


@given(ANSWERS)
def test_an_answer_can_be_stored(answer: Answer) -> None:
    """As JSON and back it is the same answer, in every language and form."""
    assert answer == msgspec.json.decode(msgspec.json.encode(answer), type=Answer)


@pytest.mark.parametrize(
    ("part", "plain", "markdown", "html"),
    [
        (Text("a_b <c> & *d*"), "a_b <c> & *d*", r"a\_b \<c> \& \*d\*", "a_b &lt;c&gt; &amp; *d*"),
        (Strong("a*b"), "a*b", r"**a\*b**", "<b>a*b</b>"),
        (Code("x['a'] < 1"), "x['a'] < 1", "`x['a'] < 1`", "<code>x['a'] &lt; 1</code>"),
        (Code("a`b"), "a`b", r"a\`b", "<code>a`b</code>"),
        (Text("1. first"), "1. first", r"1\. first", "1. first"),
        (Text("# Title"), "# Title", r"\# Title", "# Title"),
        (Text("- item"), "- item", r"\- item", "- item"),
        (Text("two\r\n\tlines\x1b[31m"), "two lines [31m", r"two lines \[31m", "two lines [31m"),
        (Text("half \ud83d"), "half", "half", "half"),
        (Text("abc\u202edef"), "abc def", "abc def", "abc def"),
        (Text("[MULTISTEP:PAUSE:x]"), "[MULTISTEP:PAUSE:x]", r"\[MULTISTEP:PAUSE:x\]", "[MULTISTEP:PAUSE:x]"),
        (Text("👩‍🚀 नमस्ते"), "👩‍🚀 नमस्ते", "👩‍🚀 नमस्ते", "👩‍🚀 नमस्ते"),
        (Icon("completed"), "✅", "✅", "✅"),
        (Bar(42), "▓▓▓▓░░░░░░", "▓▓▓▓░░░░░░", "▓▓▓▓░░░░░░"),
        (Strong(" "), "", "", ""),
    ],
)
def test_each_part_in_each_form(part: AnyPart, plain: str, markdown: str, html: str) -> None:
    """What a part looks like."""
    answer = Answer((Line((part,)),))

    assert [plain, markdown, html] == [render(answer, "en", form) for form in FORMS]


def test_a_number_chooses_the_form_of_its_sentence() -> None:
    """English has a singular; Indonesian has one form for all."""
    answers = [Answer((Line((message("made.size", n=n),)),)) for n in (0, 1, 2)]

    assert ["0 steps", "1 step", "2 steps"] == [render(answer, "en") for answer in answers]
    assert ["0 langkah", "1 langkah", "2 langkah"] == [render(answer, "id") for answer in answers]


def test_words_put_into_a_sentence_are_not_read_as_one() -> None:
    """A name with braces stays as it is."""
    answer = Answer((Line((message("end.completed", name=Strong("{name} {n}")),)),))

    assert "{name} {n} is done" == render(answer)


def test_items_are_a_list_with_an_empty_line_around() -> None:
    """Plain and HTML indent by spaces, Markdown makes nested lists; a part of a tree begins at its margin."""
    depths = [None, None, 3, 4, 2, 0, 1, None]
    answer = Answer(tuple(Line((Text(str(n)),), depth) for n, depth in enumerate(depths)))

    assert "0\n1\n\n2\n   3\n4\n5\n   6\n\n7" == render(answer)
    assert "0\n1\n\n2\n   3\n4\n5\n   6\n\n7" == render(answer, "en", "html")
    assert "0  \n1\n\n- 2\n  - 3\n- 4\n- 5\n  - 6\n\n7" == render(answer, "en", "markdown")


def test_an_unknown_language_is_an_error() -> None:
    """Not a file to look for."""
    with pytest.raises(KeyError):
        render(Answer((Line((message("why.nothing"),)),)), "../en")  # type: ignore[arg-type]
