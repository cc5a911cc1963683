"""Executions that wait out a long delay: what one of them holds in memory, and how fast they are started."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from benchmarks.workload import Measures, child, main, memory_bytes, processor, timed

AT_ONCE = 2_000
"""Calls under way at the same time. The same in the small run and the large, so their tasks cancel out."""


def measure(folder: Path, few: int, many: int) -> Measures:
    """Two fresh processes that differ in nothing but the number of executions."""
    small, large = child("parked", "hold", executions=few), child("parked", "hold", executions=many)
    return {
        "bytes_each": (large["rss_bytes"] - small["rss_bytes"]) / (many - few),
        "starts_per_s": large["starts_per_s"],
    }


async def hold(folder: Path, executions: int) -> Measures:
    delay = {"name": "wait", "handler": "delay", "params": {"seconds": 3600}}
    seconds: list[float] = []
    async with processor(folder / "parked.db") as engine:
        workflow_id = engine.define({"name": "parked", "global_timeout": 7200, "steps": [delay]})
        for first in range(0, executions, AT_ONCE):
            count = min(AT_ONCE, executions - first)
            with timed(seconds):
                await asyncio.gather(*(engine.execute_workflow(workflow_id) for _ in range(count)))
        gc.collect()
        rss_bytes = memory_bytes()
    return {"rss_bytes": rss_bytes, "starts_per_s": executions / sum(seconds)}


if __name__ == "__main__":
    main(measure, hold)
