"""What the workloads share: each is measured in processes of its own, so that none warms or fills another's.

`python -m benchmarks.NAME FUNCTION '{"argument": value}'` calls a workload's function with an empty folder on disk and
the arguments, and prints what it measured as JSON: numbers by name, or the reason why there is none.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncara import MultiStepProcessor

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 600

Measures = dict[str, float | str]


def main(*functions: Callable[..., Any]) -> None:
    """Run the function that the command line names."""
    name, arguments = sys.argv[1:]
    function = next(function for function in functions if function.__name__ == name)
    with tempfile.TemporaryDirectory(prefix="syncara-bench-") as folder:
        result = function(Path(folder), **json.loads(arguments))
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
    print(json.dumps(result))


def command(module: str, function: str, **arguments: Any) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}", function, json.dumps(arguments)]


def child(module: str, function: str, **arguments: Any) -> dict[str, Any]:
    """What a workload's function returns in a fresh process."""
    return output(command(module, function, **arguments))


def output(words: list[str]) -> dict[str, Any]:
    """The JSON that a command prints. Its complaints go to the terminal."""
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, timeout=TIMEOUT_S, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


async def noop(step: Any, execution: Any) -> None:
    pass


def processor(database: Path) -> MultiStepProcessor:
    """An engine on `database`, durable as by default, that knows the handler `noop`."""
    engine = MultiStepProcessor(database, durability="full")
    engine.register_handler("noop", noop)
    return engine


def chain_of(steps: int, handler: str = "noop") -> list[dict[str, Any]]:
    """Steps that wait for one another, each for the one before."""
    return [{"name": f"s{i}", "handler": handler, "dependencies": [f"s{i - 1}"] if i else []} for i in range(steps)]


async def run(engine: MultiStepProcessor, workflow_id: str) -> str:
    """Start an execution and wait for its end."""
    execution_id = await engine.execute_workflow(workflow_id)
    execution = await engine.wait(execution_id)
    assert execution.status == "completed", execution.error
    return execution_id


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Append the seconds that the block takes."""
    started = time.perf_counter()
    yield
    into.append(time.perf_counter() - started)


def growth(names: Iterable[str], work: Callable[[str, int], Callable[[], object]], size: int, rounds: int) -> Measures:
    """The best of some rounds of each case, and of these the worst: in time, and in growth to 2 and 4 times the size.

    `work`: what is to be timed, for a case and a size. A growth of 1 is in step with the size; cases that take little
    time have none.
    """
    times = {name: [best_s(work(name, fold * size), rounds) for fold in (1, 2, 4)] for name in names}
    worst = max(times, key=lambda name: times[name][0])
    large = [each for each in times.values() if each[0] > times[worst][0] / 10]
    return {
        "worst_ms": 1e3 * times[worst][0],
        "worst_case": worst,
        "double": max(twice / once / 2 for once, twice, _ in large),
        "fourfold": max(four / once / 4 for once, _, four in large),
    }


def best_s(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the processor, so that what else the machine does counts less."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def memory_bytes(field: str = "VmRSS") -> int:
    """Resident memory of this process as Linux counts it: `VmRSS` now, `VmHWM` at its highest."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise KeyError(field)
