"""The import path of bots that hand every message to a function."""

from __future__ import annotations

from typing import Any

from syncara.app import multi_step_processor


async def process_shortcode(client: Any, message: Any, text: str) -> str:
    """Carry out the codes in an assistant's `text`; returns what the chat is to read.

    `message` is the assistant's own message: its `chat.id`, `from_user.id` (of whoever asked) and `id` are read where
    they exist. `client` is not used: messages go out through the configured Messenger.
    """
    reply = await multi_step_processor.process_reply(
        text,
        chat_id=getattr(getattr(message, "chat", None), "id", None),
        user_id=getattr(getattr(message, "from_user", None), "id", None),
        message_id=getattr(message, "id", None),
    )
    return reply.text
