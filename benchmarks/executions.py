"""Executions: many at the same time, and one alone from its start to its result."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import median, quantiles

from benchmarks.machine import SingleRows
from benchmarks.workload import Measures, chain_of, main, processor, run, timed

ALLOWANCE_MS = 0.4
"""What an execution of one step may take besides its two commits."""


async def concurrent(folder: Path, executions: int, steps: int, runs: int) -> Measures:
    seconds: list[float] = []
    async with processor(folder / "concurrent.db") as engine:
        for _ in range(runs):
            workflow_id = engine.define({"name": "short", "steps": chain_of(steps)})
            with timed(seconds):
                await asyncio.gather(*(run(engine, workflow_id) for _ in range(executions)))
    return {"executions_per_s": executions / median(seconds)}


async def latency(folder: Path, executions: int) -> Measures:
    """Executions of one step and single-row transactions in turns, so that both meet the same disk."""
    single, seconds = SingleRows(folder), list[float]()
    async with processor(folder / "latency.db") as engine:
        workflow_id = engine.define({"name": "one step", "steps": chain_of(1)})
        await run(engine, workflow_id)
        for _ in range(executions):
            single.commit(1)
            with timed(seconds):
                await run(engine, workflow_id)
    reach_ms = 2e3 * median(single.seconds) + ALLOWANCE_MS
    return {
        "p50_ms": median(seconds) * 1e3,
        "p50_reach_ms": reach_ms,
        "p99_ms": quantiles(seconds, n=100)[98] * 1e3,
        "p99_reach_ms": 3 * reach_ms,
    }


if __name__ == "__main__":
    main(concurrent, latency)
