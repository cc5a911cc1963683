"""Which workflow a name means, among however many a chat has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from syncara import MultiStepProcessor
from syncara.abc import NewWorkflow
from syncara.core.model import Workflow
from syncara.stores.sqlite import SqliteStore
from tests.replies.support import Chats
from tests.stores.samples import must_commit, step

MANY = [f"Other {number}" for number in range(1_200)]


@asynccontextmanager
async def chat_with(database: Path, names: Iterable[str]) -> AsyncIterator[MultiStepProcessor]:
    """A processor whose chat 5 has workflows of these names, the oldest first: `w0`, `w1` and so on."""
    store = SqliteStore(database, durability="fast")
    store.acquire()
    workflows = [
        Workflow(f"w{number}", name, chat_id=5, author="ai", steps=(step("a", params={"message": "x"}),))
        for number, name in enumerate(names)
    ]
    must_commit(store, changes=[NewWorkflow(each) for each in workflows])
    store.close()
    async with MultiStepProcessor(database, messenger=Chats()) as bot:
        yield bot


async def test_a_workflow_is_found_by_its_name_however_many_are_newer(database: Path) -> None:
    """Also the oldest of more than a thousand."""
    async with chat_with(database, ["Tea", *MANY]) as bot:
        reply = await bot.process_reply("[MULTISTEP:SHOW:Tea]", chat_id=5)

    assert (True, "w0") == (reply.ok, reply.outcomes[0].id)


async def test_a_name_is_ambiguous_however_many_lie_between(database: Path) -> None:
    """The newest one of a name is not taken when there is an old one."""
    async with chat_with(database, ["Tea", *MANY, "Tea"]) as bot:
        reply = await bot.process_reply("[MULTISTEP:EXECUTE:Tea]", chat_id=5)

    assert [("ambiguous_name", "2 workflows are named 'Tea'", "give the id: w1201, w0")] == [
        (problem.code, problem.message, problem.fix) for problem in reply.errors
    ]


async def test_of_many_with_one_name_the_newest_ten_are_offered(database: Path) -> None:
    """How many there are beside them is not counted."""
    async with chat_with(database, ["Tea"] * 15) as bot:
        reply = await bot.process_reply("[MULTISTEP:SHOW:Tea]", chat_id=5)

    offered = ", ".join(f"w{number}" for number in range(14, 4, -1))
    assert [("more than 10 workflows are named 'Tea'", f"give the id: {offered}")] == [
        (problem.message, problem.fix) for problem in reply.errors
    ]


async def test_what_the_reply_deletes_makes_no_name_ambiguous(database: Path) -> None:
    """Of two with one name, the other is meant once one is deleted; then none is."""
    async with chat_with(database, ["Tea", "Tea"]) as bot:
        left = await bot.process_reply("[MULTISTEP:DELETE_WORKFLOW:w1]\n[MULTISTEP:SHOW:Tea]", chat_id=5)
        none = await bot.process_reply("[MULTISTEP:DELETE_WORKFLOW:w0]\n[MULTISTEP:SHOW:Tea]", chat_id=5)

    assert (True, "w0") == (left.ok, left.outcomes[1].id)
    assert ["not_found"] == [problem.code for problem in none.errors]


async def test_a_name_is_told_by_every_character(database: Path) -> None:
    """Case counts: what is written otherwise is offered, not taken."""
    async with chat_with(database, ["Tea", "tea"]) as bot:
        lower = await bot.process_reply("[MULTISTEP:SHOW:tea]", chat_id=5)
        upper = await bot.process_reply("[MULTISTEP:SHOW:TEA]", chat_id=5)

    assert "w1" == lower.outcomes[0].id
    assert ["not_found"] == [problem.code for problem in upper.errors]


async def test_a_correction_keeps_a_name_that_only_an_old_workflow_has(database: Path) -> None:
    """A newer one with a name alike is not put in its place."""
    wrong = '[MULTISTEP:ADD_STEP:Otter 1199:Boil:lgo:{"message":"boiling"}]'
    async with chat_with(database, ["Otter 1199", *MANY]) as bot:
        reply = await bot.process_reply(wrong, chat_id=5)

    assert [wrong.replace("lgo", "log")] == [problem.example for problem in reply.errors]
