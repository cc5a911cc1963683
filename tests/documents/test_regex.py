"""Patterns match what Python's `re` matches, in time that grows with the text and not with the pattern's cunning."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.core.errors import ValidationError
from syncara.documents.regex import REGEX_CHARS_MAX, Regex

ATOMS = [
    "a",
    "b",
    "A",
    "_",
    "1",
    " ",
    ".",
    r"\d",
    r"\W",
    r"\s",
    r"\n",
    "[ab]",
    "[^a]",
    "[^\\w]",
    "[a-c1]",
    "[]a-]",
    r"\.",
]
EDGES = ["^", "$", r"\b", r"\B"]


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    quantifier = st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?"])
    return st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.builds(lambda part, sign: f"(?:{part}){sign}", inner, quantifier),
    )


PATTERNS = st.recursive(st.sampled_from([*ATOMS, *EDGES]), grown, max_leaves=8)
FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


@settings(max_examples=500)
@given(PATTERNS, st.sets(st.sampled_from("ims")), st.text(alphabet="abAB_1 .]\n-", min_size=1, max_size=12))
def test_a_pattern_matches_what_pythons_re_matches(pattern: str, options: set[str], text: str) -> None:
    r"""For every pattern of the subset, with every option, the answer is that of `re.search`.

    Not on empty texts, where the `\B` of Python before 3.14 is known to be wrong.
    """
    flags = re.ASCII
    for option in options:
        flags |= FLAGS[option]

    assert bool(re.search(pattern, text, flags)) == Regex(pattern, "".join(options)).search(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a*)*b",
        "(a|a)*b",
        "(a|aa)+$",
        "a*a*a*a*a*a*b",
        "(.*.*.*)*x",
        "(a?){50}a{50}",
        "((a+)*)*$",
        "(?:)*" * 50,
    ],
)
def test_a_pattern_that_makes_backtracking_explode_is_answered(pattern: str) -> None:
    """Where Python's `re` would need longer than anyone lives, the answer comes at once."""
    assert Regex(pattern).search("a" * 5_000 + "!") in (True, False)


def test_one_compiled_pattern_may_be_used_for_many_texts() -> None:
    """What was learnt about one text does not change the answer for the next."""
    search = Regex("^(ab)+$").search

    assert [True, False, True, False] == [search(text) for text in ("abab", "aba", "ab", "")]


def test_the_work_of_one_pattern_is_bounded() -> None:
    """A pattern that meets ever new states gives up with an error, not after hours."""
    pattern = "(a|b)*a" + "(a|b)" * 150
    text = "".join(random.Random(1).choices("ab", k=50_000))

    with pytest.raises(ValidationError, match="regex_too_expensive"):
        Regex(pattern + "c").search(text)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "a group is not closed"),
        (")", "closes no group"),
        ("[a", "ends too early"),
        ("a\\", "ends too early"),
        ("*a", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        ("a**", "a quantifier follows a quantifier"),
        ("a++", "possessive"),
        ("a{3,2}", "smallest count 3 is above the largest 2"),
        ("a{999999999}", "repeat count is too large"),
        ("(a{1000}){1000}", "more than 2000 parts"),
        ("((){1000}){1000}", "more than 2000 parts"),
        ("(a)\\1", "no backreferences"),
        ("(?=a)", "lookaround"),
        ("(?<!a)b", "lookaround"),
        ("(?P<name>a)", "named"),
        ("a(?i)b", "options in the middle"),
        ("[b-a]", "range"),
        ("[\\d-z]", "range"),
        ("[[:alpha:]]", "such as [:alpha:]"),
        ("\\p{L}", "is not supported"),
        ("\\xg1", "two hexadecimal digits"),
        ("(" * 60 + ")" * 60, "nested deeper"),
        ("a" * (REGEX_CHARS_MAX + 1), "longer than 1000 characters"),
    ],
)
def test_a_pattern_outside_the_subset_is_refused(pattern: str, message: str) -> None:
    """A pattern that cannot be matched in linear time, or is malformed, is refused with the reason."""
    with pytest.raises(ValidationError, match=re.escape(message)) as caught:
        Regex(pattern)

    assert "bad_regex" == caught.value.code


@pytest.mark.parametrize(
    ("pattern", "options", "text", "expected"),
    [
        ("a$", "", "a\n", True),
        ("a$", "", "a\n\n", False),
        ("a$", "m", "a\nb\n\n", True),
        ("^b", "", "a\nb", False),
        ("^b", "m", "a\nb", True),
        ("^$", "m", "a\n\nb", True),
        ("a.b", "", "a\nb", False),
        ("a.b", "s", "a\nb", True),
    ],
)
def test_line_breaks_count_as_the_options_say(pattern: str, options: str, text: str, expected: bool) -> None:
    """`$` holds at the end and before a line break that ends the text, with m at every line; `.` takes one with s."""
    assert expected == Regex(pattern, options).search(text)


def test_case_is_folded_also_outside_ascii() -> None:
    """The option i compares letters of every script in both cases."""
    assert [True, True, False] == [Regex("^é[à-ü]$", "i").search(text) for text in ("ÉÀ", "éü", "eü")]


def test_options_may_stand_at_the_beginning_of_the_pattern() -> None:
    """`(?i)` means the option i."""
    assert Regex("(?i)abc").search("xABCx")


@pytest.mark.parametrize(("pattern", "text"), [("a{,2}", "a{,2}"), ("a{x}", "a{x}"), ("a{", "a{"), ("x{1", "x{1")])
def test_a_brace_that_is_no_count_is_a_character(pattern: str, text: str) -> None:
    """As in MongoDB, only `{n}`, `{n,}` and `{n,m}` are counts."""
    assert Regex(f"^{pattern}$").search(text)
