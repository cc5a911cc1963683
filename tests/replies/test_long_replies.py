"""A reply's answers can be longer than a message."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import syncara.modules.process_shortcode as module
from syncara import MultiStepProcessor
from syncara.answers import FORMS, Form
from tests.answers.parsed import html_words
from tests.replies.support import Chats

LIMIT = 4_096
STEPS = [
    {
        "name": f"Step {n} & {'🍵' * 20}",
        "handler": "log",
        "params": {"message": "x"},
        "dependencies": [f"step{n}"] * (n > 0),
    }
    for n in range(60)
]
START = f"[MULTISTEP:QUICK_WORKFLOW:Tea <🍵>:{json.dumps(STEPS)}]"
LONG = "\n\n".join(["I will make the tea, and this is how it stands.", START, *["[MULTISTEP:STATUS:execution_id]"] * 4])
MESSAGE = SimpleNamespace(id=42, chat=SimpleNamespace(id=5), from_user=SimpleNamespace(id=7))


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize("form", FORMS)
async def test_a_long_reply_has_parts_that_fit_into_messages(bot: MultiStepProcessor, form: Form) -> None:
    """In the form that it was asked for in, also where it is only remembered."""
    reply = await bot.process_reply(LONG, chat_id=5, message_id=1, form=form)
    parts = reply.parts()

    assert (True, form) == (reply.ok, reply.form)
    assert units(reply.text) > 3 * LIMIT
    assert max(map(units, parts)) <= LIMIT
    assert len(parts) < 2 * units(reply.text) / LIMIT + 1
    assert "".join(reply.text.split()) == "".join("".join(parts).split())
    assert parts == (await bot.process_reply(LONG, chat_id=5, message_id=1)).parts()


async def test_an_answer_is_rather_not_cut_in_two(bot: MultiStepProcessor) -> None:
    """Each is short enough for a message; what stands above it may go with it."""
    reply = await bot.process_reply(LONG, chat_id=5, form="html")

    begins = [part.partition("\n")[0].partition(" · ")[0] for part in reply.parts()]
    assert ["I will make the tea, and this is how it stands.", *["⏳ <b>Tea &lt;🍵&gt;</b>"] * 3] == begins


async def test_each_part_of_a_long_reply_is_html(bot: MultiStepProcessor) -> None:
    """With a limit as low as of other services, too."""
    reply = await bot.process_reply(LONG, chat_id=5, form="html")

    tags = [html_words(part)[1] for part in reply.parts(500)]

    assert len(tags) > 20
    assert {"b", "code"} == set().union(*tags)


async def test_a_short_reply_has_one_part(bot: MultiStepProcessor) -> None:
    """Also one that was refused, has no codes, or is empty."""
    for text in ("[MULTISTEP:LIST_WORKFLOWS:]", "[MULTISTEP:SHOW:Nowhere]", "Hello <b>!", ""):
        reply = await bot.process_reply(text, chat_id=5, form="html")

        assert ((reply.text,), "html") == (reply.parts(), reply.form)


async def test_a_bot_that_edits_its_message_gets_what_fits_and_the_rest_is_sent(
    bot: MultiStepProcessor, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order, through the messenger; when the message comes again, with the same keys."""
    monkeypatch.setattr(module, "multi_step_processor", bot)

    first = await module.process_shortcode(None, MESSAGE, LONG)
    texts, keys = told(chats)
    again = await module.process_shortcode(None, MESSAGE, LONG)

    assert first == again
    assert (await bot.process_reply(LONG, chat_id=5, user_id=7, message_id=42)).parts() == (first, *texts)
    assert ([*texts, *texts], [*keys, *keys]) == told(chats)
    assert len(keys) == len(set(keys)) > 2


async def test_a_bot_that_edits_its_message_gets_it_in_the_form_of_its_messenger(
    database: Path, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts of a reply are messages of one bot."""
    chats.form = "html"  # type: ignore[attr-defined]
    async with MultiStepProcessor(database, messenger=chats, announce=False) as bot:
        monkeypatch.setattr(module, "multi_step_processor", bot)

        first = await module.process_shortcode(None, MESSAGE, LONG)
        others, _ = told(chats)

    assert "<b>Tea &lt;🍵&gt;</b>" in first
    assert {"b", "code"} == set().union(*(html_words(part)[1] for part in (first, *others)))


async def test_without_a_chat_all_of_a_long_reply_is_given_back(
    bot: MultiStepProcessor, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nowhere to send the rest."""
    monkeypatch.setattr(module, "multi_step_processor", bot)

    text = await module.process_shortcode(None, SimpleNamespace(), LONG)

    assert units(text) > 3 * LIMIT
    assert ([], []) == told(chats)


async def test_messages_without_an_id_have_keys_of_their_own(
    bot: MultiStepProcessor, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not the same message, so nothing of the second is dropped."""
    monkeypatch.setattr(module, "multi_step_processor", bot)
    message = SimpleNamespace(chat=SimpleNamespace(id=5))

    for _ in range(2):
        await module.process_shortcode(None, message, LONG)

    _, keys = told(chats)
    assert len(keys) == len(set(keys)) > 5


def told(chats: Chats) -> tuple[list[str], list[Any]]:
    """The texts and keys of what was sent, but for news of runs."""
    sent = [(text, key) for (_, text), key in zip(chats.sent, chats.keys, strict=True) if ":announce:" not in key]
    return [text for text, _ in sent], [key for _, key in sent]
