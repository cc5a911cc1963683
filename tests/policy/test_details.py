"""What a question shows of a plan is what the plan does, and nothing that others wrote looks like a mark of its own."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import MultiStepProcessor
from syncara.answers import approval_question, render
from syncara.core.model import Step
from syncara.policy.effects import effects
from syncara.policy.preview import planned
from tests.core.build import step, workflow

CHAT = 7
MARK = re.compile(r"#[0-9a-f]{10}")


def question(*steps: Step) -> str:
    """Where each step needs approval; hash and id of the plan are the same for all."""
    found = map(planned, effects(workflow(*steps, chat_id=CHAT)))
    return render(approval_question("Flow", 7, found, approval_id="ap", plan_hash="", expires_at=0))


def rows(*steps: Step) -> list[str]:
    return question(*steps).split("\n\n")[1].splitlines()


def tell(text: str, chat: Any = 90, name: str = "Tell") -> Step:
    return step(name, handler="send_message", params={"text": text, "chat_id": chat})


def call(name: str, url: str, **headers: str) -> Step:
    return step(name, handler="api_call", params={"url": url, "method": "POST", "headers": headers})


# Values of the context.

KEYS = ["a", "b", "last_error", "failed_step"]
PROBES = [f"{form}{{context.{key}{default}}}" for form in ("", "of ") for key in KEYS for default in ("", "|x", "|1e2")]
VALUES = st.sampled_from(
    ["x", 'a"} = "b', "{context.b}", "\n\u200b", "…[+4 #0123456789]…", "5", 5, 1.5, True, None, [1], {"k": "v"}]
)
STEPS = st.one_of(
    st.builds(lambda key, value: ("set_context", {"key": key, "value": value}, {}), st.sampled_from(KEYS[:2]), VALUES),
    st.builds(lambda key: ("log", {"message": "x"}, {"save_as": key}), st.sampled_from(KEYS[:2])),
    st.just(("condition_check", {"condition": "context.nothing.here == 1"}, {})),
    st.builds(lambda probe: ("set_context", {"key": "probe", "value": probe}, {}), st.sampled_from(PROBES)),
)
"""One step each: the handler, its params, and what else there is to it."""


async def run(steps: list[dict[str, Any]], context: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """What each step is shown to do, and what came of those that succeeded."""
    with tempfile.TemporaryDirectory() as folder:
        async with MultiStepProcessor(Path(folder) / "bot.db", announce=False) as bot:
            workflow_id = bot.define({"name": "Flow", "steps": steps})
            shown = {each.step: each.detail for each in effects(bot.get_workflow(workflow_id), context)}
            ended = await bot.wait(await bot.execute_workflow(workflow_id, context), 30)
            done = {name: each.result.data for name, each in ended.steps.items() if each.result and each.result.success}
            return shown, done


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=6), st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_every_value_that_is_shown_is_the_one_that_is_used(
    steps: list[tuple[str, dict[str, Any], dict[str, Any]]], context: dict[str, Any]
) -> None:
    """Whatever the order of the steps is, and whatever they set, save and fail at."""
    made = [
        {
            "name": f"S{n}",
            "handler": handler,
            "params": params,
            "dependencies": [f"S{n - 1}"] if n else [],
            "retry_count": 0,
            "run_when": "all_settled",
            "on_error": "continue",
            **fields,
        }
        for n, (handler, params, fields) in enumerate(steps)
    ]
    shown, done = asyncio.run(run(made, context))

    for each in made:
        if each["params"].get("key") == "probe" and each["name"] in done:
            value = re.fullmatch(r'key="probe" value="(of )?\{context\..*? = (.*)\}"', shown[each["name"]])
            assert value is not None
            if value[2] != "?":
                told = json.loads(value[2])
                text = told if isinstance(told, str) else value[2]
                assert (f"of {text}" if value[1] else told) == done[each["name"]]


async def test_a_default_that_a_step_puts_out_of_use_is_not_shown_as_the_value() -> None:
    """Nor one that the engine does, when a step fails."""
    fail: dict[str, Any] = {"name": "Fail", "handler": "condition_check", "params": {"condition": "context.no.n == 1"}}
    fail |= {"on_error": "continue", "retry_count": 0}
    steps = [
        {"name": "Set", "handler": "set_context", "params": {"key": "who", "value": "Mallory"}},
        fail,
        {
            "name": "Show",
            "handler": "set_context",
            "params": {"key": "probe", "value": "{context.who|Ana} {context.failed_step|none}"},
            "dependencies": ["Set", "Fail"],
            "run_when": "all_settled",
        },
    ]
    shown, done = await run(steps, {})

    assert "Mallory Fail" == done["Show"]
    assert 'key="probe" value="{context.who|Ana = ?} {context.failed_step|none = ?}"' == shown["Show"]


# Marks.


@pytest.mark.parametrize(
    "text", ["Dear Ana, " + "x" * 200 + "pay" + "y" * 200 + " yours, Bob", "a  b", "{context.a}" + "z" * 400]
)
def test_what_stands_in_a_question_cannot_be_asked_for_itself(text: str) -> None:
    """A text that is written as another one is shown, mark and all, is shown in another way."""
    first = effects(workflow(tell(text)))[0].detail
    again = tell(first[1:-1])

    assert effects(workflow(again))[0].detail != first
    assert question(tell(text)) != question(again)


def test_a_path_cannot_be_that_of_another_with_its_mark() -> None:
    """In addresses marks are spelled out as well; and so they are in names of steps."""
    one = step("S", handler="file_operation", params={"operation": "delete", "file_path": "a  b.txt"})
    (row,) = rows(one)
    shown = row.removeprefix("📄 deletes the file ").removesuffix(" · S")
    other = step("S", handler="file_operation", params={"operation": "delete", "file_path": shown})
    named = step(f"S {MARK.findall(row)[0]}", handler="report")

    assert "a b.txt [" == shown[:9]
    assert [row] != rows(other)
    assert [] == [mark for each in (other, named) for mark in MARK.findall(rows(each)[0].split("[+")[0])]


def test_many_texts_cannot_be_written_as_they_are_shown() -> None:
    """Where there is little room, the details get shorter, and still nobody else's text has a mark."""
    texts = [f"Dear {name}, {'x' * 180}pay{'y' * 70} yours {n}" for name in ("Ana", "Bob") for n in range(7)]
    steps = [tell(text, 90 + (n > 6), f"S{n}") for n, text in enumerate(texts)]
    details = [re.search(r' 9[01] "(.*)" · S', row) for row in rows(*steps)]
    forged = [
        step(each.name, handler="send_message", params={**each.params, "text": detail[1]})
        for each, detail in zip(steps, details, strict=True)
        if detail
    ]

    assert len(steps) == len(forged)
    assert question(*steps) != question(*forged)


@pytest.mark.parametrize("chats", [(5, "5", '"5"', "'5'"), ("None", None), ("@ana", '"@ana"'), (-5, "-5")])
def test_no_two_chats_look_the_same(chats: tuple[Any, ...]) -> None:
    """Ids that are text stand in quotes."""
    assert len(chats) == len({question(tell("Hi", chat)) for chat in chats})


def test_letters_that_change_the_order_of_an_address_are_spelled_out() -> None:
    """A path could be read from its other end."""
    path = "a/\u05d0/1/\u0627"
    (row,) = rows(step("S", handler="file_operation", params={"operation": "delete", "file_path": path}))

    assert r"📄 deletes the file a/\u05d0/1/\u0627 · S" == row


def test_a_crowd_of_calls_hides_none_that_is_not_encrypted_or_that_uses_a_secret() -> None:
    """These share a row with their like alone."""
    plain = [call(f"S{n}", f"https://a.example/{n}") for n in range(20)]
    odd = [call("Http", "http://a.example/x"), call("Key", "https://a.example/y", A="{secret.TOKEN}")]
    found = rows(*plain[:10], *odd, *plain[10:])

    assert 3 == len(found)
    assert [1, 1] == [len([row for row in found if words in row]) for words in ("http://a.example/x", "secrets=TOKEN")]
