"""Replies of an assistant: a typical one, one that is refused, and one with a large batch."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import SingleRows
from benchmarks.workload import Measures, main, timed
from syncara import MultiStepProcessor

ALLOWANCE_MS = 3
"""What a typical reply may take besides its commit."""
TYPICAL = """Baik, saya siapkan alurnya.

[MULTISTEP:CREATE_WORKFLOW:Laporan pagi:Kirim laporan penjualan:7200:3]
[MULTISTEP:ADD_STEP:workflow_id:Tunggu:delay:{"seconds":3600}]
[MULTISTEP:ADD_STEP:workflow_id:Ambil:database_operation:{"operation":"find","collection":"sales"}:step1_id:60]
[MULTISTEP:ADD_STEP:workflow_id:Catat:log:{"message":"{steps.Ambil.data}"}:Ambil]
[MULTISTEP:ADD_STEP:workflow_id:Sapa:send_message:{"text":"Selamat pagi, {context.name}!"}:Tunggu]
[MULTISTEP:ADD_STEP:workflow_id:Kirim:send_message:{"text":"Laporan sudah ada."}:Catat,Sapa:60]
[MULTISTEP:EXECUTE:workflow_id:{"name":"Ana"}]

Lihat [MULTISTEP:STATUS:execution_id].
"""
"""Eight codes. The run begins with an hour's delay, so that nothing but the reply goes on while it is measured."""
WRONG = (
    TYPICAL.replace(":log:", ":lgo:")
    .replace('"text":"Selamat', '"txt":"Selamat')
    .replace("Catat,Sapa", "Catat,Sappa")
    .replace('"Ana"}', '"Ana"')
)
"""With a misspelt handler, param and dependency, and a brace that is missing."""


class Silent:
    """A Messenger that says nothing: what is printed here is the measurement."""

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> None:
        pass

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None:
        pass

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None:
        pass


def processor(folder: Path) -> MultiStepProcessor:
    return MultiStepProcessor(folder / "replies.db", durability="full", messenger=Silent())


async def typical(folder: Path, chats: int, replies: int) -> Measures:
    """Replies on paper, replies carried out and single-row transactions in turns, so that all meet the same disk."""
    single, paper, whole = SingleRows(folder), list[float](), list[float]()
    async with processor(folder) as engine:
        for chat_id in range(chats):
            for message_id in range(replies):
                with timed(paper):
                    checked = engine.check_reply(TYPICAL, chat_id=chat_id, user_id=chat_id, message_id=message_id)
                single.commit(1)
                with timed(whole):
                    done = await engine.process_reply(TYPICAL, chat_id=chat_id, user_id=chat_id, message_id=message_id)
                assert checked.ok, checked.note
                assert done.ok, done.note
    return {
        "paper_ms": 1e3 * median(paper),
        "reply_ms": 1e3 * median(whole),
        "reply_reach_ms": 1e3 * median(single.seconds) + ALLOWANCE_MS,
    }


async def refused(folder: Path, replies: int) -> Measures:
    """Replies with mistakes, up to the note for the model; the first one also loads what corrects them."""
    seconds: list[float] = []
    async with processor(folder) as engine:
        for message_id in range(replies):
            with timed(seconds):
                reply = await engine.process_reply(WRONG, chat_id=1, user_id=1, message_id=message_id)
            assert reply.note, reply.text
    return {"first_ms": 1e3 * seconds[0], "refused_ms": 1e3 * median(seconds)}


async def batch(folder: Path, items: int, replies: int) -> Measures:
    """From a reply with many items to its answer, each when the run of the one before has ended."""
    listed = ",".join(f'{{"message":"Item {number}"}}' for number in range(items))
    text, seconds = f"[MULTISTEP:BATCH_PROCESS:log:[{listed}]:10]", list[float]()
    async with processor(folder) as engine:
        for message_id in range(replies):
            with timed(seconds):
                reply = await engine.process_reply(text, chat_id=1, user_id=1, message_id=message_id)
            assert reply.ok, reply.note
            await engine.wait(reply.execution_ids[0])
    return {"batch_ms": 1e3 * median(seconds)}


if __name__ == "__main__":
    main(typical, refused, batch)
