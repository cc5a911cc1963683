"""An assistant's reply is carried out. Another has two slips, and nothing of it is. Corrected, it is.

    python demo.py [FOLDER]

FOLDER keeps the database; without it, that goes to a temporary folder. Everything that is stated is checked. The exit
code is 1 when something is not as stated.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from syncara import MultiStepProcessor
from syncara.doors.cli.live import follow
from syncara.shortcodes.outcome import Reply

REPLY = Path(__file__).with_name("reply.md").read_text("utf-8")
SLIPS = {":send_message:": ":send_mesage:", ":step2_id:": ":Catatt:"}
"""What a model gets wrong: a handler and a dependency, misspelt."""
CHAT_ID, DEWI_ID = 5, 1001
ORDER = "Halo Sari, dua kopi susu sedang kami siapkan."
END = "Pesanan kopi sudah selesai"
DELIVERY_S = 0.7
PATIENCE_S = 30
LOOKS = {r"\[MULTISTEP:\w+": "cyan", r"^ +\^+$": "bold red", "|".join(SLIPS.values()).replace(":", ""): "red"}
INTRODUCTION = """\
[bold]A reply that does what it says[/]
Dewi asked the assistant of a café to take an order. Its reply holds the codes
of a workflow, and Syncara carries them out.
"""

console = Console(highlight=False)


class NotAsStatedError(Exception):
    pass


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotAsStatedError(otherwise)


def state(claim: str, holds: bool, found: Any) -> None:
    expect(holds, f"{claim} But found: {found}")
    console.print(Text.assemble(("✓ ", "green"), claim))


def quote(title: str, text: str) -> None:
    console.print(f"\n[bold]{title}[/]")
    for line in text.splitlines():
        shown = Text(line)
        for pattern, look in LOOKS.items():
            shown.highlight_regex(pattern, look)
        for part in shown.wrap(console, console.width - 2) or [Text()]:
            part.rstrip()
            console.print(Text.assemble(("│ " if part else "│", "dim"), part))


class Chat:
    """A chat service that takes a moment to deliver, to this terminal."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._news = asyncio.Event()

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> int:
        await asyncio.sleep(DELIVERY_S)
        console.print(Text.assemble((f"chat {chat_id} ◂ ", "bold cyan"), text))
        self.sent.append(text)
        self._news.set()
        return len(self.sent)

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None:
        raise NotImplementedError

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None:
        raise NotImplementedError

    async def until(self, count: int) -> None:
        while len(self.sent) < count:
            self._news.clear()
            await self._news.wait()


class Demo:
    def __init__(self, bot: MultiStepProcessor, chat: Chat) -> None:
        self._bot = bot
        self._chat = chat

    async def show(self) -> None:
        await self._first()
        broken = REPLY
        for right, wrong in SLIPS.items():
            broken = broken.replace(right, wrong)
        refused = await self._refused(broken)
        for problem in sorted(refused.errors, key=lambda problem: problem.position, reverse=True):
            start, end = problem.position
            broken = broken[:start] + problem.nearest + broken[end:]
        await self._corrected(broken)

    async def _first(self) -> None:
        quote("The assistant's reply:", REPLY)
        reply = await self._process(REPLY, message_id=1)
        for part in reply.parts():
            quote("What the chat reads:", part)
        await self._follow(reply, messages=2)
        state("The chat reads answers where there were codes.", "[MULTISTEP" not in reply.text, reply.text)
        again = await self._process(REPLY, message_id=1)
        state("Delivered again, the same message does nothing again.", again == reply and self._is(1), self._counts())

    async def _refused(self, broken: str) -> Reply:
        quote("The next reply is the same, but for two slips in one code:", code(broken))
        reply = await self._process(broken, message_id=2)
        for part in reply.parts():
            quote("What the chat reads:", part)
        quote("What the model is told:", reply.note or "")
        console.print()
        found = sorted(problem.code for problem in reply.errors)
        state("Both slips are found at once.", found == ["unknown_dependency", "unknown_handler"], found)
        state("Nothing of the reply was done.", not reply.ok and self._is(1), self._counts())
        return reply

    async def _corrected(self, text: str) -> None:
        quote("So the model writes it again, with the names that it was offered:", code(text))
        await self._follow(await self._process(text, message_id=3), messages=4)
        state("It is the second run, and everything else has happened twice, too.", self._is(2), self._counts())

    async def _process(self, text: str, message_id: int) -> Reply:
        return await self._bot.process_reply(text, chat_id=CHAT_ID, user_id=DEWI_ID, message_id=message_id)

    async def _follow(self, reply: Reply, messages: int) -> None:
        """Show the run that a reply started, until it has ended and the chat has had so many messages."""
        expect(reply.ok, f"the reply was refused: {reply.note}")
        console.print("\n[bold]What comes of it:[/]")
        run = await follow(self._bot, reply.execution_ids[0], console)
        statuses = [str(step.status) for step in run.steps.values()]
        expect(statuses == ["completed"] * 3, f"the run's steps are {', '.join(statuses)}")
        await self._chat.until(messages)
        console.print()
        state("The run is completed, with all of its three steps.", run.status == "completed", run.status)

    def _is(self, times: int) -> bool:
        """Whether everything that the reply asks for has happened so often."""
        return self._counts() == (times,) * 4

    def _counts(self) -> tuple[int, int, int, int]:
        """Workflows, runs, messages about the order, and messages that a run has ended."""
        sent = self._chat.sent
        orders, ends = sent.count(ORDER), sum(END in text for text in sent)
        return len(self._bot.list_workflows()), len(self._bot.list_executions()), orders, ends


def code(text: str) -> str:
    """The code that the slips are in."""
    return next(line for line in text.splitlines() if ":Kabari:" in line)


async def demo(database: Path) -> None:
    console.print(INTRODUCTION, end="")
    chat = Chat()
    async with asyncio.timeout(PATIENCE_S), MultiStepProcessor(database, messenger=chat) as bot:
        await Demo(bot, chat).show()


def main(folder: Path) -> int:
    database = folder / "assistant.db"
    try:
        expect(not database.exists(), f"the database is not fresh: there is a file {database}")
        asyncio.run(demo(database))
    except TimeoutError:
        problem = f"after {PATIENCE_S} s it is still not over"
    except KeyboardInterrupt:
        problem = "it was interrupted"
    except NotAsStatedError as error:
        problem = str(error)
    else:
        return 0
    console.print(Text.assemble(("✗ Not as stated: ", "red"), problem), soft_wrap=True)
    return 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory(prefix="syncara-demo-") as temporary:
        sys.exit(main(Path(temporary)))
