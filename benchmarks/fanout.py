"""Many steps side by side and one that waits for all of them."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.workload import Measures, main, processor, run, timed


async def measure(folder: Path, steps: int, parallel: int, runs: int) -> Measures:
    names = [f"s{i}" for i in range(steps)]
    definition = {
        "name": "fan-out",
        "max_parallel_steps": parallel,
        "steps": [
            *({"name": name, "handler": "noop"} for name in names),
            {"name": "join", "handler": "noop", "dependencies": names},
        ],
    }
    seconds: list[float] = []
    async with processor(folder / "fanout.db") as engine:
        for _ in range(runs):
            workflow_id = engine.define(definition)
            with timed(seconds):
                await run(engine, workflow_id)
    return {"steps_per_s": (steps + 1) / median(seconds)}


if __name__ == "__main__":
    main(measure)
