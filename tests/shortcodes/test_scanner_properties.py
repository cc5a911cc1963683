"""What holds for every text: no exception, codes in order, the same reading alone, nothing that runs by accident."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scan import CASES, worst_case
from syncara.shortcodes import Call, scan
from tests.shortcodes.fuzz_scanner import PARTS
from tests.shortcodes.rules import broken, malformed, read_differently_alone, run_by_cutting
from tests.shortcodes.samples import guide_replies, right, seeds

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).map(str.strip).filter(bool)
NAMES = st.from_regex(r"[A-Za-zÀ-ž_][\w .-]{0,20}[\w.]", fullmatch=True)
OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    max_size=4,
)
STEPS = st.fixed_dictionaries(
    {"workflow_id": NAMES, "name": TEXTS, "handler": NAMES},
    optional={
        "params": OBJECTS,
        "dependencies": st.lists(TEXTS, min_size=1, max_size=3),
        "timeout": st.integers(1, 9_999),
        "condition": TEXTS,
        "retries": st.integers(0, 9),
        "save_as": NAMES,
    },
)


@settings(max_examples=300)
@given(st.text(max_size=200) | st.text(st.characters(categories=["Cs", "Po", "Ps", "Pe", "Cc"])), st.integers(0, 200))
def test_the_rules_hold_for_any_text(text: str, cut: int) -> None:
    """Any characters at all, lone surrogates and control characters included."""
    assert [] == broken(text, cut)


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PARTS), max_size=16).map("".join), st.integers(0, 300))
def test_the_rules_hold_for_texts_made_of_what_codes_are_made_of(text: str, cut: int) -> None:
    """Brackets, quotes, fences, names and whole codes in any order."""
    assert [] == broken(text, cut)


@settings(max_examples=300)
@given(st.sampled_from(seeds()), st.data())
def test_the_rules_hold_for_replies_with_a_mistake(text: str, data: st.DataObject) -> None:
    """A few characters of a good reply are taken out, replaced or added."""
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 3)))
        text = text[:start] + data.draw(st.sampled_from(["", *PARTS])) + text[end:]

    assert [] == broken(text, data.draw(st.integers(0, len(text))))


def escaped(text: str) -> str:
    """A text as it has to be written in a code, whatever is in it."""
    for character in "\\[]:":
        text = text.replace(character, f"\\{character}")
    return f"\\{text}" if text.startswith("{") else text


def quoted(text: str) -> str:
    """The same where the text may begin like one in quotes, or like `name=value`."""
    inner = escaped(text)
    inner = inner[1:] if text.startswith("{") else inner  # in quotes a brace begins no JSON, and is not escaped
    return '"' + inner.replace('"', '\\"') + '"'


@given(STEPS)
def test_what_is_written_by_position_and_by_name_is_read_back(step: dict[str, Any]) -> None:
    """Any texts, numbers and JSON survive being written down as the grammar says."""
    written = ["MULTISTEP:ADD_STEP", step["workflow_id"], quoted(step["name"]), step["handler"]]
    written.append(json.dumps(step["params"]) if "params" in step else "")
    written.append(json.dumps(step["dependencies"], ensure_ascii=False) if "dependencies" in step else "")
    written.append(str(step.get("timeout", "")))
    behind = {name: step[name] for name in ("condition", "retries", "save_as") if name in step}
    written += [f"{name}={quoted(value) if name == 'condition' else value}" for name, value in behind.items()]

    assert step == right(f"[{':'.join(written)}]").args


@given(STEPS)
def test_named_fields_in_one_object_are_read_back(step: dict[str, Any]) -> None:
    """Everything but the positions that have to be there may stand in one JSON object behind them."""
    text = f"[MULTISTEP:ADD_STEP:{step['workflow_id']}:{quoted(step['name'])}:{step['handler']}:{{}}::"
    behind = {name: value for name, value in step.items() if name in ("timeout", "condition", "retries", "save_as")}
    args = right(f"{text}:{json.dumps(behind)}]").args

    assert {**behind, "workflow_id": step["workflow_id"], "name": step["name"], "handler": step["handler"]} == {
        name: value for name, value in args.items() if name != "params"
    }


@given(st.from_regex(r"[^\W\d_][^\n\r\"'“‘={}]{0,30}", fullmatch=True).map(str.strip))
def test_an_escaped_text_is_read_back(text: str) -> None:
    """With its colons, brackets and backslashes escaped, text needs no quotes."""
    call = right(f"[MULTISTEP:CREATE_WORKFLOW:{escaped(text)}:B]")

    assert ({"name": text, "description": "B"}, ()) == (call.args, call.repairs)


@pytest.mark.parametrize(
    "character", ["[", "]", ":", "{", '"', "`", "\\", "\n", "(", "\ud800", "\0", "[M", "```\n", "> "]
)
def test_a_million_characters_are_scanned(character: str) -> None:
    """However long and odd the text, there is an answer."""
    text = character * (1_000_000 // len(character))

    assert [] == [call for call in scan(text) if call.error is None]


def calls_made(run: Callable[[], object]) -> int:
    """How many calls of functions, Python's and C's, are made."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", CASES)
def test_work_grows_with_the_length_of_the_text(name: str) -> None:
    """Four times the text takes at most four times the calls, and a little more for what is done once."""
    small, large = worst_case(name, 4_000), worst_case(name, 16_000)
    scan(small)

    assert calls_made(lambda: scan(large)) <= 4.5 * calls_made(lambda: scan(small)) + 200


def test_there_are_replies_to_start_from() -> None:
    """The examples of all commands are among the texts that mistakes are made in, and the guide's where it is."""
    assert all(scan(text) for text in seeds())
    assert len(seeds()) > len(guide_replies())


def test_a_broken_rule_is_reported() -> None:
    """Codes that overlap, leave the text, have other fields, read differently alone or run when cut off are seen."""
    text = "[MULTISTEP:CANCEL:x]"
    wrong = Call("MULTISTEP:CANCEL", {"colour": "red"}, (0, 99), alone=True, ends_line=False)
    made_up = Call("MULTISTEP:CANCEL", {"execution_id": "y"}, (0, 20), alone=True, ends_line=True)

    assert 3 == len(list(malformed(text, [wrong])))
    assert 1 == len(list(read_differently_alone(text, [made_up])))
    assert 1 == len(list(run_by_cutting(text, [], 20)))
    assert 1 == len(list(run_by_cutting("prose", [made_up], 3)))
