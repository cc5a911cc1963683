"""A reply that was damaged on its way runs what its author wrote, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import MultiStepProcessor
from syncara.stores.memory import MemoryStore
from tests.replies.support import Chats

REPLY = """\
I prepare the tea: 1) boil, 2) pour.

[MULTISTEP:CREATE_WORKFLOW:Tea: for two:Makes tea:600:2]
[MULTISTEP:ADD_STEP:workflow_id:Boil:log:{"message":"boiling [100°]: \\"now\\"","level":"info"}]
- [MULTISTEP:ADD_STEP:workflow_id:Pour:log:{"message":"pouring"}:Boil:60:retries=2]
[MULTISTEP:EXECUTE:workflow_id:{"guest":"Ana","cups":[1,2]}]

Look at [MULTISTEP:STATUS:execution_id] 🍵 and `[MULTISTEP:CANCEL:execution_id]`.
"""
PIECES = st.sampled_from([*"[]{}\":,`\n\\ '>", "[MULTISTEP:", "]\n", "```", '"}', "\u201c", "\uff1a", "x", "9"])


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """The reply with one to three places cut out, doubled, exchanged or written over."""
    text = REPLY
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        piece = text[start:end]
        put = draw(st.one_of(st.just(""), st.just(piece * 2), st.just(piece[::-1]), PIECES))
        text = text[:start] + put + text[end:]
    return text


def words(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names of members included."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from words(member)
    elif isinstance(value, list):
        for item in value:
            yield from words(item)
    elif isinstance(value, str):
        yield value


def wrote(text: str, word: str) -> bool:
    """Whether a text stands in the reply, whichever of its characters are escaped there."""
    return unescaped(word) in unescaped(text)


def unescaped(text: str) -> str:
    for letter, character in (("n", "\n"), ("t", "\t"), ("r", "\r")):
        text = text.replace(f"\\{letter}", character)
    return text.replace("\\", "")


@settings(max_examples=150)
@given(damaged())
async def test_a_damaged_reply_runs_nothing_that_was_not_written(text: str) -> None:
    """Names, handlers, params and contexts of what is made stand in the text; a refused reply makes nothing."""
    async with MultiStepProcessor(store=MemoryStore(), messenger=Chats()) as bot:
        reply = await bot.process_reply(text, chat_id=5)
        flows = [bot.get_workflow(flow.id) for flow in bot.list_workflows()]
        runs = bot.list_executions()

        assert reply.ok or not (flows or runs)
        assert len(flows) <= text.upper().count("CREATE_WORKFLOW")
        assert len(runs) <= text.upper().count("EXECUTE")
        for flow in flows:
            assert wrote(text, flow.name)
            for step in flow.steps:
                assert all(wrote(text, word) for word in (step.name, step.handler, *words(step.params)))
        for run in runs:
            assert all(wrote(text, word) for word in words(run.context))
