"""Plain text in the form that a messenger takes."""

from __future__ import annotations

import html

import pytest
from hypothesis import given

from syncara import ValidationError
from syncara.answers.parts import split
from syncara.handlers.communication import ConsoleMessenger
from syncara.handlers.forms import form_of, written
from tests.answers.hostile import HOSTILE
from tests.answers.parsed import html_words, lines, markdown_words


class TelegramMessenger(ConsoleMessenger):
    form = "html"


class LoudMessenger(ConsoleMessenger):
    form = "HTML"


@given(HOSTILE)
def test_html_shows_exactly_the_text(text: str) -> None:
    """Unescaped it is the text, and there is no tag in it."""
    assert text == html.unescape(written(text, "html"))
    assert set() == html_words(written(text, "html"))[1]


@given(HOSTILE)
def test_markdown_shows_the_words_of_each_line(text: str) -> None:
    """Nothing of it formats, begins a block or ends a line."""
    text = text.replace("\0", "�")  # which CommonMark asks for

    words, kinds = markdown_words(written(text, "markdown"))

    assert lines(text.replace("\r\n", "\n").replace("\r", "\n")) == words
    assert set() == kinds


@given(HOSTILE)
def test_plain_text_is_as_it_is(text: str) -> None:
    """There is nothing to escape from."""
    assert text == written(text, "plain")


def test_markdown_keeps_line_breaks_indents_and_addresses() -> None:
    """A single line break counts; what is indented is no code; an address is no code, and can be followed."""
    assert "a  \n&#32;&#32;b\n\nhttps://a.example/b?c" == written("a\n  b\n\nhttps://a.example/b?c", "markdown")


def test_no_part_is_cut_inside_an_escape() -> None:
    """Each part shows its own piece of the text."""
    text = "1 < 2 & [x] " * 1_000

    parts = split(written(text, "html"), "html")

    assert len(parts) > 3
    assert text == "".join(html.unescape(part) for part in parts)
    parts = split(written(text, "markdown"), "markdown")
    assert text.split() == [word for part in parts for line in markdown_words(part)[0] for word in line.split()]


def test_a_messenger_without_a_form_takes_plain_text() -> None:
    """The attribute may be missing."""
    assert ("plain", "html") == (form_of(ConsoleMessenger()), form_of(TelegramMessenger()))


def test_a_form_that_there_is_not_is_refused_with_the_nearest() -> None:
    """As Telegram spells it, say."""
    with pytest.raises(ValidationError) as refused:
        form_of(LoudMessenger())

    assert ("wrong_type", "messenger.form", "Did you mean 'html'?") == (
        refused.value.code,
        refused.value.where,
        refused.value.fix,
    )
