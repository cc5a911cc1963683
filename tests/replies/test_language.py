"""In which language a chat reads its answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from syncara.shortcodes.outcome import Reply
from tests.replies.support import Chats

LIST = "[MULTISTEP:LIST_WORKFLOWS:]"
NONE = {"en": "There are no workflows here.", "id": "Belum ada workflow di sini."}
PROSE = {
    "en": "I will look at what there is, and then I will tell you.",
    "id": "Baik, nanti saya lihat dulu dan saya kabari kamu.",
}
WRONG = "[MULTISTEP:EXECUTE:Nowhere]"
MINE, OTHER = 5, 6


def language_of(reply: Reply) -> str:
    """That of the answer to LIST, which all of these chats read: there is nothing in them."""
    (language,) = [each for each, text in NONE.items() if text in reply.text]
    return language


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("codes", ["", LIST, WRONG])
async def test_a_chat_goes_on_in_the_language_of_its_replies(
    bot: MultiStepProcessor, language: str, codes: str
) -> None:
    """Of the last one that was long enough to tell, whether it had codes or was refused; other chats do not matter."""
    for each in ("en", "id"):
        await bot.process_reply(PROSE[each], chat_id=OTHER)
    other = "id" if language == "en" else "en"
    await bot.process_reply(PROSE[other], chat_id=MINE)
    await bot.process_reply(f"{PROSE[language]}\n{codes}", chat_id=MINE)

    reply = await bot.process_reply(f"OK.\n{LIST}", chat_id=MINE)

    assert language == language_of(reply)


async def test_the_language_of_a_chat_survives_a_restart(database: Path, chats: Chats) -> None:
    """It is in the database."""
    async with MultiStepProcessor(database, messenger=chats) as bot:
        await bot.process_reply(PROSE["id"], chat_id=MINE)
    async with MultiStepProcessor(database, messenger=chats) as bot:
        reply = await bot.process_reply(f"OK.\n{LIST}", chat_id=MINE)

    assert "id" == language_of(reply)


async def test_a_language_that_was_asked_for_goes_before_all_others_and_is_remembered(bot: MultiStepProcessor) -> None:
    """The bot knows what its user has set."""
    await bot.process_reply(PROSE["en"], chat_id=MINE)

    asked = await bot.process_reply(f"{PROSE['en']}\n{LIST}", chat_id=MINE, language="id")
    after = await bot.process_reply(f"OK.\n{LIST}", chat_id=MINE)

    assert ["id", "id"] == [language_of(asked), language_of(after)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (f"Siap!\n{LIST}", "id"),
        (f"Oke kak\n{LIST}", "id"),
        (f"OK.\n{LIST}", "en"),
        (f"OK.\n[MULTISTEP:CREATE_WORKFLOW:Laporan untuk tim]\n[MULTISTEP:DELETE_WORKFLOW:workflow_id]\n{LIST}", "id"),
    ],
)
async def test_a_short_first_reply_is_read_with_what_is_in_its_codes(
    bot: MultiStepProcessor, text: str, language: str
) -> None:
    """English, where nothing tells."""
    assert language == language_of(await bot.process_reply(text, chat_id=MINE))


async def test_what_is_in_codes_does_not_outweigh_the_language_of_the_chat(bot: MultiStepProcessor) -> None:
    """A message in them may be for other people."""
    await bot.process_reply(PROSE["id"], chat_id=MINE)
    message = '{"name":"Greet","handler":"log","params":{"message":"This is what you will have to do for the team"}}'

    reply = await bot.process_reply(f"OK.\n[MULTISTEP:QUICK_WORKFLOW:Hello:[{message}]]", chat_id=MINE)

    assert "Hello sudah dijalankan" in reply.text


@pytest.mark.parametrize("prose", ["Baik, saya siapkan sekarang ya.", "Oke, tunggu sebentar.", "Tentu!"])
@pytest.mark.parametrize("count", [1, 4, 30])
async def test_the_words_of_a_reply_outweigh_those_of_its_codes(
    bot: MultiStepProcessor, prose: str, count: int
) -> None:
    """However many these are, and whatever addresses stand in them."""
    url = "https://files.example.com/{}.csv"
    steps = [
        {"name": f"Get {n}", "handler": "api_call", "params": {"url": url.format(n)}, "condition": "1 > 2 and not true"}
        for n in range(count)
    ]

    reply = await bot.process_reply(f"{prose}\n\n[MULTISTEP:QUICK_WORKFLOW:Report:{json.dumps(steps)}]\n{LIST}")

    assert "Report menunggu persetujuan" in reply.text


async def test_a_check_speaks_the_language_of_the_chat_and_teaches_none(bot: MultiStepProcessor) -> None:
    """It changes nothing."""
    await bot.process_reply(PROSE["id"], chat_id=MINE)

    bot.check_reply(PROSE["en"], chat_id=MINE)

    assert "Tidak ada yang dijalankan" in bot.check_reply(f"OK.\n{WRONG}", chat_id=MINE).text


async def test_a_command_answers_in_the_language_of_the_chat_and_teaches_none(bot: MultiStepProcessor) -> None:
    """English where no reply told; another one that is asked for is that command's alone."""
    new = await bot.give_command("MULTISTEP:LIST_WORKFLOWS", {}, chat_id=MINE)
    await bot.process_reply(PROSE["id"], chat_id=MINE)
    asked = await bot.give_command("MULTISTEP:LIST_WORKFLOWS", {}, chat_id=MINE, language="en")
    known = await bot.give_command("MULTISTEP:LIST_WORKFLOWS", {}, chat_id=MINE)
    other = await bot.give_command("MULTISTEP:LIST_WORKFLOWS", {}, chat_id=OTHER)

    assert ["en", "en", "id", "en"] == [language_of(each) for each in (new, asked, known, other)]


async def test_a_preview_is_in_the_language_of_the_chat(bot: MultiStepProcessor) -> None:
    """Of the one that it is for, which is the definition's own where none is named."""
    await bot.process_reply(PROSE["id"], chat_id=MINE)
    made = '[MULTISTEP:QUICK_WORKFLOW:Tea:[{"name":"Greet","handler":"log","params":{"message":"hi"}}]]'
    await bot.process_reply(made, chat_id=MINE)
    (tea,) = bot.list_workflows()

    texts = [
        bot.preview(tea.id).text,
        bot.preview(tea.id, chat_id=MINE, language="en").text,
        bot.preview(tea.id, chat_id=OTHER).text,
        bot.preview(tea.id, chat_id=OTHER, language="id").text,
    ]

    assert [True, False, False, True] == ["rencana" in text for text in texts]


async def test_replies_without_a_chat_leave_nothing_behind(bot: MultiStepProcessor) -> None:
    """They may be of anybody."""
    await bot.process_reply(PROSE["id"])

    assert "en" == language_of(await bot.process_reply(f"OK.\n{LIST}"))


async def test_the_outcomes_of_a_refused_reply_are_in_its_language(bot: MultiStepProcessor) -> None:
    """The note alone stays English: it is for the model."""
    refused = await bot.process_reply(f"{LIST}\n{WRONG}", chat_id=MINE, language="id")

    assert ["tidak dijalankan, karena ada kode lain yang salah", "tidak ada, atau tidak ada di chat ini"] == [
        outcome.text for outcome in refused.outcomes
    ]
    assert "there is no workflow 'Nowhere'" in (refused.note or "")
