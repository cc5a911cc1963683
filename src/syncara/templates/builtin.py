"""The templates that come with the package. Each is a sequence: every step waits for the one before."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from syncara.templates.registry import Definition, Template


class MessageSequence(msgspec.Struct, forbid_unknown_fields=True):
    welcome_text: str
    follow_up_text: str = "Is there anything I can help you with?"
    delay: float = 5
    """Seconds between the two messages."""
    chat_id: int | str | None = None
    """Another chat than the execution's own."""


class DataProcessing(msgspec.Struct, forbid_unknown_fields=True):
    collection: str
    query: dict[str, Any] = {}
    handler: str = "log"
    """The handler that does the processing; it finds the documents in the context, under `documents`."""
    params: dict[str, Any] = msgspec.field(default_factory=lambda: {"message": "Processing {context.documents}"})
    results: str = "results"
    """The collection that the outcome is inserted into."""


class NotificationFlow(msgspec.Struct, forbid_unknown_fields=True):
    message: str
    type: Literal["info", "warning", "error", "success"] = "info"


def message_sequence(params: MessageSequence) -> Definition:
    """Send a welcome, wait, send a follow-up."""
    chat = {} if params.chat_id is None else {"chat_id": params.chat_id}
    return sequence(
        "Message sequence",
        {"name": "Send welcome", "handler": "send_message", "params": {"text": params.welcome_text, **chat}},
        {"name": "Wait", "handler": "delay", "params": {"seconds": params.delay}},
        {"name": "Send follow-up", "handler": "send_message", "params": {"text": params.follow_up_text, **chat}},
        global_timeout=max(1800, params.delay + 600),
    )


def data_processing(params: DataProcessing) -> Definition:
    """Load documents, process them, save the outcome."""
    find = {"operation": "find", "collection": params.collection, "query": params.query}
    outcome = {"source": params.collection, "outcome": "{steps.Process.data}"}
    save = {"operation": "insert", "collection": params.results, "data": outcome}
    return sequence(
        "Data processing",
        {"name": "Load data", "handler": "database_operation", "params": find, "save_as": "documents"},
        {"name": "Process", "handler": params.handler, "params": params.params},
        {"name": "Save results", "handler": "database_operation", "params": save},
    )


def notification_flow(params: NotificationFlow) -> Definition:
    """Send a notification, then log that it was sent."""
    level = {"success": "info"}.get(params.type, params.type)
    return sequence(
        "Notification flow",
        {"name": "Notify", "handler": "notification", "params": {"message": params.message, "type": params.type}},
        {"name": "Log event", "handler": "log", "params": {"message": f"Notified: {params.message}", "level": level}},
    )


def sequence(name: str, *steps: dict[str, Any], **fields: Any) -> Definition:
    """A definition in which each step waits for the one before."""
    chained = [
        {**step, "dependencies": [before["name"]]} if before is not None else step
        for before, step in zip([None, *steps], steps, strict=False)
    ]
    return {"name": name, "steps": chained, **fields}


BUILTIN = {
    "message_sequence": Template("message_sequence", message_sequence, MessageSequence),
    "data_processing": Template("data_processing", data_processing, DataProcessing),
    "notification_flow": Template("notification_flow", notification_flow, NotificationFlow),
}
