"""What the items of a batch become."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncara import ExecutionStatus, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput


class Guest(msgspec.Struct):
    name: str
    table: int = 1


class Tone(msgspec.Struct):
    pitch: str = "a"


class Pair(msgspec.Struct):
    item: str
    other: str


class Choice(msgspec.Struct):
    red: bool = False
    blue: bool = False


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[MultiStepProcessor]:
    found = MultiStepProcessor(tmp_path / "batches.db")
    for kind in (Guest, Tone, Pair, Choice):
        found.register_handler(kind.__name__, echo, params=kind)
    found.register_handler("anything", echo)
    yield found
    found.close()


def echo(step: StepInput, execution: ExecutionInput) -> Any:
    """The params that a step was given."""
    return step.params


def made(bot: MultiStepProcessor, handler: str, items: list[Any]) -> list[dict[str, Any]]:
    return [step.params for step in bot.get_workflow(bot.create_batch(handler, items)).steps]


@pytest.mark.parametrize(
    ("handler", "items", "params"),
    [
        ("log", ["Bayam 5 ikat", 2, [3]], [{"message": "Bayam 5 ikat"}, {"message": 2}, {"message": [3]}]),
        ("send_message", ["Hello", {"text": "Hi", "chat_id": 4}], [{"text": "Hello"}, {"text": "Hi", "chat_id": 4}]),
        ("delay", [1, 0.5], [{"seconds": 1}, {"seconds": 0.5}]),
        ("get_context", ["total"], [{"key": "total"}]),
        ("parallel_group", [[{"name": "A", "handler": "log"}]], [{"tasks": [{"name": "A", "handler": "log"}]}]),
        ("Guest", ["Ana", {"name": "Budi", "table": 2}], [{"name": "Ana"}, {"name": "Budi", "table": 2}]),
        ("Tone", ["c"], [{"pitch": "c"}]),
        ("anything", ["a", None, {"b": 1}], [{"item": "a"}, {"item": None}, {"b": 1}]),
        ("not_registered_yet", ["a"], [{"item": "a"}]),
    ],
)
def test_an_item_that_is_no_dict_is_the_only_param_that_can_be_meant(
    bot: MultiStepProcessor, handler: str, items: list[Any], params: list[dict[str, Any]]
) -> None:
    """The only required one, or the only one at all; a handler that declares none is given `item`."""
    assert params == made(bot, handler, items)


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("database_operation", "there is no param 'item'"),
        ("set_context", "there is no param 'item'"),
        ("Pair", "param 'other' is missing"),
        ("Choice", "there is no param 'item'"),
    ],
)
def test_an_item_that_may_be_several_params_is_refused(bot: MultiStepProcessor, handler: str, message: str) -> None:
    """Nothing says which of them it is to be."""
    problems = bot.validate(bot.create_batch(handler, ["a"]))

    assert message in [problem.message for problem in problems]


async def test_each_item_has_a_result_of_its_own(bot: MultiStepProcessor) -> None:
    """One that fails leaves the others alone, whatever shape they have."""
    workflow = bot.create_batch("log", ["satu", {"message": "{context.missing}"}, 3])
    run = await bot.wait(await bot.execute_workflow(workflow))

    assert ExecutionStatus.COMPLETED_WITH_ERRORS == run.status
    said = [step.result.data for step in run.steps.values() if step.result is not None and step.result.success]
    assert ["satu", "3"] == [each["message"] for each in said]
