"""What grows is bounded: large results are stored apart, old runs are deleted, limits are refused by number."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncara import InvalidStateError, MultiStepProcessor, NotFoundError, StorageError, ValidationError
from syncara.core.limits import BLOB_BYTES_MIN, CONTEXT_BYTES_MAX, RESULT_BYTES_MAX
from syncara.testing import FakeClock

ONE_STEP = {"name": "One", "steps": [{"name": "A", "handler": "work", "retry_count": 0, "save_as": "kept"}]}


def count(database: Path, table: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 (a literal below)


async def run(processor: MultiStepProcessor, result: Any) -> Any:
    processor.register_handler("work", lambda step, execution: result)
    return await processor.wait(await processor.execute_workflow(processor.define(ONE_STEP)))


async def test_a_large_result_is_stored_apart_and_read_back_whole(tmp_path: Path) -> None:
    """Over 256 KiB, a transaction's events are a compressed blob; a restart reads them back."""
    database, text = tmp_path / "a.db", "häuser " * BLOB_BYTES_MIN
    async with MultiStepProcessor(database) as processor:
        done = await run(processor, text)
        small = await run(processor, "small")

    assert 1 == count(database, "blobs")
    assert database.stat().st_size < 20 * len(text)
    with closing(MultiStepProcessor(database, read_only=True)) as again:
        assert text == again.get_execution(done.id).context["kept"]
        assert "small" == again.get_execution(small.id).context["kept"]


async def test_a_damaged_blob_is_noticed(tmp_path: Path) -> None:
    """A blob that is not what was written quarantines its execution and no other."""
    database = tmp_path / "a.db"
    async with MultiStepProcessor(database) as processor:
        done = await run(processor, "x" * 2 * BLOB_BYTES_MIN)
        healthy = await run(processor, "small")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE blobs SET body = x'00'")

    with closing(MultiStepProcessor(database, read_only=True)) as again:
        with pytest.raises(StorageError) as raised:
            again.get_execution(done.id)
        assert "journal_damaged" == raised.value.code
        assert "completed" == again.get_execution(healthy.id).status


@pytest.mark.parametrize("size", [RESULT_BYTES_MAX - 2, RESULT_BYTES_MAX + 1])
async def test_a_result_may_be_as_large_as_its_limit_and_no_larger(tmp_path: Path, size: int) -> None:
    """The refusal names the size and the limit, and is not retried."""
    async with MultiStepProcessor(tmp_path / "a.db") as processor:
        workflow = processor.define({"name": "One", "steps": [{"name": "A", "handler": "work"}]})
        processor.register_handler("work", lambda step, execution: "x" * size)
        done = await processor.wait(await processor.execute_workflow(workflow))

    assert ("completed" if size < RESULT_BYTES_MAX else "failed") == done.status
    if done.error:
        assert "result_too_large" == done.code
        assert str(RESULT_BYTES_MAX) in done.error
        assert 1 == done.steps["A"].attempts


async def test_a_context_over_its_limit_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """execute_workflow names the size and the limit."""
    async with MultiStepProcessor(tmp_path / "a.db") as processor:
        processor.register_handler("work", lambda step, execution: None)
        workflow = processor.define(ONE_STEP)
        with pytest.raises(ValidationError, match=str(CONTEXT_BYTES_MAX)):
            await processor.execute_workflow(workflow, context={"x": "x" * CONTEXT_BYTES_MAX})

        assert [] == processor.list_executions()


async def test_a_result_that_makes_the_context_too_large_fails_its_own_step(tmp_path: Path) -> None:
    """save_as counts against the context's limit where it is taken in, and no later step pays for it."""
    steps = [
        {"name": name, "handler": "work", "save_as": name, "on_error": "continue", "dependencies": before}
        for name, before in (("A", []), ("B", ["A"]))
    ]
    last = {"name": "C", "handler": "get_context", "params": {"key": "B"}, "dependencies": ["B"]}
    async with MultiStepProcessor(tmp_path / "a.db") as processor:
        processor.register_handler("work", lambda step, execution: "x" * (CONTEXT_BYTES_MAX * 6 // 10))
        workflow = processor.define({"name": "Two", "steps": [*steps, last]})
        done = await processor.wait(await processor.execute_workflow(workflow))

    assert ["completed", "failed", "completed"] == [str(step.status) for step in done.steps.values()]
    assert "result_too_large" == done.code


async def test_cleanup_deletes_old_finished_runs_with_all_that_is_kept_of_them(tmp_path: Path) -> None:
    """Runs older than the age given are gone, and hidden definitions with them; younger and open ones stay."""
    database, clock = tmp_path / "a.db", FakeClock()
    async with MultiStepProcessor(database, clock=clock) as processor:
        old = await run(processor, "x" * 2 * BLOB_BYTES_MIN)
        processor.delete_workflow(old.workflow_id)
        clock.advance(100)
        young = await run(processor, "small")
        sleeps = processor.define(
            {"name": "S", "steps": [{"name": "D", "handler": "delay", "params": {"seconds": 900}}]}
        )
        waiting = await processor.execute_workflow(sleeps)

        assert 1 == processor.cleanup(older_than=50)

        assert {young.id, waiting} == {execution.id for execution in processor.list_executions()}
        with pytest.raises(NotFoundError):
            processor.get_execution(old.id)
        assert 0 == processor.cleanup(older_than=50)
    assert 0 == count(database, "blobs")
    assert 2 == count(database, "workflows")


async def test_retention_deletes_old_runs_at_the_start(tmp_path: Path) -> None:
    """With a retention, a new start finds only what is younger."""
    database, clock = tmp_path / "a.db", FakeClock()
    async with MultiStepProcessor(database, clock=clock) as processor:
        done = await run(processor, None)
    clock.advance(3600)

    async with MultiStepProcessor(database, clock=clock, retention=60) as processor:
        late = await run(processor, None)

        assert [late.id] == [execution.id for execution in processor.list_executions() if execution.id != done.id]
        assert 0 == processor.cleanup(older_than=60)
    assert 1 == count(database, "executions")


def test_a_database_opened_read_only_is_never_changed(tmp_path: Path) -> None:
    """Reading works; a missing file is not created; whatever would write is refused."""
    database = tmp_path / "a.db"
    with pytest.raises(StorageError) as missing:
        MultiStepProcessor(database, read_only=True).list_workflows()
    assert ("no_database", False) == (missing.value.code, database.exists())
    with closing(MultiStepProcessor(database)) as writer:
        workflow = writer.define(ONE_STEP)

    with closing(MultiStepProcessor(database, read_only=True)) as reader:
        assert [workflow] == [known.id for known in reader.list_workflows()]
        writes = (
            lambda: reader.create_workflow("x"),
            lambda: reader.cleanup(1),
            lambda: reader.delete_workflow(workflow),
        )
        for write in writes:
            with pytest.raises(StorageError) as refused:
                write()
            assert "read_only" == refused.value.code


async def test_a_runner_is_stopped_and_not_closed(tmp_path: Path) -> None:
    """`close` is for programs that only read or define; a runner has handlers to interrupt first."""
    async with MultiStepProcessor(tmp_path / "a.db") as processor:
        with pytest.raises(InvalidStateError, match="await stop"):
            processor.close()
