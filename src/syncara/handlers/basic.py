"""log and notification. The third basic handler, delay, is the machine's own: a wake time in the journal."""

from __future__ import annotations

import logging
from typing import Any, Literal

import msgspec

from syncara.abc import ExecutionInput, Handler, Notifier, StepInput
from syncara.handlers.registry import struct_check
from syncara.handlers.text import to_text

logger = logging.getLogger("syncara.workflow")

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class LogParams(msgspec.Struct, forbid_unknown_fields=True):
    """Write a line to the execution's log and to Python's logging (`syncara.workflow`)."""

    message: Any
    level: Literal["debug", "info", "warning", "error"] = "info"


class NotificationParams(msgspec.Struct, forbid_unknown_fields=True):
    """Tell whoever operates the bot."""

    message: Any
    type: Literal["info", "warning", "error", "success"] = "info"


def log(step: StepInput, execution: ExecutionInput) -> dict[str, str]:
    """Returns `{"message", "level"}`."""
    params: LogParams = step.params
    message = to_text(params.message)
    logger.log(_LEVELS[params.level], "%s: %s", step.name, message, extra={"execution_id": execution.id})
    return {"message": message, "level": params.level}


def handlers(notifier: Notifier) -> list[Handler]:
    async def notification(step: StepInput, execution: ExecutionInput) -> dict[str, str]:
        """Returns `{"message", "type"}`."""
        params: NotificationParams = step.params
        message = to_text(params.message)
        await notifier.notify(message, params.type, idempotency_key=execution.idempotency_key)
        return {"message": message, "type": params.type}

    return [
        Handler("log", log, "direct", LogParams, True, struct_check(LogParams)),
        Handler("notification", notification, "task", NotificationParams, True, struct_check(NotificationParams)),
    ]


class LogNotifier:
    """The notifier that needs no set-up: Python's logging, under `syncara.notification`."""

    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        level = _LEVELS.get(type, logging.INFO)
        logging.getLogger("syncara.notification").log(level, "%s: %s", type, message)
