"""One answer in three forms: what was not ours stays words."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncara.answers import render
from syncara.answers.catalogue import LANGUAGES, Language
from syncara.answers.model import Answer, AnyPart, Bar, Code, Icon, Line, Strong, Text, message
from syncara.answers.render import FORMS
from syncara.answers.text import one_line
from tests.answers.hostile import ANSWERS, HOSTILE
from tests.answers.parsed import html_words, lines, markdown_words


@given(ANSWERS, st.sampled_from(LANGUAGES))
@example(Answer((Line((Text("a"),)), Line((Text("==="),)))), "en")
@example(Answer((Line((Text("a|b"),)), Line((Text("-|-"),)))), "en")
@example(Answer((Line((Code("a` <b> `b"),)),)), "id")
@example(Answer(tuple(Line((message("end.completed", name=Strong("\u200b")),), depth) for depth in range(3))), "en")
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


# What Telegram, and GitHub, make links of in plain words.
LINKED = re.compile(
    r"(?<!\w)@[A-Za-z0-9_]{2,}|(?<![\w/<>])/[A-Za-z0-9_]+|(?<!\w)#\d*[A-Za-z]\w*|(?<!\w)\$[A-Z]{1,8}(?![A-Za-z])"
    r"|[\w.+-]+@\w+\.\w+|(?i:www)\.\w|[^\W_]\.(?:com|org|рф|py)(?!\w)|\b\d+\.\d+\.\d+\.\d+|(?:https?|ftp|tg)://\S+"
)


@given(ANSWERS, st.sampled_from(LANGUAGES))
@example(Answer((Line((Text("a`@bob`b"), Strong("see `www.example.org`"), Code("x`/stop"))),)), "en")
@example(Answer((Line((message("failed_with", error=Text("/stop")),)),)), "id")
def test_what_would_be_linked_is_code(answer: Answer, language: Language) -> None:
    """In Markdown and HTML, nothing is left outside of which a chat service would make a mention or a link."""
    html, _ = html_words(render(answer, language, "html"), code=False)
    markdown, _ = markdown_words(render(answer, language, "markdown"), code=False)

    assert [] == [found for line in (*html, *markdown) for found in LINKED.findall(line)]


@pytest.mark.parametrize(
    "text",
    ["2 of 3, and/or 1.5 s", "#1", "e.g. this", "5 $", "…", "a: b", "1970-01-01 00:16 UTC", "what.", "x @ y", "</b>"],
)
def test_words_that_nobody_links_are_no_code(text: str) -> None:
    """Text stays text where it can."""
    assert "code>" not in render(Answer((Line((Text(text),)),)), "en", "html")


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
        (
            Text("ask @bob or @ann now"),
            "ask @bob or @ann now",
            "ask `@bob` or `@ann` now",
            "ask <code>@bob</code> or <code>@ann</code> now",
        ),
        (Text("ask @bob @ann"), "ask @bob @ann", "ask `@bob @ann`", "ask <code>@bob @ann</code>"),
        (Strong("Ask @bob <b>"), "Ask @bob <b>", "`Ask @bob <b>`", "<code>Ask @bob &lt;b&gt;</code>"),
        (Code("a`@bob"), "a`@bob", "a&#96;`@bob`", "<code>a`@bob</code>"),
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
