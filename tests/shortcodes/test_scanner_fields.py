"""How the inside of a code becomes the fields of its command: colons, escapes, forms, names."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.commands import COMMANDS
from syncara.commands.registry import outside
from syncara.shortcodes import scan
from tests.shortcodes.samples import right

STEP = {"workflow_id": "w", "name": "n", "handler": "log", "params": {"a": 1}}
START = '[MULTISTEP:ADD_STEP:w:n:log:{"a":1}'


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("[MULTISTEP:LIST_WORKFLOWS]", {}),
        ("[MULTISTEP:LIST_WORKFLOWS:]", {}),
        ("[MULTISTEP:LIST_WORKFLOWS:2]", {"page": 2}),
        ("[MULTISTEP:LIST_EXECUTIONS::2]", {"page": 2}),
        ("[MULTISTEP:CREATE_WORKFLOW:  Pagi hari 🌅 : \n :900]", {"name": "Pagi hari 🌅", "timeout": 900}),
        ("[MULTISTEP:CREATE_WORKFLOW:朝のニュース:挨拶する]", {"name": "朝のニュース", "description": "挨拶する"}),
        ("[MULTISTEP:CREATE_WORKFLOW:A:B:2.5]", {"name": "A", "description": "B", "timeout": 2.5}),
        ("[MULTISTEP:CREATE_WORKFLOW:A:B:::]", {"name": "A", "description": "B"}),
        (r"[MULTISTEP:CREATE_WORKFLOW:A\: b \[c\] \\ d \x]", {"name": r"A: b [c] \ d \x"}),
        (r"[MULTISTEP:CREATE_WORKFLOW:\{a}]", {"name": "{a}"}),
        ("[MULTISTEP:CREATE_WORKFLOW:{context.name} greets:B]", {"name": "{context.name} greets", "description": "B"}),
        ("[MULTISTEP:CREATE_WORKFLOW:[Urgent] a[0]:see [1]]", {"name": "[Urgent] a[0]", "description": "see [1]"}),
        ("[MULTISTEP:CREATE_WORKFLOW:A:two\nlines]", {"name": "A", "description": "two\nlines"}),
        ("[MULTISTEP:CREATE_WORKFLOW:A:y=mx+b]", {"name": "A", "description": "y=mx+b"}),
        ("[MULTISTEP:SCHEDULED_WORKFLOW:w:300]", {"workflow_id": "w", "delay_seconds": 300}),
        ("[MULTISTEP:SCHEDULED_WORKFLOW:w:2.5]", {"workflow_id": "w", "delay_seconds": 2.5}),
        ("[MULTISTEP:SCHEDULED_WORKFLOW:w:1h30m]", {"workflow_id": "w", "delay_seconds": "1h30m"}),
        (
            '[MULTISTEP:ADD_STEP:w:n:log:\n{\n  "a": "x:y]",\n  "b": [1, [2]]\n}\n:\nx , y\n]',
            {**STEP, "params": {"a": "x:y]", "b": [1, [2]]}, "dependencies": ["x", "y"]},
        ),
        (START + ':["x, y","z: 1"]:60]', {**STEP, "dependencies": ["x, y", "z: 1"], "timeout": 60}),
        (START + ":[]]", {**STEP, "dependencies": []}),
        ("[GROUP:PIN_MESSAGE:5]", {"message_id": "5"}),
        ("[group:pin_message]", {}),
        ("[Multistep:Status:x]", {"execution_id": "x"}),
    ],
)
def test_fields_are_read_by_their_position(text: str, args: dict[str, Any]) -> None:
    """Text is stripped and unescaped, JSON becomes values, numbers become numbers, an empty field was not written."""
    call = right(text)

    assert (args, ()) == (call.args, call.repairs)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ('[MULTISTEP:ADD_STEP:w:Load: users: all:log:{"a":1}]', {**STEP, "name": "Load: users: all"}),
        (START + ":Step 1: load:300]", {**STEP, "dependencies": ["Step 1: load"], "timeout": 300}),
        (START + ":Step 1: load]", {**STEP, "dependencies": ["Step 1: load"]}),
        (
            '[MULTISTEP:SCHEDULED_WORKFLOW:w:2030-01-01T10:30:00Z:{"a":1}]',
            {"workflow_id": "w", "delay_seconds": "2030-01-01T10:30:00Z", "context": {"a": 1}},
        ),
        (
            "[MULTISTEP:SCHEDULED_WORKFLOW:w:2030-01-01T10:30]",
            {"workflow_id": "w", "delay_seconds": "2030-01-01T10:30"},
        ),
        ("[MULTISTEP:WHY:execution_id:Load: users]", {"execution_id": "execution_id", "step": "Load: users"}),
        ("[MULTISTEP:HELP:MULTISTEP:ADD_STEP]", {"command": "MULTISTEP:ADD_STEP"}),
        (
            '[MULTISTEP:ADD_STEP:w:Is it: so:condition_check:{"condition":"context.x"}]',
            {
                "workflow_id": "w",
                "name": "Is it: so",
                "handler": "condition_check",
                "params": {"condition": "context.x"},
            },
        ),
    ],
)
def test_a_text_takes_in_colons_when_everything_fits_in_one_way_only(text: str, args: dict[str, Any]) -> None:
    """Extra colons belong to the only text for which numbers and JSON then stand in their places."""
    assert args == right(text).args


@pytest.mark.parametrize(
    ("text", "name", "description"),
    [
        ("A:Sends this: a, b:1800:5", "A", "Sends this: a, b"),
        ("A: the first:Greets:1800:5", "A: the first", "Greets"),
        ("A:Runs at 10:30:1800:5", "A", "Runs at 10:30"),
        ("A:From 9:00 to 10:30, daily:1800:5", "A", "From 9:00 to 10:30, daily"),
        ("A:See https://example.org/a:1800:5", "A", "See https://example.org/a"),
        ("See https://example.org/a:B:1800:5", "See https://example.org/a", "B"),
    ],
)
def test_colons_written_as_in_prose_tell_the_ways_apart(text: str, name: str, description: str) -> None:
    """Where several ways fit, the one counts in which a space follows just the colons inside texts, times apart."""
    args = right(f"[MULTISTEP:CREATE_WORKFLOW:{text}]").args

    assert {"name": name, "description": description, "timeout": 1800, "max_parallel": 5} == args


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (":retries=5]", {"retries": 5}),
        ("::60:retries=5:save_as=users]", {"timeout": 60, "retries": 5, "save_as": "users"}),
        (r":condition=context['a:b'] == 'c\]d']", {"condition": "context['a:b'] == 'c]d'"}),
        (
            ":condition=steps.A.data == 'x:y':retry_delay=1.5]",
            {"condition": "steps.A.data == 'x:y'", "retry_delay": 1.5},
        ),
        (":run_when=any_failed:on_error=continue]", {"run_when": "any_failed", "on_error": "continue"}),
        (':{"retries":5,"save_as":"users"}]', {"retries": 5, "save_as": "users"}),
        ('::60:{"retries":5}]', {"timeout": 60, "retries": 5}),
        (':x:retries=1:{"save_as":"u"}]', {"dependencies": ["x"], "retries": 1, "save_as": "u"}),
        (":retries=:save_as=u]", {"save_as": "u"}),
    ],
)
def test_named_fields_follow_the_positions(text: str, named: dict[str, Any]) -> None:
    """`name=value`, up to the next known name, or one JSON object with names of fields."""
    call = right(START + text)

    assert ({**STEP, **named}, ()) == (call.args, call.repairs)


def test_named_fields_of_other_forms() -> None:
    """A flag takes true and false, yes and no, ya and tidak; JSON may follow a name."""
    text = '[MULTISTEP:QUICK_WORKFLOW:Q:[{"name":"a"}]:sequential=YA:context={"a":"x:y]"}]'

    assert {"name": "Q", "steps": [{"name": "a"}], "sequential": True, "context": {"a": "x:y]"}} == right(text).args


def test_an_object_in_the_place_of_params_is_params() -> None:
    """Where a position takes JSON, an object is that field, whatever its keys are called."""
    text = """[MULTISTEP:ADD_STEP:w:n:condition_check:{"condition":"context.get('count') > 5"}]"""

    assert {"condition": "context.get('count') > 5"} == right(text).args["params"]


@pytest.mark.parametrize(
    ("text", "args", "repair"),
    [
        (START + ":dependencies=x:timeout=60]", {**STEP, "dependencies": ["x"], "timeout": 60}, "a field by its name"),
        (START + ':{"timeout":60}]', {**STEP, "timeout": 60}, "a field by its name"),
        (
            '[MULTISTEP:CREATE_WORKFLOW:"A: b":“c ] d”]',
            {"name": "A: b", "description": "c ] d"},
            "quotes around a field",
        ),
        (START + "::'60']", {**STEP, "timeout": 60}, "quotes around a field"),
        (START + ':{"retries":"5"}]', {**STEP, "retries": 5}, "quotes around a value that is no text"),
        (START + ':"x","y z"]', {**STEP, "dependencies": ["x", "y z"]}, "quotes around a value that is no text"),
        (START + ":[x, y]]", {**STEP, "dependencies": ["x", "y"]}, "a list of names without quotes"),
        (START + ":null:60]", {**STEP, "timeout": 60}, "null for a field that is left out"),
        (START + ':{"save_as":null}]', STEP, "null for a field that is left out"),
        ("[MULTISTEP:EXECUTE:w:'{\"a\":1}']", {"workflow_id": "w", "context": {"a": 1}}, "JSON inside a text"),
        ("[ MULTISTEP : STATUS : x ]", {"execution_id": "x"}, "spaces in the name of a command"),
    ],
)
def test_what_is_certain_is_read_leniently_and_said(text: str, args: dict[str, Any], repair: str) -> None:
    """A form that is not the grammar's, but can mean one thing only, is read; `repairs` tells of it."""
    call = right(text)

    assert args == call.args
    assert repair in call.repairs


def test_each_field_knows_its_place() -> None:
    """`spans` gives the characters of each field that was written."""
    text = 'Ok: [MULTISTEP:ADD_STEP:w: Load: all :log:{"a":1}:x:retries=5:{"save_as":"u"}]'
    call = right(text)

    assert {
        "workflow_id": "w",
        "name": "Load: all",
        "handler": "log",
        "params": '{"a":1}',
        "dependencies": "x",
        "retries": "retries=5",
        "save_as": "save_as",
    } == {name: text[start:end] for name, (start, end) in call.spans.items()}


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("[IMAGE:DRAW: a cat: on [the] mat, 10:30 ]", "a cat: on [the] mat, 10:30"),
        (r"[IMAGE:DRAW:a \] b \: c]", "a ] b : c"),
        ('[IMAGE:DRAW:{"text": "a ] b: \\n"} ]', '{"text": "a ] b: \\n"}'),
        ("[IMAGE:DRAW:{x+1}: y]", "{x+1}: y"),
        ("[IMAGE:DRAW:[1] and [2]]", "[1] and [2]"),
        ("[image:draw:a=1:b=2]", "a=1:b=2"),
    ],
)
def test_a_command_of_another_family_gets_the_rest_of_the_code(text: str, params: str) -> None:
    """After its name everything is one text; JSON in it may hold brackets."""
    commands = {**COMMANDS, "IMAGE:DRAW": outside("IMAGE:DRAW", print)}

    assert [({"params": params}, None)] == [(call.args, call.error) for call in scan(text, commands)]


def test_only_the_families_that_are_known_are_read() -> None:
    """Without its registration the code of another family is prose."""
    assert [] == scan("[IMAGE:DRAW:a cat]")
