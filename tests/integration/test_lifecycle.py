"""The singleton and its event loops: where an engine lives, and what becomes of its runs when that ends."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from syncara import InvalidStateError, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.runtimes import local
from tests.integration.support import (
    HANG_S,
    Gate,
    Stubborn,
    clean_ends,
    completes,
    noop,
    one_step,
    run_program,
    statuses,
)

# The singleton.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("script.py", "completed 123456789\n"),
        ("several_runs.py", "completed\nrunning\ncompleted\n"),
        ("bot.py", "hello\ncompleted\nstill serving\n"),
    ],
    ids=["in a script", "in several asyncio.run in a row", "inside a running bot"],
)
def test_the_singleton_works(tmp_path: Path, name: str, expected: str) -> None:
    """`multi_step_processor` needs no set-up wherever it is used; SYNCARA_DATABASE says which file."""
    done = run_program(name, env={"SYNCARA_DATABASE": str(tmp_path / "bot.db")}, cwd=tmp_path)

    assert ("", expected, 0) == (done.stderr, done.stdout, done.returncode)
    assert (tmp_path / "bot.db").exists()


def test_importing_touches_nothing(tmp_path: Path) -> None:
    """The import reads its own modules: it writes no file, opens no database or socket and starts no thread."""
    done = run_program("audited_import.py", env={"PYTHONDONTWRITEBYTECODE": "1"}, cwd=tmp_path)

    assert ("", "[]\n", 0) == (done.stderr, done.stdout, done.returncode)
    assert [] == list(tmp_path.iterdir())


async def test_configure_comes_before_the_first_use(database: Path, tmp_path: Path) -> None:
    """Once the database is open it is refused, and nothing changes."""
    processor = MultiStepProcessor()
    processor.configure(database=database)
    workflow_id = processor.create_workflow("Here")

    with pytest.raises(InvalidStateError) as refused:
        processor.configure(database=tmp_path / "other.db")

    assert ("already_open", "call configure before the first workflow is made") == (
        refused.value.code,
        refused.value.fix,
    )
    assert [workflow_id] == [workflow.id for workflow in processor.list_workflows()]
    assert not (tmp_path / "other.db").exists()
    await processor.stop()


# Loops.


async def test_a_second_running_loop_is_refused(processor: MultiStepProcessor) -> None:
    """The engine lives on one loop; a call from another one says so and what to do, and the first goes on."""
    workflow_id = one_step(processor)
    await completes(processor)

    def elsewhere() -> Exception | None:
        try:
            asyncio.run(waits_for(processor.execute_workflow(workflow_id)))
        except InvalidStateError as error:
            return error
        return None

    refused = await asyncio.to_thread(elsewhere)

    assert isinstance(refused, InvalidStateError)
    assert ("other_loop", "the engine runs on another event loop, which is still open") == (
        refused.code,
        refused.message,
    )
    assert "call it from that loop" in refused.fix
    await completes(processor)


async def waits_for(awaitable: Any) -> Any:
    return await awaitable


def test_a_loop_that_closes_interrupts_its_runs(database: Path) -> None:
    """Nothing is cancelled: the attempt under way is made again, under its number, at the next start."""
    processor = MultiStepProcessor(database)
    gate = Gate()
    processor.register_handler("gate", gate)

    async def before() -> str:
        execution_id = await processor.execute_workflow(one_step(processor, "gate"))
        await gate.begun.wait()
        return execution_id

    async def after() -> Any:
        gate.open = asyncio.Event()
        gate.open.set()
        ended = await processor.wait(execution_id, HANG_S)
        history = processor.get_history(execution_id)
        await processor.stop()
        return ended, history

    execution_id = asyncio.run(before())
    interrupted = processor.get_execution(execution_id)
    ended, history = asyncio.run(after())

    assert gate.cancelled.is_set()
    assert ("running", {"Only": "running"}) == (interrupted.status, statuses(interrupted))
    assert ("completed", 1) == (ended.status, ended.steps["Only"].attempts)
    assert [True] == clean_ends(history)


def test_a_loop_that_is_closed_without_a_word_interrupts_too(database: Path) -> None:
    """A loop that was stopped and closed by hand ran no clean-up; the next start takes the runs up all the same."""
    processor = MultiStepProcessor(database)
    processor.register_handler("gate", Gate())
    loop = asyncio.new_event_loop()
    execution_id = loop.run_until_complete(processor.execute_workflow(one_step(processor, "gate")))
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - abandoned on purpose
    loop.close()

    async def after() -> Any:
        processor.register_handler("gate", noop)
        ended = await processor.wait(execution_id, HANG_S)
        await processor.stop()
        return ended

    assert "completed" == asyncio.run(after()).status


async def test_stop_interrupts_and_start_goes_on(database: Path) -> None:
    """`stop` and `start` may follow one another on one processor; a second `stop` does nothing."""
    gate = Gate()
    processor = MultiStepProcessor(database)
    processor.register_handler("gate", gate)
    await processor.start()
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    await gate.begun.wait()

    await processor.stop()
    await processor.stop()
    gate.open.set()
    await processor.start()
    ended = await processor.wait(execution_id, HANG_S)
    await processor.stop()

    assert ("completed", 1) == (ended.status, ended.steps["Only"].attempts)


async def test_a_stop_that_is_given_up_is_finished_all_the_same(database: Path) -> None:
    """A caller that waits no longer for a handler which will not end leaves nobody hanging, and it was no crash."""
    stubborn = Stubborn()
    processor = MultiStepProcessor(database)
    processor.register_handler("stubborn", stubborn)
    execution_id = await processor.execute_workflow(one_step(processor, "stubborn"))
    waiting = asyncio.create_task(processor.wait(execution_id))
    await stubborn.begun.wait()
    stopping = asyncio.create_task(processor.stop())
    await stubborn.cancelled.wait()
    stopping.cancel()
    stubborn.let_go.set()

    with pytest.raises(InvalidStateError) as stopped:
        await asyncio.wait_for(waiting, HANG_S)
    await processor.stop()

    assert "stopped" == stopped.value.code
    assert [True] == await lost_cleanly(database, execution_id, "stubborn")


async def test_a_handler_may_stop_the_engine(database: Path) -> None:
    """A command of the bot, say; its own attempt is interrupted like the others, and made again at the next start."""

    async def shut_down(step: StepInput, execution: ExecutionInput) -> None:
        await go.wait()
        await processor.stop()

    go = asyncio.Event()
    processor = MultiStepProcessor(database)
    processor.register_handler("shut down", shut_down)
    execution_id = await processor.execute_workflow(one_step(processor, "shut down"))
    waiting = asyncio.create_task(processor.wait(execution_id))
    await asyncio.sleep(0)
    go.set()

    with pytest.raises(InvalidStateError) as stopped:
        await asyncio.wait_for(waiting, HANG_S)
    await processor.stop()

    assert "stopped" == stopped.value.code
    assert [True] == await lost_cleanly(database, execution_id, "shut down")


async def lost_cleanly(database: Path, execution_id: str, handler: str) -> list[bool]:
    """Bring the run to its end, and say of each runner that it lost whether that stopped in good order."""
    async with MultiStepProcessor(database) as processor:
        processor.register_handler(handler, noop)
        ended = await processor.wait(execution_id, HANG_S)
        assert "completed" == ended.status
        return clean_ends(processor.get_history(execution_id))


async def test_a_stop_waits_for_a_plain_function_to_return(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the attempt that the next start makes does not overlap with it; one that takes too long is left."""
    loop, begun, let_go, returned = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), list[str]()

    def block(step: StepInput, execution: ExecutionInput) -> None:
        loop.call_soon_threadsafe(begun.set)
        let_go.wait(HANG_S)
        returned.append(execution.id)

    async def stopping(processor: MultiStepProcessor) -> asyncio.Task[None]:
        processor.register_handler("block", block)
        ids.append(await processor.execute_workflow(one_step(processor, "block")))
        await begun.wait()
        stopping = asyncio.create_task(processor.stop())
        await asyncio.wait([stopping], timeout=0)
        return stopping

    ids: list[str] = []
    stops = await stopping(MultiStepProcessor(database))
    before, done = list(returned), stops.done()
    let_go.set()
    await stops
    after = list(returned)
    begun.clear()
    let_go.clear()
    monkeypatch.setattr(local, "STOP_GRACE_S", 0.01)
    await asyncio.wait_for(await stopping(MultiStepProcessor(database.with_name("other.db"))), HANG_S)
    let_go.set()

    assert ([], False, ids[:1]) == (before, done, after)


async def test_a_start_takes_up_every_open_run(database: Path) -> None:
    """Runs that were under way and runs that slept go on by themselves, with nobody asking for them."""
    ended: list[str] = []
    steps = [
        {"name": "Nap", "handler": "delay", "params": {"seconds": 0.05}},
        {"name": "End", "handler": "end", "dependencies": ["Nap"]},
    ]
    async with MultiStepProcessor(database) as before:
        for name in ("end", "gate"):
            before.register_handler(name, Gate())
        nap, held = before.define({"name": "Nap", "steps": steps}), one_step(before, "gate")
        ids = [await before.execute_workflow(workflow_id) for workflow_id in (nap, held) * 10]

    async def end(step: StepInput, execution: ExecutionInput) -> None:
        ended.append(execution.id)
        if len(ended) == len(ids):
            all_ended.set()

    all_ended = asyncio.Event()
    async with MultiStepProcessor(database) as after:
        for name in ("end", "gate"):
            after.register_handler(name, end)
        await asyncio.wait_for(all_ended.wait(), HANG_S)

    assert sorted(ids) == sorted(ended)


async def test_a_second_loop_may_watch_and_may_not_stop(tmp_path: Path) -> None:
    """Watching from another running loop looks at the file; stopping from there is refused with a clear error."""
    async with MultiStepProcessor(tmp_path / "a.db") as bot:
        bot.register_handler("work", noop)
        run = await bot.execute_workflow(bot.define({"name": "One", "steps": [{"name": "A", "handler": "work"}]}))

        async def elsewhere() -> tuple[list[str], str]:
            seen = [type(event).__name__ async for event in bot.watch(run)]
            with pytest.raises(InvalidStateError) as raised:
                await bot.stop()
            return seen, raised.value.code

        seen, code = await asyncio.to_thread(lambda: asyncio.run(elsewhere()))

        assert ("Finished", "other_loop") == (seen[-1], code)
        run = await bot.execute_workflow(bot.get_execution(run).workflow_id)
        assert "completed" == (await bot.wait(run, timeout=HANG_S)).status
