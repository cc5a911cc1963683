"""The model's instructions name what a chat may use, fit their bounds, and what they show works."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
import pytest

from syncara import MultiStepProcessor
from syncara.commands import COMMANDS, available
from syncara.documents.embedded import EmbeddedDocuments
from syncara.handlers import basic, communication, context, data, files, web
from syncara.handlers.registry import BUILTIN as BUILTIN_HANDLERS
from syncara.handlers.registry import Handlers
from syncara.policy.policy import read
from syncara.shortcodes import scan
from syncara.shortcodes.bind import bind
from syncara.shortcodes.prompt import Example, handler_infos, lessons, prompt, template_infos
from syncara.shortcodes.scanner import Call
from syncara.templates.builtin import BUILTIN as BUILTIN_TEMPLATES
from syncara.templates.registry import Templates
from tests.replies.support import Chats

TOKENS_MAX = 900
BYTES_PER_TOKEN = 3.2
"""Pessimistic: tokens of common tokenizers hold 3.8 bytes of this text."""
FORMS = pytest.mark.parametrize("long", [False, True], ids=["short", "long"])
EXAMPLES = {example.title: example for example in lessons().examples}
WISHES = tomllib.loads(Path(__file__).with_name("wishes.toml").read_text("utf-8"))["wishes"]
STANDS = {
    "One step after the other": ["running", "running"],
    "Data, with a condition": ["completed"],
    "One thing for many, and several at once": ["completed", "completed"],
    "Later, and then not at all": ["cancelled"],
    "What to do when a step fails": ["completed"],
    "Looking, pausing, stopping": ["cancelled"],
    "In another language, with a template": ["running", "completed", "scheduled"],
}
"""How the runs of each example end, or stand while a delay lasts."""


def registered() -> Handlers:
    """What a processor has at its start."""
    handlers = Handlers()
    handlers.install(
        [
            *basic.handlers(basic.LogNotifier()),
            *context.HANDLERS,
            *communication.handlers(communication.ConsoleMessenger(), {}),
            *data.handlers(EmbeddedDocuments(cast("Any", None))),  # nothing is called
            *files.handlers(),
            *web.handlers(),
        ]
    )
    return handlers


def everything(*, long: bool) -> str:
    return prompt(COMMANDS, handler_infos(registered()), template_infos(Templates(BUILTIN_TEMPLATES)), long=long)


# What it says.


def test_the_short_form_has_less_than_900_tokens() -> None:
    """With all that ships, by a pessimistic estimate."""
    assert len(everything(long=False).encode()) / BYTES_PER_TOKEN < TOKENS_MAX


@FORMS
def test_the_prompt_names_every_command_and_template(long: bool) -> None:
    """Each stands where a line lists it."""
    text = everything(long=long)

    assert [] == [name for name in COMMANDS if not re.search(rf"^\S*\b{name.partition(':')[2]}\b", text, re.MULTILINE)]
    assert [] == [name for name in BUILTIN_TEMPLATES if not re.search(rf"^{name} ", text, re.MULTILINE)]


@FORMS
@pytest.mark.parametrize("missing", sorted(BUILTIN_HANDLERS))
def test_the_prompt_names_every_handler_given_and_no_other(missing: str, long: bool) -> None:
    """A handler that the chat may not use is in no list and in no example."""
    infos = [info for info in handler_infos(registered()) if info.name != missing]
    text = prompt(COMMANDS, infos, long=long)

    assert [] == [info.name for info in infos if not re.search(rf"^{info.name} ", text, re.MULTILINE)]
    assert not re.search(rf"\b{missing}\b", text)


@FORMS
def test_a_handler_of_the_bot_is_shown_with_its_params_and_its_purpose(long: bool) -> None:
    """Names, which of them are optional, what they can hold, what comes back and what it is for."""

    class Price(msgspec.Struct):
        """Ask a shop for its price. It may take a while."""

        shop: Annotated[str, msgspec.Meta(description="where to ask")]
        article: dict[str, Any]
        pieces: int = 1
        currency: Literal["EUR", "IDR"] | None = None
        tags: list[str] = []

    async def price(step: Any, execution: Any) -> dict[str, int]:
        """Returns `{price}`."""
        raise NotImplementedError

    handlers = registered()
    handlers.register("price", price, params=Price, ai=True)
    handlers.register("bare", lambda step, execution: None)
    handlers.register("wordless", lambda step, execution: None, params=msgspec.defstruct("Wordless", ["word"]))
    text = prompt(COMMANDS, handler_infos(handlers), long=long)

    signature = "price shop article{} pieces?# currency?=EUR|IDR tags?[]"
    more = ["Ask a shop for its price. It may", "- shop: where"] if long else [" -> price: Ask a shop for its price\n"]
    assert f"\n{signature}" in text
    assert "\nbare\n" in text
    assert "\nwordless word\n" in text
    assert [] == [part for part in more if part not in text]


@FORMS
def test_a_registered_shortcode_is_shown_under_its_family(long: bool) -> None:
    """What follows its name is one field."""

    async def weather(params: str, execution: Any) -> None: ...

    text = prompt(available({"BOT:WEATHER": weather}), handler_infos(registered()), long=long)

    assert ("\n`[BOT:WEATHER:params?]`\n" if long else "\nBOT:\nWEATHER:params?\n") in text


def test_the_long_form_explains_every_field() -> None:
    """Its meaning and its limits, once; what has no help would be a riddle."""
    text = everything(long=True)
    lines = {f"- {field.name}: {field.help}" for command in COMMANDS.values() for field in command.fields}

    assert [] == [line for line in lines if line not in text]
    assert [] == [
        f"{command.shortcode} {field.name}"
        for command in COMMANDS.values()
        for field in command.fields
        if not field.help
    ]
    assert "- batch_size: how many may be under way at once (a whole number from 1 to 1000; default 5)" in text


def test_the_long_form_shows_what_is_told_of_a_reply() -> None:
    """With the ids that later replies can use."""
    text = everything(long=True)

    assert re.search(r"^EXECUTE: .* ex_\w+$", text, re.MULTILINE)
    assert not re.search(r"\{(looking|observed)\}", text)


# What it shows works.


def bound(call: Call) -> bool:
    """Whether a code is one that can be carried out."""
    return call.error is None and not bind(call, COMMANDS[call.shortcode])[1]


@FORMS
def test_every_code_in_the_prompt_can_be_read(long: bool) -> None:
    """And stands where it acts: whoever imitates it does right."""
    calls = scan(everything(long=long))

    assert calls
    assert [] == [call.shortcode for call in calls if not bound(call)]
    assert [] == [c.shortcode for c in calls if not c.alone and COMMANDS[c.shortcode].kind != "reads"]
    assert [] == [call.repairs for call in calls if call.repairs]


@pytest.mark.parametrize("shortcode", COMMANDS)
def test_the_example_of_a_command_can_be_read(shortcode: str) -> None:
    """It is one code, of that command."""
    (call,) = scan(COMMANDS[shortcode].example)

    assert (shortcode, True, True) == (call.shortcode, call.alone, bound(call))


def test_every_command_is_in_an_example_of_the_long_form() -> None:
    """Each of which is run below."""
    shown = scan(everything(long=True).partition("## Examples")[2])

    assert set(COMMANDS) == {call.shortcode for call in shown}


def named(fields: dict[str, Any]) -> Iterator[str]:
    """The handlers that the fields of a code name."""
    if "handler" in fields:
        yield fields["handler"]
    for step in fields.get("steps", []):
        yield from named(step)
    if "template" in fields:
        yield from named(Templates(BUILTIN_TEMPLATES).build(fields["template"], fields["params"]))


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_states_the_handlers_that_it_needs(example: Example) -> None:
    """So that it is left out where one of them may not be used."""
    needed = {handler for turn in example.turns for call in scan(turn.reply) for handler in named(call.args)}

    assert needed == set(example.handlers)


@pytest.fixture
def chats() -> Chats:
    return Chats()


@pytest.fixture
async def bot(tmp_path: Path, chats: Chats) -> AsyncIterator[MultiStepProcessor]:
    policy = read({"shortcodes": {"GROUP:PIN_MESSAGE": "allow"}})  # nobody is here to approve it
    async with MultiStepProcessor(tmp_path / "x.db", messenger=chats, announce=False, policy=policy) as started:
        yield started


async def stands(bot: MultiStepProcessor, execution_id: str, expected: str) -> str:
    """The status of a run, waited for when it is to be a final one."""
    lasting = expected in ("running", "scheduled", "paused")
    run = bot.get_execution(execution_id) if lasting else await bot.wait(execution_id, 10)
    return str(run.status)


@pytest.mark.parametrize("title", EXAMPLES)
async def test_an_example_runs(bot: MultiStepProcessor, title: str) -> None:
    """Turn by turn, in one chat, and its runs end as they should."""
    started: list[str] = []
    for number, turn in enumerate(EXAMPLES[title].turns):
        reply = await bot.process_reply(turn.reply, chat_id=5, user_id=7, message_id=number)
        assert None is reply.note
        started += reply.execution_ids

    expected = STANDS[title]
    assert expected == [await stands(bot, run, end) for run, end in zip(started, expected, strict=True)]


async def test_a_reader_of_the_short_form_gets_what_is_wished_for(bot: MultiStepProcessor, chats: Chats) -> None:
    """Replies written with nothing but the short form at hand, in one chat, one after the other."""
    outcomes = []
    for number, wish in enumerate(WISHES):
        before = len(chats.sent)
        reply = await bot.process_reply(wish["reply"], chat_id=5, user_id=7, message_id=number)
        ends = [await stands(bot, run, end) for run, end in zip(reply.execution_ids, wish["starts"], strict=reply.ok)]
        outcomes.append((wish["said"], reply.note, ends, sorted(text for _, text in chats.sent[before:])))

    assert [(wish["said"], None, wish["starts"], sorted(wish["sends"])) for wish in WISHES] == outcomes
    assert [(5, len(WISHES) - 1)] == chats.pinned
