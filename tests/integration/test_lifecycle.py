"""Event loops, signals and processes: where an engine lives, and what becomes of its runs when that ends."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from syncara import DatabaseBusy, InvalidStateError, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.core import events as e
from syncara.runtimes import local
from tests.integration.support import (
    HANG_S,
    Gate,
    Stubborn,
    completes,
    happens,
    kinds,
    next_line,
    noop,
    one_step,
    program,
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
    assert [True] == [event.clean for event in history if isinstance(event, e.RunnerLost)]


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
        return [event.clean for event in processor.get_history(execution_id) if isinstance(event, e.RunnerLost)]


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


# Signals and other processes.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_interrupts(database: Path, number: signal.Signals) -> None:
    """The handler is cancelled, the process ends by the signal, and its end does not count as a crash."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.send_signal(number)
        cancelled = next_line(process)
        process.wait(HANG_S)
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        ended = await processor.wait(execution_id, HANG_S)
        history = processor.get_history(execution_id)

    assert ("cancelled", -number) == (cancelled, process.returncode)
    assert ("completed", 1) == (ended.status, ended.steps["Hold"].attempts)
    assert [True] == [event.clean for event in history if isinstance(event, e.RunnerLost)]


async def test_a_bot_that_handles_sigterm_keeps_its_handler(database: Path) -> None:
    """Where somebody else has a say in the signal, it is theirs to call `stop`."""

    def mine(*arguments: object) -> None: ...

    before = signal.signal(signal.SIGTERM, mine)
    try:
        async with MultiStepProcessor(database):
            during = signal.getsignal(signal.SIGTERM)
        after = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert (mine, mine) == (during, after)


async def test_sigkill_counts_as_a_crash(database: Path) -> None:
    """The run goes on all the same, the attempt under its old number."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.kill()
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        ended = await processor.wait(execution_id, HANG_S)
        history = processor.get_history(execution_id)

    assert ("completed", 1) == (ended.status, ended.steps["Hold"].attempts)
    assert [False] == [event.clean for event in history if isinstance(event, e.RunnerLost)]


async def test_a_stop_right_after_a_start_hides_no_crash(database: Path) -> None:
    """The death before is told of each run, also of those that this start had not reached."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.kill()
    async with MultiStepProcessor(database):
        pass
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        await processor.wait(execution_id, HANG_S)
        history = processor.get_history(execution_id)

    assert [False, True] == [event.clean for event in history if isinstance(event, e.RunnerLost)]


async def test_a_step_that_kills_the_process_three_times_is_poison(database: Path) -> None:
    """It is failed, so that it cannot keep the bot from starting; a run beside it completes."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.kill()
    for _ in range(2):
        with program("hold_again.py", database) as process:
            assert execution_id == next_line(process)
            process.kill()
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        ended = await processor.wait(execution_id, HANG_S)
        await completes(processor)

    assert ("failed", "poison") == (ended.status, ended.code)
    assert "the process died 3 times while this step was running" == ended.steps["Hold"].error


async def test_sigterm_never_makes_poison(database: Path) -> None:
    """However often a deployment interrupts a step, it is made again."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.terminate()
        process.wait(HANG_S)
    for _ in range(2):
        with program("hold_again.py", database) as process:
            assert execution_id == next_line(process)
            process.terminate()
            process.wait(HANG_S)
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)

        assert "completed" == (await processor.wait(execution_id, HANG_S)).status


async def test_a_second_runner_is_refused_and_may_define_and_read(database: Path) -> None:
    """One process runs the workflows of a file; another one gets its pid, and works beside it without running."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        second = MultiStepProcessor(database)
        with pytest.raises(DatabaseBusy) as busy:
            await second.start()
        workflow_id = second.create_workflow("Beside")
        second.add_step(workflow_id, "Say", "log", {"message": "hi"})
        problems, seen = second.validate(workflow_id), second.get_execution(execution_id)
        with pytest.raises(DatabaseBusy):
            await second.execute_workflow(workflow_id)
        process.terminate()
        process.wait(HANG_S)
        await completes(second)
        await second.stop()

    assert ("database_busy", process.pid) == (busy.value.code, busy.value.pid)
    assert f"process {process.pid} already runs the workflows of this database" == busy.value.message
    assert ([], "running", {"Hold": "running"}) == (problems, seen.status, statuses(seen))


async def test_a_read_only_processor_looks_at_a_run_under_way(database: Path) -> None:
    """Everything that reads works beside the process that runs the workflows."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        reader = MultiStepProcessor(database, read_only=True)
        seen = reader.get_execution(execution_id)
        history = kinds(reader.get_history(execution_id))
        listed = [run.id for run in reader.list_executions()]
        await reader.stop()

    assert ("running", {"Hold": "running"}) == (seen.status, statuses(seen))
    assert (["Started", "StepScheduled"], [execution_id]) == (history, listed)


async def test_a_second_runner_in_the_same_process_is_refused(processor: MultiStepProcessor, database: Path) -> None:
    """Two processors on one file would make every decision twice, wherever they live."""
    second = MultiStepProcessor(database)
    with pytest.raises(DatabaseBusy) as busy:
        await second.start()
    await second.stop()
    await completes(processor)

    assert os.getpid() == busy.value.pid


# Handlers and the time they take.


async def test_a_handlers_own_cancelled_error_is_a_failed_attempt(processor: MultiStepProcessor) -> None:
    """Nobody cancelled it, so it counts as any other error, and is retried."""

    async def give_up(step: StepInput, execution: ExecutionInput) -> str:
        if execution.attempt == 1:
            raise asyncio.CancelledError
        return "second time lucky"

    processor.register_handler("give up", give_up)
    execution_id = await processor.execute_workflow(one_step(processor, "give up", retry_count=1, retry_delay=0))
    ended = await processor.wait(execution_id, HANG_S)
    erred = [event.error for event in processor.get_history(execution_id) if isinstance(event, e.StepErred)]

    assert ("completed", 2, ["CancelledError"]) == (ended.status, ended.steps["Only"].attempts, erred)


async def test_a_cancel_reaches_an_async_handler(processor: MultiStepProcessor) -> None:
    """It gets CancelledError where it waits, and may clean up."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    await gate.begun.wait()

    await processor.cancel_execution(execution_id)

    await asyncio.wait_for(gate.cancelled.wait(), HANG_S)
    assert "cancelled" == processor.get_execution(execution_id).status


async def test_a_plain_function_runs_in_a_thread(processor: MultiStepProcessor) -> None:
    """It may block: the loop goes on, other runs complete meanwhile, and its context changes count."""
    begun, let_go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def block(step: StepInput, execution: ExecutionInput) -> bool:
        loop.call_soon_threadsafe(begun.set)
        execution.context["waited"] = let_go.wait(HANG_S)
        return threading.current_thread() is not threading.main_thread()

    processor.register_handler("block", block)
    execution_id = await processor.execute_workflow(one_step(processor, "block"))
    await begun.wait()
    await completes(processor)
    meanwhile = processor.get_execution(execution_id).status
    let_go.set()
    ended = await processor.wait(execution_id, HANG_S)
    result = ended.steps["Only"].result

    assert result is not None
    assert ("running", "completed", True, {"waited": True}) == (meanwhile, ended.status, result.data, ended.context)


async def test_an_attempt_that_takes_too_long_is_cancelled_and_retried(processor: MultiStepProcessor) -> None:
    """`timeout` is seconds per attempt; the code of the failure says `timeout`."""
    cancelled = []

    async def slow(step: StepInput, execution: ExecutionInput) -> str:
        if execution.attempt == 1:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                cancelled.append(execution.attempt)
        return "in time"

    processor.register_handler("slow", slow)
    execution_id = await processor.execute_workflow(
        one_step(processor, "slow", timeout=0.02, retry_count=1, retry_delay=0)
    )
    ended = await processor.wait(execution_id, HANG_S)
    erred = [event for event in processor.get_history(execution_id) if isinstance(event, e.StepErred)]

    assert ("completed", 2, [1]) == (ended.status, ended.steps["Only"].attempts, cancelled)
    assert [("timeout", "the attempt took longer than its timeout of 0.02 s")] == [(x.code, x.error) for x in erred]


async def test_a_run_that_takes_too_long_fails(processor: MultiStepProcessor) -> None:
    """`global_timeout` is seconds for the whole run; what is under way is cancelled, recovery steps still run."""
    gate = Gate()
    processor.register_handler("gate", gate)
    workflow_id = processor.define(
        {
            "name": "Slow",
            "global_timeout": 0.3,
            "steps": [
                {"name": "Held", "handler": "gate"},
                {"name": "Never", "handler": "noop", "dependencies": ["Held"]},
                {"name": "Recover", "handler": "noop", "dependencies": ["Held"], "run_when": "any_failed"},
            ],
        }
    )
    execution_id = await processor.execute_workflow(workflow_id)
    ended = await processor.wait(execution_id, HANG_S)

    assert gate.cancelled.is_set()
    assert ("failed", "global_timeout") == (ended.status, ended.code)
    assert {"Held": "cancelled", "Never": "skipped", "Recover": "completed"} == statuses(ended)


async def test_a_handler_gone_missing_blocks_its_step_until_it_is_back(database: Path) -> None:
    """After a restart without the handler the step is `blocked`, not failed; registering it lets the run go on."""
    gate = Gate()
    async with MultiStepProcessor(database) as before:
        before.register_handler("gate", gate)
        execution_id = await before.execute_workflow(one_step(before, "gate"))
        await gate.begun.wait()
    async with MultiStepProcessor(database) as after:
        await happens(after, execution_id, e.StepBlocked)
        blocked = after.get_execution(execution_id)
        await completes(after)
        after.register_handler("gate", noop)
        ended = await after.wait(execution_id, HANG_S)

    step = blocked.steps["Only"]
    assert ("running", "blocked", "the handler 'gate' is not registered in this process") == (
        blocked.status,
        step.status,
        step.reason,
    )
    assert ("completed", 1) == (ended.status, ended.steps["Only"].attempts)


async def test_hands_off_steers_a_run_and_runs_no_step(tmp_path: Path) -> None:
    """A tool can cancel a run of a bot that is down; the bot's other open runs are left as they are."""
    database, called = tmp_path / "a.db", list[str]()

    async def work(step: Any, execution: Any) -> None:
        called.append(step.name)

    steps = [{"name": "Wait", "handler": "delay", "params": {"seconds": 60}}, {"name": "Work", "handler": "work"}]
    async with MultiStepProcessor(database) as bot:
        bot.register_handler("work", work)
        workflow = bot.define({"name": "Two", "max_parallel_steps": 1, "steps": steps})
        runs = [await bot.execute_workflow(workflow) for _ in range(2)]
        await bot.pause_execution(runs[0])
        before = [len(bot.get_history(run)) for run in runs]

    async with MultiStepProcessor(database, hands_off=True) as tool:
        tool.register_handler("work", work)
        assert await tool.resume_execution(runs[0])
        assert await tool.cancel_execution(runs[0])

        assert ["cancelled", "running"] == [str(tool.get_execution(run).status) for run in runs]
        assert before[1] == len(tool.get_history(runs[1]))
    assert [] == called


async def test_a_run_that_ended_while_it_was_blocked_stays_ended(tmp_path: Path) -> None:
    """Registering the handler that it lacked does not bring it back, and waiting for it returns at once."""
    async with MultiStepProcessor(tmp_path / "a.db") as bot:
        bot.register_handler("gone", noop)
        workflow = bot.define({"name": "One", "steps": [{"name": "A", "handler": "gone"}]})
        await bot.execute_workflow(workflow)  # which finds the definition right
        bot._handlers._handlers.pop("gone")  # noqa: SLF001 - as if this process had never registered it
        run = await bot.execute_workflow(workflow)
        async for event in bot.watch(run):
            if isinstance(event, e.StepBlocked):
                break
        await bot.cancel_execution(run)
        await bot.wait(run)
        bot.register_handler("gone", noop)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert "cancelled" == (await bot.wait(run, timeout=HANG_S)).status


async def test_a_step_that_a_tool_resumed_was_no_attempt(tmp_path: Path) -> None:
    """A hands-off resume leaves the step for the next runner, which makes its first attempt; on_crash has no say."""
    database = tmp_path / "a.db"
    steps = [
        {"name": "Wait", "handler": "delay", "params": {"seconds": 0.01}},
        {"name": "Work", "handler": "work", "dependencies": ["Wait"], "on_crash": "fail"},
    ]
    async with MultiStepProcessor(database) as bot:
        bot.register_handler("work", noop)
        run = await bot.execute_workflow(bot.define({"name": "Two", "steps": steps}))
        await bot.pause_execution(run)
    async with MultiStepProcessor(database, hands_off=True) as tool:
        assert await tool.resume_execution(run)

    async with MultiStepProcessor(database) as bot:
        bot.register_handler("work", noop)

        assert "completed" == (await bot.wait(run, timeout=HANG_S)).status


async def test_a_step_that_a_tool_leaves_waits_for_a_process(tmp_path: Path) -> None:
    """It says so, and nothing of a handler; one that the next process lacks is missed there, and only then."""
    database, said = tmp_path / "a.db", list[str]()

    async def say(step: StepInput, execution: ExecutionInput) -> None:
        said.append(step.params["text"])

    async with MultiStepProcessor(database, hands_off=True) as tool:
        tool.register_handler("say", say)
        workflow_id = one_step(tool, "say", params={"text": "Hello {context.name}"})
        run = await tool.execute_workflow(workflow_id, {"name": "Ana"})
        left, log = tool.get_execution(run).steps["Only"], [line.message for line in tool.get_log(run)]
    async with MultiStepProcessor(database) as bot:
        await happens(bot, run, e.StepErred)
        missed = bot.get_execution(run).steps["Only"]
        bot.register_handler("say", say)
        ended = await bot.wait(run, timeout=HANG_S)

    assert ("blocked", "runner", "it begins when a process runs this database") == (left.status, left.code, left.reason)
    assert [] == [line for line in log if "handler" in line]
    assert ("blocked", "the handler 'say' is not registered in this process") == (missed.status, missed.reason)
    assert ("completed", 1, ["Hello Ana"]) == (ended.status, ended.steps["Only"].attempts, said)


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
