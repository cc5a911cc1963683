"""Long texts as messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara import ValidationError
from syncara.answers import Form, render
from syncara.answers.fit import fitted
from syncara.answers.model import Answer, Line, Text
from syncara.answers.parts import LIMIT, LIMIT_MIN, split
from syncara.answers.render import FORMS
from tests.answers.hostile import ANSWERS, FRAGMENTS
from tests.answers.parsed import html_words, markdown_words

PIECES = [*FRAGMENTS, "word " * 30, "x" * 90, "🔥" * 60]
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8")).map("".join)
LONG = st.lists(ANSWERS, min_size=3, max_size=8).map(
    lambda found: Answer(tuple(line for each in found for line in each.lines))
)
LIMITS = st.integers(LIMIT_MIN, 400)
LINE = "x" * 38 + "\n"


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def letters(text: str) -> str:
    return "".join(text.split())


# Every text.


@given(TEXTS, st.sampled_from(FORMS), LIMITS)
def test_parts_fit_and_none_is_empty(text: str, form: Form, limit: int) -> None:
    """Whatever the text is, also what its form does not allow."""
    parts = split(text, form, limit)

    assert max(map(units, parts)) <= limit
    assert len(parts) == 1 or all(part.strip() for part in parts)


@given(TEXTS, LIMITS)
def test_plain_parts_are_the_text(text: str, limit: int) -> None:
    """In its order; what is missing is white space where a part would have had nothing else."""
    parts = split(text, "plain", limit)

    assert letters(text) == letters("".join(parts))
    assert all(part in text for part in parts)


@given(LONG, LIMITS)
def test_html_parts_say_all_and_close_what_they_open(answer: Answer, limit: int) -> None:
    """Each is HTML of its own, with no tag but those of an answer."""
    whole = render(answer, "en", "html")
    parts = [html_words(part) for part in split(whole, "html", limit)]

    assert letters("".join(html_words(whole)[0])) == letters("".join(line for lines, _ in parts for line in lines))
    assert set() == {tag for _, tags in parts for tag in tags} - {"b", "code"}


@given(LONG, LIMITS)
def test_markdown_parts_say_all_and_close_what_they_open(answer: Answer, limit: int) -> None:
    """Read by itself, each gives its words, with no formatting but that of an answer."""
    whole = render(answer, "en", "markdown")
    parts = [markdown_words(part) for part in split(whole, "markdown", limit)]

    assert letters("".join(markdown_words(whole)[0])) == letters("".join(line for lines, _ in parts for line in lines))
    assert set() == {kind for _, kinds in parts for kind in kinds} - {"strong", "code_inline"}


# Where.


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        (LINE + "\n" + LINE, [79]),
        ("x" * 55 + "\n\n" + "y" * 20 + "\n" + "z" * 60, [57, 81]),
        (LINE * 4, [78, 78]),
        ("\n" + LINE * 3, [79, 39]),
        ("word " * 30, [100, 50]),
        ("x" * 150, [100, 50]),
        ("🔥" * 51, [50, 1]),
        ("x" * 100 + " \n ", [100]),
        ("\n" * 300 + "x", [1 + 300 % 100]),
        (" " * 101, [0]),
    ],
    ids=["fits", "paragraph", "line", "early gap", "word", "letter", "emoji", "white end", "white begin", "white"],
)
def test_a_part_ends_where_the_text_does(text: str, lengths: list[int]) -> None:
    """At the last paragraph's, line's or word's end in its later half; emoji count twice."""
    assert lengths == [len(part) for part in split(text, "plain", 100)]


def test_the_limit_is_telegrams() -> None:
    """4,096; one that leaves no room for marks is refused."""
    assert [LIMIT, 1] == [len(part) for part in split("x" * 4_097)]
    with pytest.raises(ValidationError, match="give 100 or more"):
        split("", "plain", 99)


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_is_one_message_whatever_it_is_written_in(form: Form) -> None:
    """What fits into it is counted as parts are: its questions and news cannot be sent in parts."""
    answer = fitted([], ["🔥" * 150] * 60, lambda row: Line((Text(row),), 0))

    assert 1 == len(split(render(answer, "en", form), form))


# Marks.


@pytest.mark.parametrize(
    ("form", "text", "parts"),
    [
        ("html", f"<b>{'x' * 60} {'y' * 60}</b> z", [f"<b>{'x' * 60}</b> ", f"<b>{'y' * 60}</b> z"]),
        ("html", f"{'x' * 97}&amp;y", ["x" * 97, "&amp;y"]),
        ("html", f"{'x' * 93}<b>y</b>", ["x" * 93, "<b>y</b>"]),
        ("html", f"<code>{'x' * 99}</code>", [f"<code>{'x' * 87}</code>", f"<code>{'x' * 12}</code>"]),
        ("markdown", f"**{'x' * 60} {'y' * 60}** z", [f"**{'x' * 60}** ", f"**{'y' * 60}** z"]),
        ("markdown", f"**x `{'y' * 60} {'z' * 60}`**", [f"**x `{'y' * 60}`** ", f"**`{'z' * 60}`**"]),
        ("markdown", f"`{'x' * 60}\\` {'y' * 60}", [f"`{'x' * 60}\\` ", "y" * 60]),
        ("markdown", f"`{'x' * 60}\n\n{'y' * 60}`", [f"`{'x' * 60}\n\n", f"{'y' * 60}`"]),
        ("markdown", f"{'x' * 99}\\*y", ["x" * 99, "\\*y"]),
        ("markdown", f"{'x' * 96}&#96;y", ["x" * 96, "&#96;y"]),
        ("markdown", f"{'x' * 60} {'y' * 36} - # z {'y' * 50}", [f"{'x' * 60} ", f"{'y' * 36} - # z {'y' * 50}"]),
        ("markdown", f"```py\n{LINE * 3}```\nz", [f"```py\n{LINE * 2}```\n", f"```py\n{LINE}```\nz"]),
        ("markdown", f"~~~~\n    {LINE}~~~\n  {LINE * 2}", [f"~~~~\n    {LINE}~~~\n  {LINE}~~~~\n", f"~~~~\n{LINE}"]),
        ("markdown", f"**a\n\n{LINE * 2}b**\n{LINE}", [f"**a\n\n{LINE * 2}b**\n", LINE]),
        ("markdown", f"2 ** 3 {'x' * 60}\n{LINE} **", [f"2 ** 3 {'x' * 60}\n", f"{LINE} **"]),
        ("markdown", f"- {'x' * 60} {'y' * 60}\n  - z", [f"- {'x' * 60} ", f"{'y' * 60}\n- z"]),
        (
            "markdown",
            f"- a\n  - b\n    - {LINE}    - c {LINE}    - d\n  - e\n\n    code",
            [f"- a\n  - b\n    - {LINE}", f"- c {LINE}- d\n- e\n\n    code"],
        ),
    ],
)
def test_what_is_cut_is_closed_and_opened_again(form: Form, text: str, parts: list[str]) -> None:
    """Tags, entities and escapes stay whole; a line that goes on begins no block, and a list begins at the margin."""
    assert parts == list(split(text, form, 100))
