"""What a handler does to what it was given stays with it, unless it succeeds and the context takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncara import Execution, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from tests.integration.support import HANG_S

USERS = {"users": [{"name": "Ana"}]}
Handler = Callable[[StepInput, ExecutionInput], Any]


class Read(msgspec.Struct):
    users: Any


def appended(users: Any) -> None:
    users[0]["name"] = "Eve"
    users.append("more")


def by_key(step: StepInput, execution: ExecutionInput) -> None:
    appended(execution.context["users"])


def by_type(step: StepInput, execution: ExecutionInput) -> None:
    appended(msgspec.convert(execution.context, Read).users)


def by_dict(step: StepInput, execution: ExecutionInput) -> None:
    appended(dict.get(execution.context, "users"))


def by_items(step: StepInput, execution: ExecutionInput) -> None:
    appended(dict(execution.context.items())["users"])


def of_a_step(step: StepInput, execution: ExecutionInput) -> None:
    appended(execution.steps([("steps", "First")])["First"]["data"]["users"])


def of_what_is_covered(step: StepInput, execution: ExecutionInput) -> None:
    appended(step.params["users"])


async def ran(database: Path, handler: Handler, *, fails: bool = False, save_as: str | None = None) -> Execution:
    """A run whose first step returns the users, the second calls the handler, and the third returns what it finds."""

    def called(step: StepInput, execution: ExecutionInput) -> Any:
        result = handler(step, execution)
        if fails:
            raise ValueError("no")
        return result

    def found(step: StepInput, execution: ExecutionInput) -> Any:
        return [step.params["users"], execution.context.get("users")]

    async with MultiStepProcessor(database) as bot:
        bot.register_handler("give", lambda step, execution: execution.context)
        bot.register_handler("call", called)
        bot.register_handler("find", found)
        given = {"params": {"users": "{steps.First.data.users}"}, "retry_count": 0, "on_error": "continue"}
        steps = [
            {"name": "First", "handler": "give"},
            {"name": "Second", "handler": "call", "dependencies": ["First"], "save_as": save_as, **given},
            {"name": "Third", "handler": "find", "dependencies": ["Second"], **given},
        ]
        run = await bot.execute_workflow(bot.define({"name": "Own", "steps": steps}), USERS)
        return await bot.wait(run, HANG_S)


@pytest.mark.parametrize("handler", [by_key, by_type, by_dict, by_items, of_a_step, of_what_is_covered])
async def test_a_failed_attempt_changes_nothing(tmp_path: Path, handler: Handler) -> None:
    """By whatever way it reached the values: not the context, nor a step's result, nor what later steps are given."""
    done = await ran(tmp_path / "a.db", handler, fails=True)

    assert [USERS["users"]] * 2 == done.steps["Third"].result.data  # type: ignore[union-attr]
    assert USERS == {"users": done.context["users"]} == done.steps["First"].result.data  # type: ignore[union-attr]


@pytest.mark.parametrize("handler", [by_key, by_type, by_dict, by_items])
async def test_a_success_changes_the_context_and_no_result(tmp_path: Path, handler: Handler) -> None:
    """The nested change is committed, whatever way it was made."""
    done = await ran(tmp_path / "a.db", handler)

    assert [{"name": "Eve"}, "more"] == done.context["users"]
    assert USERS == done.steps["First"].result.data  # type: ignore[union-attr]


async def test_the_context_is_json_that_can_be_passed_on(tmp_path: Path) -> None:
    """As a result, into another run, and into a collection."""
    async with MultiStepProcessor(tmp_path / "a.db") as bot:
        child = bot.define({"name": "Child", "steps": [{"name": "A", "handler": "log", "params": {"message": "x"}}]})

        async def pass_on(step: StepInput, execution: ExecutionInput) -> dict[str, Any]:
            run = await bot.execute_workflow(child, execution.context)
            await bot.documents.insert("kept", [{"context": execution.context}])
            return {"run": run, "all": execution.context}

        bot.register_handler("pass_on", pass_on)
        made = bot.define({"name": "Parent", "steps": [{"name": "A", "handler": "pass_on", "retry_count": 0}]})
        done = await bot.wait(await bot.execute_workflow(made, USERS), HANG_S)
        kept = await bot.documents.find("kept", {})

    assert ("completed", USERS) == (done.status, done.steps["A"].result.data["all"])  # type: ignore[union-attr]
    assert [USERS] == [each["context"] for each in kept]


async def test_what_is_saved_comes_after_what_the_handler_took_away(tmp_path: Path) -> None:
    """Under the same key."""
    done = await ran(tmp_path / "a.db", lambda step, execution: len(execution.context.pop("users")), save_as="users")

    assert {"users": 1} == done.context
