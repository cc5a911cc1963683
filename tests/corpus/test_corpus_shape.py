"""The corpus of broken replies is what its README says it is."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.corpus.entry import HERE, entries

ENTRIES_MIN = 320
CLASSES_MIN = 45


SAME_CLASSES = ("tuned", "held", "fresh")
PARTS = {name: entries(name) for name in (*SAME_CLASSES, "certain")}
ALL = [entry for part in PARTS.values() for entry in part]


def repeated(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def unlike_code(code: str) -> bool:
    """Whether a line of `setup` or `meant` is anything but one code from its first character to its last."""
    return re.fullmatch(r"\[(MULTISTEP|GROUP):[A-Z_]+(:[^\n]*)?\]", code) is None


def test_there_are_enough_entries_and_classes() -> None:
    """A figure in per cent needs some hundred entries behind it."""
    assert len(ALL) >= ENTRIES_MIN
    assert len({entry.class_ for entry in ALL}) >= CLASSES_MIN


def test_no_two_entries_share_an_id_or_a_text() -> None:
    """What is held back is not also in the part that is tuned on."""
    assert [] == repeated([entry.id for entry in ALL])
    assert [] == repeated([" ".join(entry.text.split()) for entry in ALL])


@pytest.mark.parametrize("part", SAME_CLASSES)
def test_every_class_is_in_all_parts_with_the_same_weight(part: str) -> None:
    """The figures are about the same errors; what may be suggested with certainty has classes of its own."""
    assert Counter(entry.class_ for entry in PARTS["tuned"]) == Counter(entry.class_ for entry in PARTS[part])


def test_the_readme_describes_exactly_the_classes_there_are() -> None:
    """Each class has one line in a table of the README."""
    classes = (HERE / "README.md").read_text("utf-8").partition("## Classes")[2]

    assert sorted({entry.class_ for entry in ALL}) == sorted(re.findall(r"^\| `(\w+)` \|", classes, re.MULTILINE))


@pytest.mark.parametrize("part", PARTS)
def test_both_languages_are_well_represented(part: str) -> None:
    """English and Indonesian each make up two fifths or more."""
    counts = Counter(entry.language for entry in PARTS[part])

    assert {"en", "id"} == set(counts)
    assert min(counts.values()) >= 0.4 * len(PARTS[part])


def test_every_entry_says_what_was_meant_or_why_nothing_can_be_known() -> None:
    """`why` is there exactly when `meant` is empty."""
    assert [] == [entry.id for entry in ALL if bool(entry.meant) == bool(entry.why)]


def test_labels_and_setup_are_whole_codes_of_one_line() -> None:
    """They are ready to be pasted, one a line."""
    assert [] == [(entry.id, code) for entry in ALL for code in (*entry.setup, *entry.meant) if unlike_code(code)]


def test_no_text_is_already_what_was_meant() -> None:
    """Every entry has an error."""
    assert [] == [entry.id for entry in ALL if entry.text.split("\n") == entry.meant or not entry.text.strip()]


@pytest.mark.parametrize(
    "code", ["", " ", "[MULTISTEP:EXECUTE:a", "MULTISTEP:EXECUTE:a", "[multistep:EXECUTE:a]", "[MULTISTEP:STATUS]\n"]
)
def test_a_label_that_is_no_code_is_reported(code: str) -> None:
    """The check of the labels finds what it is there for."""
    assert unlike_code(code)


@pytest.mark.parametrize("code", ["[MULTISTEP:STATUS]", "[GROUP:PIN_MESSAGE:7]", '[MULTISTEP:EXECUTE:a:{"b":[1]}]'])
def test_a_label_that_is_a_code_is_not_reported(code: str) -> None:
    """Codes with and without fields are accepted."""
    assert not unlike_code(code)
