"""The import path of bots that hand every message to a function."""

from __future__ import annotations

from typing import Any

from syncara.app import multi_step_processor
from syncara.handlers.forms import form_of
from syncara.ids import new_id


async def process_shortcode(client: Any, message: Any, text: str) -> str:
    """Carry out the codes in an assistant's `text`; returns what the chat is to read in the assistant's message.

    `message` is that message: its `chat.id`, `from_user.id` (of whoever asked) and `id`, or `message_id` as some
    libraries call it, are read where they exist. `client` is not used: messages go out through the configured
    Messenger, and the answer is written in its form. Where there is a chat, what is too long for one message is sent
    like that, before this returns.
    """
    chat_id = getattr(getattr(message, "chat", None), "id", None)
    message_id = getattr(message, "id", None)
    if message_id is None:
        message_id = getattr(message, "message_id", None)
    user_id = getattr(getattr(message, "from_user", None), "id", None)
    messenger = multi_step_processor._engine.messenger  # noqa: SLF001 - the only sender outside of runs
    reply = await multi_step_processor.process_reply(
        text, chat_id=chat_id, user_id=user_id, message_id=message_id, form=form_of(messenger)
    )
    if chat_id is None:
        return reply.text
    first, *others = reply.parts()
    key = new_id("reply") if message_id is None else f"{chat_id}:{message_id}:reply"
    for number, part in enumerate(others, 1):
        await messenger.send(chat_id, part, idempotency_key=f"{key}:{number}")
    return first
