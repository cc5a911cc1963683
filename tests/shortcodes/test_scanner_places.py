"""Where a code stands decides whether it is shown or called, and whether it fills its line or belongs to a sentence."""

from __future__ import annotations

import pytest

from syncara.shortcodes import scan

CODE = "[MULTISTEP:CANCEL:x]"
OTHER = '[MULTISTEP:ADD_STEP:w:n:log:{"message":"run `make` and ```x```"}]'


@pytest.mark.parametrize(
    "text",
    [
        "```\nCODE\n```",
        "```text\nCODE\n",
        "~~~\nCODE\n```\nCODE\n~~~",
        "````\n```\nCODE\n```\nCODE\n````",
        "- so:\n  ```\n  CODE\n  ```",
        "- ```\n  CODE\n  ```",
        "1. ~~~ sh\n   CODE",
        "```\r\nCODE\r\n```\r\n",
        "``` CODE\n```",
        "```\n\t```\nCODE\n```",
        "```\n    ```\nCODE\n```",
        " ```\n    ```\nCODE",
        "1. so:\n\n    ```\n    CODE\n    ```",
        "`CODE`",
        "``CODE ` ``",
        "```CODE```",
        "write `CODE` or `CODE`, or `not CODE`",
        "`[MULTISTEP:CANCEL:` begins it",
        '`[MULTISTEP:EXECUTE:w:{\n"a":1\n}]`',
        "> CODE",
        "> so:\n> CODE",
        "- > CODE",
        "  >CODE",
        "<!-- CODE -->",
        "<!--\nCODE\n",
        "<pre>\nCODE\n</pre>",
        "<PRE lang='x'>CODE</PRE>",
        "<code>CODE</code>",
        "<pre><code>CODE",
    ],
)
def test_what_is_shown_as_code_is_not_called(text: str) -> None:
    """Fences, backticks, quoted lines, comments and HTML's code show a code; one that nothing closes shows the rest."""
    assert [] == scan(text.replace("CODE", CODE))


@pytest.mark.parametrize(
    "text",
    [
        "```\nshown\n```\nCODE",
        "```\nshown\n   ```  \nCODE",
        "- ```\n  shown\n  ```\nCODE",
        "1. so:\n\n    ```\n    shown\n    ```\n\nCODE",
        "  ```\nshown\n```\nCODE",
        "~~~\n```\n~~~\nCODE",
        "`a` CODE",
        "`a` and `b`\nCODE\n`c`",
        "don\\`t CODE",
        "``a ` b``\nCODE",
        "a ` b\n\nCODE",
        "> quoted\n\nCODE",
        "> quoted\nCODE",
        "<!-- shown --> CODE",
        "a > b CODE",
        "<p> CODE",
        "    CODE",
        "> ```\nCODE",
    ],
)
def test_what_stands_beside_is_called(text: str) -> None:
    """What shows code ends where Markdown ends it."""
    assert [None] == [call.error for call in scan(text.replace("CODE", CODE))]


def test_backticks_inside_a_code_belong_to_it() -> None:
    """Reading goes from left to right: what begins first counts."""
    assert ["ADD_STEP", "CANCEL"] == [
        call.shortcode.partition(":")[2] for call in scan(f"{OTHER} and `make`\n{CODE}\n") if call.error is None
    ]


def test_a_code_holds_what_would_show_code_elsewhere() -> None:
    """Fences, quotes and comments inside JSON are data."""
    text = '[MULTISTEP:EXECUTE:w:{"a":"\n```\n> <!-- `"}]\n' + CODE

    assert [None, None] == [call.error for call in scan(text)]


@pytest.mark.parametrize(
    ("text", "points_at"),
    [
        ("`CODE", "`"),
        ("`a CODE", "`"),
        ("a `b\nCODE", "`"),
        ("CODE`", "`"),
        ("CODE` and `x`", "`"),
        ("CODE and ` so", "`"),
        ("``CODE`", "`"),
        ("`a\nCODE\nb`", "`"),
        ("``\nCODE\n```", "`"),
        ("so:```\nCODE\n```", "`"),
        ("`OTHER`", "`"),
        ("`[MULTISTEP:CANCEL:` and then `x]`", "`"),
        ("a ` b\n2. CODE", "`"),
        ("a ` b OTHER", "`"),
    ],
)
def test_backticks_that_do_not_say_whether_a_code_is_shown_make_it_wrong(text: str, points_at: str) -> None:
    """A code is never called, nor left out, because of a backtick too few."""
    text = text.replace("CODE", CODE).replace("OTHER", OTHER)
    (call,) = [call for call in scan(text) if call.error is not None]

    assert call.error is not None
    start, _ = call.error.position
    assert ("ambiguous", points_at) == (call.error.code, text[start])


@pytest.mark.parametrize(
    "text",
    [
        "- so:\n  ```\nshown\n  ```\nCODE",
        "- ```\nshown\n```\nCODE",
        "1. ```py\n```\nCODE",
        "    ```\n```\nCODE",
        "- so\n\n  ```\n  shown\n    ```\nCODE",
    ],
)
def test_a_fence_that_is_indented_unevenly_makes_the_codes_after_it_wrong(text: str) -> None:
    """In a list's item it may have ended with the item, and the next fence begins another."""
    (call,) = scan(text.replace("CODE", CODE))

    assert call.error is not None
    assert ("ambiguous", "```") == (call.error.code, text[slice(*call.error.position)])


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("> q\nCODE", True),
        ("> q\n- CODE", True),
        ("> q\nso on\n2. and on\nCODE", True),
        ("> dikutip\nlanjutan\n`x`\nCODE", True),
        ("- > q\nCODE", True),
        ("1. > q\n   CODE", True),
        ("> q\r\nso on\r\nCODE", True),
        ("> q\n\nCODE", False),
        ("> q\r\n\r\nCODE", False),
        ("> q\nso on\n \t\nCODE", False),
        ("> q\n## title\nCODE", False),
        ("> kutipan\n- butir\nCODE", False),
        ("> q\n```\nshown\n```\nCODE", False),
        ("a > q\nCODE", False),
    ],
)
def test_a_paragraph_that_a_quoted_line_began_goes_on_below_it(text: str, *, quoted: bool) -> None:
    """To its end; and the line right below is always taken for a part of it."""
    (call,) = scan(text.replace("CODE", CODE))

    assert (None, quoted) == (call.error, call.quoted)


@pytest.mark.parametrize(
    "line",
    [
        "CODE",
        "  CODE  ",
        "- CODE",
        "* CODE",
        "• CODE",
        "1. CODE",
        "1) CODE",
        "(1) CODE",
        "2.1. CODE",
        "a) CODE",
        "- [ ] CODE",
        "- [x] CODE",
        "### CODE",
        "**CODE**",
        "*CODE*",
        "__CODE__",
        "- **CODE** ✅",
        "1. **CODE**.",
        "✅ CODE",
        "👉🏽 CODE 🎉!",
        "1️⃣ CODE",
        "② CODE",
        "ℹ️ CODE",
        "→ CODE;",
        "<b>CODE</b><br>",
        "CODE CODE",
        "CODE, CODE.",
        "- CODE CODE",
        "CODE\r",
    ],
)
def test_codes_alone_fill_their_line(line: str) -> None:
    """A bullet, number, emphasis or emoji may stand before them, and punctuation behind."""
    calls = scan(f"So:\n{line.replace('CODE', CODE)}\nand so on")

    assert [(True, True)] * line.count("CODE") == [(call.alone, call.ends_line) for call in calls]


@pytest.mark.parametrize(
    ("line", "ends_line"),
    [
        ("Stop: CODE", [True]),
        ("Step 1: **CODE**!", [True]),
        ('Do "CODE"', [True]),
        ("(CODE)", [True]),
        ('"CODE"', [True]),
        ("To stop it, write CODE or wait", [False]),
        ("CODE stops it", [False]),
        ("CODE 2", [False]),
        ("CODE と", [False]),
        ("First CODE CODE", [True, True]),
        ("CODE and CODE", [False, True]),
        ("CODE and CODE then", [False, False]),
        ("CODE?", [False]),
        ("Stop with CODE ?", [False]),
        ("~~CODE~~", [False]),
        ("CODE `x`", [False]),
        ("CODE -->", [False]),
        ("| 1 | CODE |", [True]),
    ],
)
def test_a_code_in_a_sentence_is_told_apart(line: str, ends_line: list[bool]) -> None:
    """It is not alone; and `ends_line` says whether words, or a question mark, follow it."""
    calls = scan(f"So:\n{line.replace('CODE', CODE)}\nand so on")

    assert [(False, ends) for ends in ends_line] == [(call.alone, call.ends_line) for call in calls]


def test_a_code_of_several_lines_is_alone_when_nothing_else_stands_on_them() -> None:
    """What counts is what stands before its first line and behind its last."""
    code = '[MULTISTEP:EXECUTE:w:{\n"a": 1\n}]'
    marks = [[(call.alone, call.ends_line) for call in scan(text)] for text in (code, f"- {code}\n", f"{code} so")]

    assert [[(True, True)], [(True, True)], [(False, False)]] == marks
