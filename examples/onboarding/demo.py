"""Onboard a user, kill the process in the middle, start it again: the run goes on where it was and finishes.

    python demo.py [FOLDER]

FOLDER keeps the database and the record of calls; without it they go to a temporary folder. Everything that is stated
is checked. The exit code is 1 when something is not as stated.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from syncara import Execution, MultiStepProcessor, StepStatus
from syncara.core.events import StepSlept
from syncara.doors.cli.live import follow

T = TypeVar("T")

HERE = Path(__file__).parent
INTO_DELAY_S = 1.5
"""How far into its delay the run is when its process is killed."""
DEAD_S = 1.5
"""How long nothing runs then."""
PATIENCE_S = 60
INTRODUCTION = """\
[bold]A run that outlives its process[/]
A worker process onboards a user in seven steps. It is killed in the middle and
started again. Then another process reads from the file what happened.
"""

console = Console(highlight=False)


class NotAsStatedError(Exception):
    pass


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotAsStatedError(otherwise)


class Worker:
    """A process of worker.py; what it says is printed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.name = f"worker {process.pid}"
        self.run_id: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """The run that it works on, which is the first thing that it says."""
        self.exit_code = asyncio.create_task(self._relay())

    async def _relay(self) -> int:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = line.decode().rstrip()
            if not self.run_id.done():
                self.run_id.set_result(said.split()[-1])
            console.print(Text.assemble((f"{self.name} │ ", "dim"), said), soft_wrap=True)
        return await self._process.wait()

    async def alive_until(self, wanted: Awaitable[T]) -> T:
        """What is wanted, if the process does not end before."""
        waiting = asyncio.ensure_future(wanted)
        await asyncio.wait({waiting, self.exit_code}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            raise NotAsStatedError(f"{self.name} ended before its time, with code {self.exit_code.result()}")
        return waiting.result()

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


async def start(opened: AsyncExitStack, *files: Path) -> tuple[Worker, str]:
    """A worker, and the run that it works on."""
    script = HERE / "worker.py"
    # In a session of its own, so that Ctrl-C reaches the demo alone, which then ends the worker.
    process = await create_subprocess_exec(sys.executable, script, *files, stdout=PIPE, start_new_session=True)
    worker = Worker(process)
    opened.push_async_callback(worker.kill)
    console.print(f"[green]▶ {worker.name} starts.[/]")
    return worker, await worker.alive_until(worker.run_id)


async def kill_in_delay(worker: Worker, reader: MultiStepProcessor, run_id: str) -> None:
    slept = await worker.alive_until(delay_begun(reader, run_id))
    await asyncio.sleep(slept.at + INTO_DELAY_S - time.time())
    into_s = time.time() - slept.at
    await worker.kill()
    code = await worker.exit_code
    expect(code == -signal.SIGKILL, f"{worker.name} ended with code {code}, not by SIGKILL")
    status = reader.get_execution(run_id).steps[slept.step].status
    expect(status is StepStatus.DELAYED, f"'{slept.step}' is {status}, not in its delay, where the process was killed")
    console.print(
        f"[bold red]■ {worker.name} is killed with SIGKILL, {into_s:.1f} s into the {slept.seconds:g} s delay.[/]\n"
        f"[red]  Nothing runs now. The file knows the run, and when its delay is over.[/]"
    )


async def delay_begun(reader: MultiStepProcessor, run_id: str) -> StepSlept:
    async for event in reader.watch(run_id):
        if isinstance(event, StepSlept):
            return event
    raise NotAsStatedError("the run ended without a delay")


async def end(task: asyncio.Task[Execution]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def demo(database: Path, calls: Path) -> int:
    console.print(INTRODUCTION)
    async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as opened:
        reader = MultiStepProcessor(database)
        opened.push_async_callback(reader.stop)
        first, run_id = await start(opened, database, calls)
        picture = asyncio.create_task(follow(reader, run_id, console, transient=True))
        opened.push_async_callback(end, picture)
        await kill_in_delay(first, reader, run_id)
        await asyncio.sleep(DEAD_S)
        second, found_id = await start(opened, database, calls)
        expect(found_id == run_id, f"{second.name} works on {found_id}, not on {run_id}")
        code = await second.exit_code
        expect(code == 0, f"{second.name} ended with code {code}")
        await picture
        console.print(f"[green]✓ {second.name} is done.[/]\n")
        show = await create_subprocess_exec(sys.executable, HERE / "show.py", database, calls, run_id)
        return await show.wait()


def main(folder: Path) -> int:
    database, calls = folder / "onboarding.db", folder / "calls.jsonl"
    try:
        expect(not database.exists(), f"the database is not fresh: there is a file {database}")
        return asyncio.run(demo(database, calls))
    except TimeoutError:
        problem = f"after {PATIENCE_S} s it is still not over"
    except KeyboardInterrupt:
        problem = "it was interrupted"
    except NotAsStatedError as error:
        problem = str(error)
    console.print(Text.assemble(("✗ Not as stated: ", "red"), problem, "."), soft_wrap=True)
    return 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory(prefix="syncara-demo-") as temporary:
        sys.exit(main(Path(temporary)))
