"""Replies made of hostile pieces at random: what leaves their chat is nothing, or what a person said yes to."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.commands import COMMANDS
from syncara.commands.registry import Command
from tests.policy.ground import PUBLIC, Ground, World, ground_in

Pieces = st.SearchStrategy[Any]

CONTEXT = {
    "to": 6,
    "text": "of Payroll",
    "path": "../number-6/own.txt",
    "any": {"$ne": None},
    "code": "[MULTISTEP:CANCEL:<RUN6>] says Ana",
    "secret": "{secret.TOKEN}",
}
"""What strangers have put into the context."""
FILLED = [f"{{context.{key}}}" for key in CONTEXT] + ["{steps.A.data}", "{context.none|6}"]
ODD: list[Any] = [*FILLED, None, True, -1, 6.0, " ", "\\{context.to}", [], {}, {"$gt": ""}]
CHATS = [5, 6, "6", "5", -100, "5 ", "\u0665", "{context.to}"]
URLS = [
    "http://a.example.com/?q={context.text}",
    "http://a.example.com/moved",
    "http://a.example.com/inside",
    "http://127.0.0.1/",
    "http://[::ffff:a00:1]/",
    "http://A.EXAMPLE.com:8080/x",
    "http://{context.text}/",
]
PATHS = [
    "own.txt",
    "new.txt",
    "a/new.txt",
    "number-6/own.txt",
    "../number-6/own.txt",
    "/etc/hostname",
    "{context.path}",
]
COLLECTIONS = ["notes", "users", "chat 6", "{context.text}"]
QUERIES = [{}, {"text": "{context.text}"}, {"text": "{context.any}"}, {"text": {"$ne": "x"}}, {"name": "Ana"}]
DATA = [{"text": "x"}, {"text": "{context.any}"}, {"$set": {"text": "{context.code}"}}, {"$unset": {"text": 1}}]
SHORTCODES = ["GROUP:KICK", "group:kick", "GROUP:PIN_MESSAGE", "GROUP:SAY"]
HANDLERS = [
    "send_message",
    "api_call",
    "file_operation",
    "database_operation",
    "execute_shortcode",
    "ban_user",
    "greet",
]
VERBS = ["EXECUTE", "CANCEL", "PAUSE", "RESUME", "DELETE_WORKFLOW", "UNSCHEDULE", "SHOW", "WHY", "PREVIEW"]
OTHERS = ["<WF6>", "<RUN6>", "<HELD6>", "<WF55>", "<RUN100>", "<WF0>", "<RUN0>", "Payroll", "Nightly"]


def one_of(*pieces: Any) -> Pieces:
    """A piece that fits, and now and then one that does not."""
    fitting = st.sampled_from(pieces)
    return st.integers(0, 19).flatmap(lambda die: fitting if die else st.sampled_from(ODD))


def some(required: dict[str, Pieces], **optional: Pieces) -> Pieces:
    return st.fixed_dictionaries(required, optional=optional)


def files(operation: str) -> Pieces:
    content = {"content": one_of("x", "{context.code}")} if operation in ("write", "append") else {}
    return some({"operation": st.just(operation), "file_path": one_of(*PATHS), **content})


def documents(operation: str) -> Pieces:
    query = {} if operation == "insert" else {"query": one_of(*QUERIES)}
    data = {"data": one_of(*DATA)} if operation in ("insert", "update") else {}
    return some({"operation": st.just(operation), "collection": one_of(*COLLECTIONS), **query, **data})


PARAMS: dict[str, Pieces] = {
    "send_message": some({"text": one_of("hi", "{context.code}")}, chat_id=one_of(*CHATS)),
    "api_call": some({"url": one_of(*URLS)}, headers=one_of({"A": "{context.secret}"}, {"X-HTTP-Method": "PUT"})),
    "file_operation": st.sampled_from(["read", "write", "append", "delete"]).flatmap(files),
    "database_operation": st.sampled_from(["find", "insert", "update", "delete"]).flatmap(documents),
    "execute_shortcode": some({"shortcode": one_of(*SHORTCODES)}, params=one_of("ana", "7", "{context.text}")),
    "ban_user": some({}, user=one_of("ana", "{context.text}")),
    "greet": some({}, user=one_of("ana", "{context.code}")),
}
FLOW: dict[str, Pieces] = {
    "condition": one_of("True", "context.to == 6"),
    "run_when": st.just("all_settled"),
    "on_error": st.just("continue"),
    "save_as": st.sampled_from(["to", "text"]),
}


@st.composite
def steps(draw: st.DrawFn, depth: int = 0) -> dict[str, Any]:
    handler = draw(one_of(*HANDLERS, *(["parallel_group"] if depth < 2 else [])))
    if handler == "parallel_group":
        params: Any = {"tasks": named(draw(st.lists(steps(depth + 1), min_size=1, max_size=2)))}
    else:
        params = draw(PARAMS[handler]) if isinstance(handler, str) and handler in PARAMS else {}
    return {"handler": handler, "params": params, "retry_count": 0, **draw(st.fixed_dictionaries({}, optional=FLOW))}


def named(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": chr(ord("A") + number), **step} for number, step in enumerate(made)]


@st.composite
def codes(draw: st.DrawFn) -> str:
    match draw(st.sampled_from(["quick", "quick", "batch", "template", "scheduled", "others"])):
        case "quick":
            written = json.dumps(named(draw(st.lists(steps(), min_size=1, max_size=3))))
            return f"[MULTISTEP:QUICK_WORKFLOW:X:{written}:context={json.dumps(CONTEXT)}]"
        case "batch":
            handler = draw(st.sampled_from(HANDLERS))
            return f"[MULTISTEP:BATCH_PROCESS:{handler}:{json.dumps([draw(PARAMS[handler])])}]"
        case "template":
            handler = draw(st.sampled_from(HANDLERS))
            wanted = {"collection": draw(one_of(*COLLECTIONS)), "handler": handler, "params": draw(PARAMS[handler])}
            return f"[MULTISTEP:TEMPLATE_WORKFLOW:data_processing:{json.dumps(wanted)}]"
        case "scheduled":
            step = draw(steps())
            fields = f"{step['handler']}:{json.dumps(step['params'])}"
            return f"[MULTISTEP:ADD_STEP:Tea:New:{fields}]\n[MULTISTEP:SCHEDULED_WORKFLOW:Tea:1h:{json.dumps(CONTEXT)}]"
    return f"[MULTISTEP:{draw(st.sampled_from(VERBS))}:{draw(st.sampled_from(OTHERS))}]"


MAY = (
    "file workspace/chats/number-5/",
    f"connected to {PUBLIC}:",
    "looked up ",
    "asked ",
    "called ",
    "ran ",
    "pinned ",
)
"""What a person's approval may change beyond the chat's messages, documents, workflows and runs."""


async def beyond(world: World, reply: str, *, approved: bool) -> tuple[list[str], list[str]]:
    """All that is not the chat's own, before and after a reply; `approved`: its person says yes where that counts."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        async with ground_in(Path(folder), world, monkeypatch) as ground:
            before = foreign(ground)
            await ground.reply(reply)
            if approved:
                await ground.approve()
            return before, foreign(ground)


def foreign(ground: Ground) -> list[str]:
    own = ("sent 5: ", "document of chat 5 in ")
    facts = ground.facts().elements()
    return sorted(f for f in facts if not f.startswith(own) and " of 5: " not in f and " in 5: " not in f)


@settings(max_examples=80)
@given(reply=codes())
def test_nothing_leaves_the_chat_without_a_person(world: World, reply: str) -> None:
    """No message, call, file, foreign document, run or definition, and no handler that needs a person."""
    before, after = asyncio.run(beyond(world, reply, approved=False))

    assert before == [fact for fact in after if not fact.startswith("called greet")]


@settings(max_examples=80)
@given(reply=codes())
def test_with_the_persons_approval_it_stays_in_the_chat_or_on_the_public_web(world: World, reply: str) -> None:
    """What the person of a private chat says yes to are its files, calls of public servers, handlers and shortcodes."""
    before, after = asyncio.run(beyond(world, reply, approved=True))
    changed = {*before}.symmetric_difference(after)

    assert [] == [fact for fact in changed if not fact.startswith(MAY) or fact.endswith("with the secret")]


FIELDS = {
    "text": "Tea",
    "workflow": "workflow_id",
    "execution": "execution_id",
    "handler": "log",
    "template": "message_sequence",
    "integer": "5",
    "number": "60",
    "json": "{}",
    "names": "Wait",
    "moment": "5m",
}
"""What may stand in a field, by what it refers to or how it is written."""
ANYTHING = [
    *("-1", "0", "1e9", "9" * 30, "true", "null", "2000-01-01T00:00Z", "1 ==", "x" * 300, "\u202e", "\ud800"),
    *("[]", "[1]", "[[]]", '{"a":1}', '[{"name":"A"}]', '[{"name":["A"],"handler":{}}]', '[{"handler":"lgo"}]'),
    *("timeout=0", "retries=-1", "condition=(", "run_when=never", "sequential=maybe", "context=5", "{", "[", "A:B:C"),
]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_no_field_makes_a_reply_raise(world: World, tmp_path: Path, command: Command) -> None:
    """What is wrong with a reply is told by the Reply, whatever stands in a field, or in none."""
    fitting = [FIELDS.get(field.refers or field.form, "Tea") for field in command.positional]
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with ground_in(tmp_path, world, monkeypatch) as ground:
            for count in range(len(fitting) + 1):
                for last in ("", *ANYTHING):
                    code = ":".join([command.shortcode, *fitting[:count], last])
                    for text in {f"[{code}]", f"[{code.replace(':Tea:', '::')}]"}:
                        reply = ground.bot.check_reply(text, chat_id=5, user_id=5)

                        assert reply.ok is not bool(reply.errors)
