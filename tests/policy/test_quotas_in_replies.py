"""Quotas as a reply meets them: one more than the limit does nothing and names limit and number; the limit passes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from syncara import ValidationError
from syncara.policy.quotas import Quotas
from tests.policy.ground import MINE, OTHER, Ground, World, difference, ground_in, made

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
    return {name: "x" * (size - len(msgspec.json.encode({name: ""})))}


def codes(count: int) -> str:
    return "\n".join(["[MULTISTEP:LIST_WORKFLOWS]"] * (count - 1) + [quick(step())])


def tasks(count: int) -> str:
    """So many steps, those in a group and the group itself included."""
    return quick(step(handler="parallel_group", params={"tasks": [step(f"T{n}") for n in range(count - 1)]}))


def made_with(fields: str) -> str:
    return f"[MULTISTEP:CREATE_WORKFLOW:X:::{fields}]\n[MULTISTEP:ADD_STEP:X:A:greet]\n[MULTISTEP:EXECUTE:X]"


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
    Case("steps", 4, tasks),
    Case("params_bytes", 40, lambda size: quick(step(params=sized("user", size)))),
    Case(
        "params_bytes",
        40,
        lambda size: quick(step("G", handler="parallel_group", params={"tasks": [step("T", params=sized("u", size))]})),
        "of a task",
    ),
    Case("context_bytes", 40, lambda size: quick(step(), named=f":context={json.dumps(sized('a', size))}")),
    Case("open_executions", OPEN + 2, starts(OPEN)),
    Case("open_executions", 0, lambda count: quick(step()), "none at all"),
    Case("starts_per_hour", STARTED + 2, starts(STARTED)),
    Case("longest_s", 3_000, delayed, "a delay"),
    Case("longest_s", 3_000, timeout, "a whole run"),
    Case("longest_s", 3_000, lambda seconds: f"[MULTISTEP:SCHEDULED_WORKFLOW:Tea:{seconds}]", "a start that lies ahead"),
    Case("retries", 3, lambda count: quick(step(retries=count))),
    Case("retries", 3, lambda count: "[MULTISTEP:BATCH_PROCESS:greet:[{}]]" + f"\n{quick(step(retry_count=count))}", "two"),
    Case("parallel_steps", 7, made_with),
    Case("parallel_steps", 7, lambda count: f"[MULTISTEP:BATCH_PROCESS:greet:[{{}}]:{count}]", "of a batch"),
    Case("condition_chars", 20, lambda length: quick(step(condition="1 == 1".ljust(length - 1) + " "))),
]
"""The quotas of the policy, each with a reply that asks for a given number of it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return asyncio.run(made(tmp_path_factory.mktemp("world")))


@pytest.fixture
async def ground(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ground]:
    async with ground_in(tmp_path, world, monkeypatch) as started:
        yield started
