"""Large random graphs, three dependencies a step: whether a step of a large workflow costs more than of a small one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from benchmarks.workload import Measures, child, main, memory_bytes, processor, run, timed

DEPENDENCIES = 3
PARALLEL = 50


def measure(folder: Path, small: int, large: int) -> Measures:
    one, other = _execute(folder, small), _execute(folder, large)
    return {
        "small_us": one["us_per_step"],
        "large_us": other["us_per_step"],
        "ratio": other["us_per_step"] / one["us_per_step"],
        "bytes_per_step": (other["peak_bytes"] - one["peak_bytes"]) / (large - small),
    }


def _execute(folder: Path, steps: int) -> dict[str, Any]:
    """Define in one process and execute in the next, whose memory then holds nothing but the engine's."""
    database = str(folder / f"{steps}.db")
    workflow_id = child("dag", "define", database=database, steps=steps)["workflow_id"]
    return child("dag", "execute", database=database, workflow_id=workflow_id, steps=steps)


async def define(folder: Path, database: str, steps: int) -> dict[str, str]:
    chance = random.Random(steps)
    graph = [
        {
            "name": f"s{i}",
            "handler": "noop",
            "dependencies": [f"s{d}" for d in chance.sample(range(i), min(i, DEPENDENCIES))],
        }
        for i in range(steps)
    ]
    definition = {"name": "graph", "max_parallel_steps": PARALLEL, "global_timeout": 86_400, "steps": graph}
    async with processor(Path(database)) as engine:
        return {"workflow_id": engine.define(definition)}


async def execute(folder: Path, database: str, workflow_id: str, steps: int) -> Measures:
    """From the call that starts it, which also reads, checks and compiles the definition, to the result."""
    seconds: list[float] = []
    async with processor(Path(database)) as engine:
        with timed(seconds):
            await run(engine, workflow_id)
    return {"us_per_step": seconds[0] / steps * 1e6, "peak_bytes": memory_bytes("VmHWM")}


if __name__ == "__main__":
    main(measure, define, execute)
