"""Quotas as a reply meets them: one more than the limit does nothing and names limit and number; the limit passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from syncara import ValidationError
from syncara.policy.quotas import Quotas
from tests.policy.ground import MINE, OTHER, Ground, difference

OPEN = 2
"""Runs of each chat that have not ended when the tests begin."""
STARTED = 4
"""Runs that each chat has started in the hour before."""


class Case(NamedTuple):
    quota: str
    limit: int
    reply: Callable[[int], str]
    """Of a number: what asks for so much."""
    name: str = ""


def quick(*steps: dict[str, Any], named: str = "") -> str:
    return f"[MULTISTEP:QUICK_WORKFLOW:X:{json.dumps(steps)}{named}]"


def step(name: str = "A", **fields: Any) -> dict[str, Any]:
    return {"name": name, "handler": "greet", "params": {}, **fields}


def padded(size: int) -> str:
    """A reply of so many bytes, of which some are no ASCII."""
    start = quick(step()) + "\n\u00e9"
    return start + "." * (size - len(start.encode()))


def sized(name: str, size: int) -> dict[str, str]:
    """An object that is so large as JSON."""
    return {name: text(size - len(msgspec.json.encode({name: ""})))}


def text(length: int) -> str:
    return ("tea and " * length)[:length]


def codes(count: int) -> str:
    return "\n".join(["[MULTISTEP:LIST_WORKFLOWS]"] * (count - 1) + [quick(step())])


def looked_at(command: str) -> Callable[[int], str]:
    """So many steps in all: one that is started, and the same one again and again."""
    return lambda count: "\n".join([quick(step()), *[f"[MULTISTEP:{command}:workflow_id]"] * (count - 1)])


def chain(count: int) -> str:
    """So many steps and dependencies; of an even number, the last step has two."""
    waits: list[list[str]] = [[], *([f"S{n}"] for n in range((count + 1) // 2 - 1))]
    waits[-1] = [*waits[-1], *["S0"] * (count % 2 == 0)]
    return quick(*(step(f"S{n}", dependencies=names) for n, names in enumerate(waits)))


def tasks(count: int) -> str:
    """So many steps, those in a group and the group itself included."""
    return quick(step(handler="parallel_group", params={"tasks": [step(f"T{n}") for n in range(count - 1)]}))


def made_with(count: int) -> str:
    return f"[MULTISTEP:CREATE_WORKFLOW:X:::{count}]\n[MULTISTEP:ADD_STEP:X:A:greet]\n[MULTISTEP:EXECUTE:X]"


def timeout(seconds: int) -> str:
    return f"[MULTISTEP:CREATE_WORKFLOW:X::{seconds}]\n[MULTISTEP:ADD_STEP:X:A:greet]\n[MULTISTEP:EXECUTE:X]"


def delayed(seconds: int) -> str:
    wait = step("A", handler="delay", params={"seconds": seconds})
    return quick(step("G", handler="parallel_group", params={"tasks": [wait]}))


def starts(before: int) -> Callable[[int], str]:
    """So many runs, with those that there are already."""
    return lambda count: "\n".join([quick(step(params={}))] * (count - before))


CASES = [
    Case("reply_bytes", 400, padded),
    Case("commands", 3, codes),
    Case("reply_steps", 4, looked_at("PREVIEW"), "of previews"),
    Case("reply_steps", 4, looked_at("SHOW"), "of trees"),
    Case("reply_steps", 4, looked_at("EXECUTE"), "of runs"),
    Case("reply_steps", 5, chain, "with dependencies"),
    Case("steps", 4, tasks),
    Case("params_bytes", 40, lambda size: quick(step(params=sized("user", size)))),
    Case("context_bytes", 40, lambda size: quick(step(), named=f":context={json.dumps(sized('a', size))}")),
    Case("open_executions", OPEN + 2, starts(OPEN)),
    Case("starts_per_hour", STARTED + 2, starts(STARTED)),
    Case("longest_s", 1_800, delayed, "a delay"),
    Case("longest_s", 3_000, timeout, "a whole run"),
    Case(
        "longest_s", 3_000, lambda seconds: f"[MULTISTEP:SCHEDULED_WORKFLOW:Tea:{seconds}]", "a start that lies ahead"
    ),
    Case("retries", 3, lambda count: quick(step(retries=count))),
    Case("parallel_steps", 7, made_with),
    Case("parallel_steps", 7, lambda count: f"[MULTISTEP:BATCH_PROCESS:greet:[{{}}]:{count}]", "of a batch"),
    Case("condition_chars", 20, lambda length: quick(step(condition="1 < 1".ljust(length, "0")))),
]
"""The quotas of the policy, each with a reply that asks for a given number of it."""


def of_chat(quota: str, limit: int) -> dict[str, Any]:
    return {"chat": [{"id": MINE, "quotas": {quota: limit}}]}


async def changed(ground: Ground, reply: str, chat_id: Any = MINE) -> tuple[list[str], list[str]]:
    """What a reply changes, and what it is told of quotas."""
    before = ground.facts()
    told = await ground.reply(reply, chat_id, chat_id)
    messages = dict.fromkeys(each.message for each in told.errors if each.code == "quota_exceeded")
    return difference(before, ground.facts()), list(messages)


EACH = pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.quota} {case.name}".strip()) for case in CASES])


def test_every_quota_is_here() -> None:
    """A new one needs a case; those that hold while a run goes on are tried below."""
    assert {*Quotas.__struct_fields__} == {*(case.quota for case in CASES), "result_bytes", "run_bytes"}


@EACH
async def test_one_more_than_the_limit_is_refused_by_name_and_number(ground: Ground, case: Case) -> None:
    """Nothing of the reply happens."""
    await ground.restart({"quotas": {case.quota: case.limit}})
    expected = f"{case.quota} is {case.limit + 1}; the limit is {case.limit} (quotas.{case.quota})"

    assert ([], [expected]) == await changed(ground, case.reply(case.limit + 1))


@EACH
async def test_the_limit_itself_passes(ground: Ground, case: Case) -> None:
    """A run has been started."""
    await ground.restart({"quotas": {case.quota: case.limit}})
    facts, told = await changed(ground, case.reply(case.limit))

    assert [] == told
    assert [] != [fact for fact in facts if fact.startswith("run of ")]


@EACH
async def test_a_chats_quota_holds_in_that_chat(ground: Ground, case: Case) -> None:
    """In another one the same reply passes."""
    await ground.restart(of_chat(case.quota, case.limit))
    reply = case.reply(case.limit + 1)

    assert [] == (await changed(ground, reply))[0]
    assert [] == (await changed(ground, reply.replace("Tea", "Payroll"), OTHER))[1]


@pytest.mark.parametrize("quota", ["open_executions", "starts_per_hour", "commands", "steps"])
async def test_zero_is_a_limit(ground: Ground, quota: str) -> None:
    """Where the policy says 0, the chat can start nothing."""
    await ground.restart(of_chat(quota, 0))

    assert [] == (await changed(ground, quick(step())))[0]


async def test_a_result_that_is_too_large_fails_its_step(ground: Ground) -> None:
    """It is known only when it is there; then neither it nor what would have followed is kept or done."""
    await ground.restart({"quotas": {"result_bytes": 40}})
    steps = [
        step("Get", handler="get_context", params={"key": "a"}, save_as="b"),
        step("Use", dependencies=["Get"]),
    ]
    ends = []
    for size in (41, 40):
        reply = await ground.reply(quick(*steps, named=f":context={json.dumps({'a': text(size - 2)})}"))
        run = ground.bot.get_execution(reply.execution_ids[0])
        ends.append((run.status, run.code, "b" in run.context, len(ground.called)))
        if run.error:
            assert "the handler's result is 41 bytes as JSON; the limit is 40" in run.error

    assert [("failed", "result_too_large", False, 0), ("completed", "", True, 1)] == ends


async def test_a_context_that_grows_too_large_fails_the_step_that_makes_it_so(ground: Ground) -> None:
    """By `set_context` and by `save_as`; at the limit it passes, beyond it nothing is changed and nothing retried."""
    await ground.restart({"quotas": {"context_bytes": 40}})
    ways: list[Callable[[str], dict[str, Any]]] = [
        lambda value: step("A", handler="set_context", params={"key": "b", "value": value}),
        lambda value: step("A", handler="get_context", params={"key": "x", "default": value}, save_as="b"),
    ]
    ends = []
    for way in ways:
        for size in (41, 40):
            value = text(size - len(msgspec.json.encode({"a": 1, "b": ""})))
            reply = await ground.reply(quick(way(value), named=':context={"a":1}'))
            run = ground.bot.get_execution(reply.execution_ids[0])
            ends.append((run.code, run.steps["A"].error, run.steps["A"].attempts, "b" in run.context))

    told = "context_bytes is 41; the limit is 40 (quotas.context_bytes)"
    assert [("quota_exceeded", told, 1, False), ("", None, 1, True)] * 2 == ends


async def test_steps_side_by_side_fill_one_context(ground: Ground) -> None:
    """Each fits into the context that it began with; the sum counts, so that only the first ones fit."""
    await ground.restart({"quotas": {"context_bytes": 40}})
    steps = [
        step(f"S{n}", handler="set_context", params={"key": f"k{n}", "value": text(8)}, on_error="continue")
        for n in range(5)
    ]
    reply = await ground.reply(quick(*steps))
    run = ground.bot.get_execution(reply.execution_ids[0])

    assert ["completed"] * 2 + ["failed"] * 3 == [str(each.status) for each in run.steps.values()]
    assert {"k0": text(8), "k1": text(8)} == {key: run.context[key] for key in run.context if key.startswith("k")}


async def test_the_developers_results_have_the_developers_limit(ground: Ground) -> None:
    """Nobody else's: an assistant's does not hold them, and the line of their own does."""
    made = ground.bot.define(
        {"name": "Made", "steps": [{"name": "A", "handler": "get_context", "params": {"key": "a"}}]}
    )
    ends = []
    for quotas in ({"result_bytes": 40}, {"developer": {"result_bytes": 40}}):
        await ground.restart({"quotas": quotas})
        for size in (41, 40):
            run = await ground.bot.execute_workflow(made, {"a": text(size - 2)}, chat_id=MINE)
            ends.append((await ground.bot.wait(run, 10)).code)

    assert ["", "", "result_too_large", ""] == ends


async def test_the_starts_of_an_hour_are_counted_over_replies_and_restarts(ground: Ground) -> None:
    """An hour later the chat may start runs again."""
    await ground.restart(of_chat("starts_per_hour", STARTED + 2))
    for _ in range(2):
        assert [] == (await changed(ground, quick(step())))[1]
        await ground.restart(of_chat("starts_per_hour", STARTED + 2))

    assert [] == (await changed(ground, quick(step())))[0]
    ground.clock.advance(3_601)
    assert [] == (await changed(ground, quick(step())))[1]


async def test_another_chats_runs_do_not_count(ground: Ground) -> None:
    """A busy chat takes nothing from the others."""
    await ground.restart({"quotas": {"starts_per_hour": STARTED + 1}})
    await ground.reply(quick(step()), OTHER, OTHER)

    assert [] == (await changed(ground, quick(step()), OTHER))[0]
    assert [] == (await changed(ground, quick(step())))[1]


async def test_the_developer_has_quotas_of_the_developers(ground: Ground) -> None:
    """Those of an assistant are not theirs, and a line of their own holds buttons too."""
    fields = {"name": "Made", "steps": [step("A"), step("B")]}
    await ground.restart({"quotas": {"steps": 1}})
    await ground.bot.give_command("MULTISTEP:QUICK_WORKFLOW", fields, chat_id=MINE)
    await ground.restart({"quotas": {"developer": {"steps": 1}}})
    before = ground.facts()
    with pytest.raises(ValidationError, match=r"steps is 2; the limit is 1 \(quotas\.steps\)"):
        await ground.bot.give_command("MULTISTEP:QUICK_WORKFLOW", fields, chat_id=MINE)

    assert before == ground.facts()


async def test_what_a_reply_adds_to_counts_as_a_whole(ground: Ground) -> None:
    """All of a definition is checked again when a step is added to it."""
    await ground.restart({"quotas": {"reply_steps": 5}})
    await changed(ground, quick(*(step(f"S{n}") for n in range(5))))

    told = ["reply_steps is 6; the limit is 5 (quotas.reply_steps)"]
    assert ([], told) == await changed(ground, "[MULTISTEP:ADD_STEP:X:S5:greet]")
