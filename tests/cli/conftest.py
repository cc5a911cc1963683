"""A folder with files to run, and a database with runs in it."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from syncara.doors.cli import main
from tests.cli.support import BOT, Command, Done, Runs, ours

TEA = """\
name: Tea
steps:
  - name: Boil
    handler: set_context
    params: {key: water, value: hot}
  - name: Serve
    handler: send_message
    params: {text: "Tea for {context.name|you}"}
    dependencies: [Boil]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with `tea.yaml` and `bot.py`."""
    (tmp_path / "tea.yaml").write_text(TEA)
    shutil.copy(BOT, tmp_path)
    return tmp_path


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process, in the test's folder: quicker, for commands that run no workflow."""
    monkeypatch.chdir(tmp_path)
    for name in filter(ours, list(os.environ)):
        monkeypatch.delenv(name)

    def call(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, out, err)

    return call


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """A database, `runs.db`, with a run that completed, one that failed and one that is paused."""

    async def make(database: Path) -> Runs:
        async with MultiStepProcessor(database) as processor:
            workflow_id = processor.define(
                {
                    "name": "Tea",
                    "description": "Made with care",
                    "steps": [
                        {"name": "Check", "handler": "get_context", "params": {"key": "water"}},
                        {
                            "name": "Boil",
                            "handler": "log",
                            "params": {"message": "{context.water}"},
                            "dependencies": ["Check"],
                        },
                    ],
                }
            )
            completed = await processor.execute_workflow(workflow_id, {"water": "hot"}, chat_id=7)
            await processor.wait(completed)
            failed = await processor.execute_workflow(workflow_id)
            await processor.wait(failed)
            delay = {"name": "Wait", "handler": "delay", "params": {"seconds": 1000}}
            paused = await processor.execute_workflow(processor.define({"name": "Long", "steps": [delay]}))
            await processor.pause_execution(paused)
        return Runs(tmp_path, database.name, workflow_id, completed, failed, paused)

    return asyncio.run(make(tmp_path / "runs.db"))
