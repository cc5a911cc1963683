"""What the corrections are made of: JSON with mistakes, numbers and times in words, other languages of conditions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.commands import COMMANDS
from syncara.core.expressions import compile_condition
from syncara.shortcodes.repair import conditions, words
from syncara.shortcodes.repair.loose_json import Hopeless, pairs, read_loose
from syncara.shortcodes.repair.step_names import Dependencies, StepNames
from syncara.shortcodes.repair.values import moment, number

# JSON.


@pytest.mark.parametrize(
    ("written", "value", "rest"),
    [
        ('{"a":{"b":1}]', {"a": {"b": 1}}, "]"),
        ('{"a":1,200}', {"a": "1,200"}, ""),
        ('{"a":[1,200]}', {"a": [1, 200]}, ""),
        ('{"a":["b","c":1}', {"a": ["b"], "c": 1}, ""),
        ('[{"a":"b},{"a":"c"}]', [{"a": "b"}, {"a": "c"}], ""),
        ('{"a":1:next', {"a": 1}, ":next"),
        ('{"a":"x":step1_id]', {"a": "x"}, ":step1_id]"),
        ('[{"a":1},{"a":2}:3]', [{"a": 1}, {"a": 2}], ":3]"),
        ('{"a":[{"b":1},{"b":2}}}', {"a": [{"b": 1}, {"b": 2}]}, "}"),
        ('[{"a":1,"b":{"c":1},{"a":2}]', [{"a": 1, "b": {"c": 1}}, {"a": 2}], ""),
        ('{"a":1 "b":2}', {"a": 1, "b": 2}, ""),
        ('{"a":"x""b":"y"}', {"a": "x", "b": "y"}, ""),
        ('[{"a":1} {"a":2}]', [{"a": 1}, {"a": 2}], ""),
        ('{"a":1,,}', {"a": 1}, ""),
        ('{"a":"x, "b":"y"}', {"a": "x", "b": "y"}, ""),
        ('{"a":x y", "b":1}', {"a": "x y", "b": 1}, ""),
        ('{"a":"x y}]', {"a": "x y"}, "]"),
        ('{a":1, "b:2}', {"a": 1, "b": 2}, ""),
        ('{"a":"he said "go", then left","b":1}', {"a": 'he said "go", then left', "b": 1}, ""),
        ("{'a':'it's here'}", {"a": "it's here"}, ""),
        ("{«a»:„b“}", {"a": "b"}, ""),
        ('{"a"=1, b=>"c"}', {"a": 1, "b": "c"}, ""),
        ('{"a":1, // one\n # two\n "u":"http://x/#y" /* three */}', {"a": 1, "u": "http://x/#y"}, ""),
        ('{"a":True,"b":NULL,"c":undefined}', {"a": True, "b": None, "c": None}, ""),
        ('{"a":1_000,"b":30s}', {"a": 1000, "b": "30s"}, ""),
        ('{"a":"{context.b}","c":{context.d}}', {"a": "{context.b}", "c": "{context.d}"}, ""),
    ],
)
def test_json_with_a_mistake_is_read_as_it_was_meant(written: str, value: Any, rest: str) -> None:
    """Missing and needless signs, other languages' ways; reading ends where the value does."""
    found = read_loose(written, 0)

    assert (value, rest) == (found.value, written[found.end :])


@pytest.mark.parametrize("written", ["{...}", '{"a":}', '{"a":<value>}', '{"a":1,"a":2}', "{1}", '{"a"}', "{" * 200])
def test_what_says_nothing_is_hopeless(written: str) -> None:
    """A blank, a key without a value, the same key twice: there is nothing to guess."""
    with pytest.raises(Hopeless):
        read_loose(written, 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text("abc", min_size=1), each, max_size=3),
    max_leaves=8,
)


@given(st.lists(json_values, max_size=3))
def test_json_without_a_mistake_is_read_as_json(value: list[Any]) -> None:
    """Being lenient changes nothing that is right."""
    assert value == read_loose(json.dumps(value), 0).value


@settings(max_examples=200)
@given(st.text("{}[]:,\"'\\ab1=<>#/*\n“”«» ", max_size=40))
def test_reading_json_never_fails_in_another_way(text: str) -> None:
    """Whatever is written, there is a value or no hope."""
    for opening in "{[":
        try:
            read_loose(opening + text, 0)
        except Hopeless:
            continue


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("message=All is well, level=info", {"message": "All is well", "level": "info"}),
        ("a: 1; b: true; c: x y", {"a": 1, "b": True, "c": "x y"}),
        ("a=1&b=2", {"a": 1, "b": 2}),
        ("All is well", None),
        ("a=1, a=2", None),
        ("https://example.com/x", None),
    ],
)
def test_pairs_are_an_object(written: str, found: Any) -> None:
    """Keys and values without braces, separated in any of the usual ways."""
    assert found == pairs(written)


# Numbers and times.


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("60", 60),
        ("1_800", 1800),
        ("1.800", 1800),
        ("1,800", 1800),
        ("1.800,5", 1800.5),
        ("2.5", 2.5),
        ("2,5", 2.5),
        ("30 minutes", 1800),
        ("1h30m", 5400),
        ("1 jam 30 menit", 5400),
        ("setengah jam", 1800),
        ("an hour and a half", 5400),
        ("lima belas menit", 900),
        ("twenty five", 25),
        ("sejam", 3600),
        ("dua ratus", 200),
        ("in 5 minutes", 300),
        ("5 menit lagi", 300),
        ("3 times", 3),
        ("PT1H", 3600),
        ("00:10:00", 600),
        ("500 ms", 0.5),
    ],
)
def test_a_number_is_read_however_it_is_written(written: str, value: float) -> None:
    """With thousands and decimals of either kind, units, and words of both languages; times in seconds."""
    assert value == number(written)


@pytest.mark.parametrize("written", ["", "jam 7", "tomorrow", "soon", "five or six", "x", "10 apples"])
def test_what_is_no_number_is_none(written: str) -> None:
    """A time of the day is no duration, and a word that is not known may change the meaning."""
    assert number(written) is None


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("in 5 minutes", 300),
        ("2030-01-01 00:00 UTC", "2030-01-01T00:00:00Z"),
        ("2030-01-01 07:00 WIB", "2030-01-01T07:00:00+07:00"),
        ("3 Mei 2030 pukul 12.30 GMT+7", "2030-05-03T12:30:00+07:00"),
        ("May 3rd, 2030 at 9:05 pm UTC", "2030-05-03T21:05:00Z"),
        ("31/12/2030 10:00 +0100", "2030-12-31T10:00:00+01:00"),
        ("1893456000", "2030-01-01T00:00:00Z"),
        ("2030-05-03T12:30", None),
        ("01/02/2030 10:00 UTC", None),
        ("2030-02-31T10:00Z", None),
        ("tomorrow", None),
        ("jam 7 malam", None),
    ],
)
def test_a_moment_needs_a_day_a_time_and_a_zone(written: str, at: float | str | None) -> None:
    """A day whose month cannot be told, and a time without its zone, are no moment."""
    assert at == moment(written)


# Words.


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("create_workflow", "CREATE_WORKFLOW"),
        ("CreateWorkflow", "CREATE_WORKFLOW"),
        ("CRAETE_WORKFLOW", "CREATE_WORKFLOW"),
        ("NEW_WORKFLOW", "CREATE_WORKFLOW"),
        ("WORKFLOW_CREATE", "CREATE_WORKFLOW"),
        ("BUAT_ALUR_KERJA", "CREATE_WORKFLOW"),
        ("ADDSTEP", "ADD_STEP"),
        ("TAMBAH_LANGKAH", "ADD_STEP"),
        ("RUN", "EXECUTE"),
        ("START_THE_WORKFLOW", "EXECUTE"),
        ("STOP", "CANCEL"),
        ("DAFTAR_EKSEKUSI", "LIST_EXECUTIONS"),
        ("CHECK_STATUS", "STATUS"),
        ("CANCEL_SCHEDULE", "UNSCHEDULE"),
        ("DRY_RUN", "PREVIEW"),
        ("CREATE_QUICK_WORKFLOW", "QUICK_WORKFLOW"),
        ("PIN", "PIN_MESSAGE"),
        ("DELETE_STEP", None),
        ("FLY", None),
        ("", None),
    ],
)
def test_a_command_is_known_by_what_it_does(written: str, name: str | None) -> None:
    """By its name with a slip in it, or a verb and what it is done to, in either language and order."""
    found = words.command(written, list(COMMANDS))

    assert name == (found.partition(":")[2] if found else None)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("CREAT_WORKFLOW", "CREATE_WORKFLOW"),
        ("createworkflw", "CREATE_WORKFLOW"),
        ("DELETE", "DELETE_WORKFLOW"),
        ("UNSHEDULE", "UNSCHEDULE"),
        ("STOP_WORKFLOW", "CANCEL"),
        ("LIST_ALL_WORKFLOWS", "LIST_WORKFLOWS"),
        ("DELETE_ALL_WORKFLOWS", None),
        ("RUN_SETIAP", None),
        ("DELAY_WORKFLOW", None),
        ("DELEGATE_WORKFLOW", None),
        ("RENAME_WORKFLOW", None),
        ("RESCHEDULE", None),
        ("UNPIN_MESSAGE", None),
    ],
)
def test_a_command_to_be_carried_out_is_known_by_a_slip_only(written: str, name: str | None) -> None:
    """Not by another word that looks like it, and not for all of something."""
    found = words.sure_command(written, COMMANDS)

    assert name == (found.partition(":")[2] if found else None)


@pytest.mark.parametrize(
    ("written", "name", "is_slip"),
    [
        ("Quartely Audit", "Quarterly Audit", True),
        ("Ligths Out", "Lights Out", True),
        ("Tagihan Wi-Fi", "Tagihan Wifi", True),
        ("Garden Pumps", "Garden Pump", True),
        ("Tagih Budi", "Tagih Rudi", False),
        ("Asrama Putra", "Asrama Putri", False),
        ("North Gate", "South Gate", False),
        ("Bill 1002", "Bill 1001", False),
        ("Batch 1-2", "Batch 12", False),
        ("Deploy", "Deploy prod", False),
    ],
)
def test_a_slip_leaves_every_word_and_number_what_it_is(written: str, name: str, *, is_slip: bool) -> None:
    """A letter or two are wrong within a long word; a number or another word is something else."""
    assert is_slip == words.slipped(written, name)


@pytest.mark.parametrize(
    ("section", "written", "known", "meant"),
    [
        ("handlers", "sendMessage", ["send_message", "log"], "send_message"),
        ("handlers", "kirim_pesan", ["send_message", "log"], "send_message"),
        ("handlers", "databse_operation", ["database_operation", "log"], "database_operation"),
        ("handlers", "delay_step", ["delay", "log"], "delay"),
        ("handlers", "quux", ["delay", "log"], None),
        ("params", "msg", ["text", "chat_id"], "text"),
        ("params", "msg", ["message", "level"], "message"),
        ("values", "warn", ["info", "warning"], "warning"),
        ("values", "find_all", ["find", "insert"], "find"),
        ("fields", "retry_count", ["retries", "retry_delay"], "retries"),
        ("fields", "", ["retries"], None),
    ],
)
def test_a_word_means_what_is_known_here(section: str, written: str, known: list[str], meant: str | None) -> None:
    """The same word stands for different things, by what there is."""
    assert meant == words.meaning(section, written, known)


# Steps.


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["Load"], ["Load"]),
        (["load"], ["Load"]),
        (["step Load"], ["Load"]),
        (["Laod"], ["Load"]),
        (["step1_id"], ["step1_id"]),
        (["#1"], ["step1_id"]),
        (["langkah ke-2"], ["step2_id"]),
        (["first"], ["step1_id"]),
        (["previous"], ["step2_id"]),
        (["Load and Send"], ["Load", "Send"]),
        (["1 & 2"], ["step1_id", "step2_id"]),
        (["all"], ["Load", "Send"]),
        (["steps 1-2"], ["step1_id", "step2_id"]),
        (["none"], []),
        (["Last"], ["step2_id"]),
        (["step3_id"], ["step2_id"]),
        (["Load", "Last"], ["Load"]),
        (["Load", "step9_id"], ["Load"]),
        (["step9_id"], None),
        (["Report"], None),
    ],
)
def test_a_step_waits_for_what_was_meant(written: list[str], meant: list[str] | None) -> None:
    """Names with a slip or words around them, numbers, several at once; never for itself."""
    found = Dependencies(StepNames(["Load", "Send", "Last"]), 2, "Last").of(written)

    assert meant == (None if found is None else found[0])


# Conditions.


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("context.n > 3 && !context.ok", "context.n > 3 and not context.ok"),
        ("context.name === 'a && b'", "context.name == 'a && b'"),
        ("context.items.length > 0", "len(context.items) > 0"),
        ("context.items.includes('a')", "'a' in context.items"),
        ("context.n > 3 ? context.a : context.b", "(context.a) if (context.n > 3) else (context.b)"),
        ("n > 3", "context.get('n') > 3"),
        ("name = Ana", "context.get('name') == 'Ana'"),
        ("{{context.n}} > 3", "context.n > 3"),
        ("jika n lebih dari 3 dan ok", "context.get('n') > 3 and context.get('ok')"),
        ("n is not null", "context.get('n') is not None"),
        ("step1.status == 'failed'", "steps['Load Users'].status == 'failed'"),
        ("steps.load_users.result", "steps['Load Users'].data"),
        ("context.n between 1 and 5", "1 <= context.n <= 5"),
        ("context.n => 3", "context.n >= 3"),
        ("context.n =< 3", "context.n <= 3"),
        ("n <> 3", "context.get('n') != 3"),
        ("n is at most 3", "context.get('n') <= 3"),
        ("n kurang dari 3", "context.get('n') < 3"),
        ("n equals 3", "context.get('n') == 3"),
        ("n not equal to 3", "context.get('n') != 3"),
        ("n is not 3", "context.get('n') != 3"),
        ("n bukan 3 dan bukan ok", "context.get('n') != 3 and not context.get('ok')"),
        ("n > 3 atau ok", "context.get('n') > 3 or context.get('ok')"),
        ("ok is benar", "context.get('ok') == true"),
        ("ok == salah", "context.get('ok') == false"),
        ("n is null", "context.get('n') is None"),
        ("n exists", "context.get('n') is not None"),
        ("n kosong", "len(context.get('n')) == 0"),
        ("n is not empty", "len(context.get('n')) != 0"),
        ("n contains 'a'", "'a' in context.get('n')"),
        ("'a' IN context.n", "'a' in context.n"),
        ("context.n.indexOf('a') !== -1", "('a' in context.n)"),
        ("context.n.indexOf('a') === -1", "('a' not in context.n)"),
        ("context.n.trim().toLowerCase() == 'a'", "context.n.strip().lower() == 'a'"),
        ("context.n.toUpperCase().endsWith('A')", "context.n.upper().endswith('A')"),
        ("parseInt(context.n) > 3", "int(context.n) > 3"),
        ("import os", None),
        ("steps['Nobody'].data", None),
        ("", None),
    ],
)
def test_a_condition_of_another_language_is_translated(written: str, meant: str | None) -> None:
    """What comes out can be compiled, and names steps that there are; otherwise nothing does."""
    names = StepNames(["Load Users", "Send"])
    found = conditions.mend(written, {"n", "ok"}, names.called)

    assert meant == found
    assert found is None or compile_condition(found) is not None
