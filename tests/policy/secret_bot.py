"""A bot that sends secrets to a server which tells everything it hears, in every way: made to be killed on the way.

`python secret_bot.py DATABASE URL`, in a folder of its own. Started again, it takes the run up, and at its end prints
all that can be had of it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import msgspec

from syncara import MultiStepProcessor

CHAT = 7


def call(name: str, url: str, **fields: Any) -> dict[str, Any]:
    """A step that sends both secrets."""
    headers = {"Authorization": "Bearer {secret.TOKEN}", "X-Password": "{context.user}:{secret.PASSWORD}"}
    params = {"url": f"{url}/{name}", "headers": headers, "data": {"about": "{context.user}"}}
    return {"name": name, "handler": "api_call", "params": params, "retry_delay": 0, **fields}


def after(*names: str, **fields: Any) -> dict[str, Any]:
    return {"dependencies": names, **fields}


def steps(url: str) -> list[dict[str, Any]]:
    body = "{steps.echo.data.body}"
    return [
        call("echo", url, save_as="echoed"),
        call("retried", url),
        call("binary", url),
        call("text", url),
        call("refused", url, on_error="continue"),
        call("garbled", url, on_error="continue", retry_count=1),
        call("moved", url, on_error="continue"),
        after("echo", name="Tell", handler="send_message", params={"text": f"It said {body}"}),
        after("text", name="Log", handler="log", params={"message": "{steps.text.data}"}),
        after(
            "echo",
            name="Keep",
            handler="database_operation",
            params={"operation": "insert", "collection": "answers", "data": {"answer": "{context.echoed}"}},
        ),
        after(
            "echo",
            name="Write",
            handler="file_operation",
            params={"operation": "write", "file_path": "answer.txt", "content": body},
        ),
        call("hold", url, **after("retried", "binary", "text", "refused", "garbled", "moved", "Keep", "Write", "Tell")),
    ]


async def show(processor: MultiStepProcessor, execution_id: str) -> None:
    """Print everything about a run that a program, a person or a model can ask for."""
    execution = processor.get_execution(execution_id)
    found: list[Any] = [
        execution,
        processor.list_executions(),
        processor.get_execution_progress(execution_id),
        processor.get_history(execution_id),
        processor.get_log(execution_id),
        processor.get_workflow(execution.workflow_id),
        processor.validate(execution.workflow_id),
        await processor.documents.find("answers", {}),
    ]
    for n, command in enumerate(("STATUS", "PROGRESS", "WHY", "LIST_EXECUTIONS", "LIST_WORKFLOWS", "SHOW")):
        found.append(await processor.process_reply(f"[MULTISTEP:{command}]", chat_id=CHAT, message_id=n))
    for thing in found:
        print(repr(thing))
        print(msgspec.json.encode(thing, enc_hook=str).decode())


async def main(database: str, url: str) -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    async with MultiStepProcessor(database) as processor:
        runs = processor.list_executions()
        if runs:
            print("again", repr(processor._engine))  # noqa: SLF001 - whatever is in it
            await processor.wait(runs[0].id)
            await show(processor, runs[0].id)
        else:
            workflow_id = processor.define({"name": "Secrets", "steps": steps(url)})
            execution_id = await processor.execute_workflow(workflow_id, {"user": "ana"}, chat_id=CHAT)
            await processor.wait(execution_id)


asyncio.run(main(*sys.argv[1:]), debug=True)
