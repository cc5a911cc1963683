"""Steps one after another: nothing can be grouped, so each step costs a commit of its own."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.machine import SingleRows
from benchmarks.workload import Measures, chain_of, command, main, output, processor, run, timed

TRACED_CHAINS = 4
_SYNC = re.compile(r"\bf(?:data)?sync\(")


async def measure(folder: Path, steps: int, chains: int) -> Measures:
    """Chains and single-row transactions in turns, so that both meet the same disk."""
    single, seconds = SingleRows(folder), list[float]()
    execution_id = ""
    async with processor(folder / "chain.db") as engine:
        for _ in range(chains):
            single.commit(steps)
            workflow_id = engine.define({"name": "chain", "steps": chain_of(steps)})
            with timed(seconds):
                execution_id = await run(engine, workflow_id)
    rate = steps * chains / sum(seconds)
    return {
        "steps_per_s": rate,
        "share": 100 * rate / single.per_s,
        "commits": _commits(folder / "chain.db", execution_id),
    }


def _commits(database: Path, execution_id: str) -> int:
    """How many transactions an execution took: the journal has one row for each."""
    sql = "SELECT count(*) FROM events WHERE execution = (SELECT key FROM executions WHERE id = ?)"
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(sql, (execution_id,)).fetchone()[0])


def trace(folder: Path, steps: int) -> Measures:
    """Count fsync and fdatasync of the whole process; opening and closing cancel out between a short and a long run."""
    strace = shutil.which("strace")
    if strace is None:
        return {"fsyncs": "strace is not installed"}
    counts = []
    for chains in (1, 1 + TRACED_CHAINS):
        log = folder / f"{chains}.strace"
        words = [strace, "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(log)]
        output([*words, *command("chain", "measure_untimed", steps=steps, chains=chains)])
        counts.append(len(_SYNC.findall(log.read_text())))
    return {"fsyncs": (counts[1] - counts[0]) / TRACED_CHAINS}


async def measure_untimed(folder: Path, steps: int, chains: int) -> Measures:
    """Chains alone, for a trace."""
    async with processor(folder / "chain.db") as engine:
        workflow_id = engine.define({"name": "chain", "steps": chain_of(steps)})
        for _ in range(chains):
            await run(engine, workflow_id)
    return {}


if __name__ == "__main__":
    main(measure, trace, measure_untimed)
