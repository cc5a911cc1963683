"""Commands of the GROUP family: what is done to the chat itself, through the Messenger.

Like every command with an effect outside the database, they become a run of one step, `execute_shortcode`, that starts
in the same transaction as the rest of the reply. No alias means that run, and its workflow is in no list.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from syncara import answers
from syncara.commands.draft import Draft, Said
from syncara.commands.registry import Refers, command
from syncara.core.errors import Problem, ValidationError

Message = Annotated[
    str, Meta(description="its id; the word message_id means the one that the code stands in"), Refers("message")
]


@command("GROUP:PIN_MESSAGE", "acts", example="[GROUP:PIN_MESSAGE:message_id]")
def pin_message(draft: Draft, message_id: Message = "message_id") -> Said:
    """Pin a message in this chat."""
    if draft.chat.chat_id is None:
        message = "there is no chat to pin a message in"
        raise ValidationError([Problem("no_chat", "message_id", message, "give the chat's id with the reply")])
    return run_outside(draft, draft.references.message(message_id), shortcode="GROUP:PIN_MESSAGE")


def run_outside(draft: Draft, params: str = "", *, shortcode: str) -> Said:
    """A run of one step that executes a registered shortcode."""
    step = {"name": shortcode, "handler": "execute_shortcode", "params": {"shortcode": shortcode, "params": params}}
    execution_id = draft.start_aside({"name": shortcode, "steps": [step]})
    return lambda look: answers.outside_started(shortcode, look.execution(execution_id).status)
