"""What a workflow would do, from the terminal: all is told, and nothing is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor
from syncara.policy.plan import plan_hash
from tests.cli.support import Command, Done, Runs

DEFINITION = {
    "name": "Report",
    "steps": [
        {"name": "Fetch", "handler": "api_call", "params": {"url": "https://api.example.com/v1", "method": "POST"}},
        {"name": "Wait", "handler": "delay", "params": {"seconds": 600}, "dependencies": ["Fetch"]},
        {
            "name": "Save",
            "handler": "file_operation",
            "params": {"operation": "write", "file_path": "a.txt", "content": "x"},
            "dependencies": ["Wait"],
        },
        {"name": "Tell", "handler": "send_message", "params": {"text": "Hi {context.name}"}, "dependencies": ["Save"]},
    ],
}
BREWING = """\
from pathlib import Path
from syncara import multi_step_processor

def called(step, execution):
    Path("called").touch()

multi_step_processor.register_handler("previewed", called)
workflow = {"name": "Brew", "steps": [{"name": "Brew", "handler": "previewed"}]}
"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(DEFINITION))
    return file


def judged(done: Done) -> list[tuple[Any, ...]]:
    """Of each effect its step, kind, operation, address, and what becomes of it."""
    found = [(each["effect"], each["decision"]) for each in done.json()["preview"]["judged"]]
    return [
        (effect["step"], effect["kind"], effect.get("operation"), effect.get("address"), decision)
        for effect, decision in found
    ]


def test_the_plan_is_shown_and_nothing_is_left_behind(command: Command, report: Path) -> None:
    """The steps, every effect with its address, what needs a person, and the waits; no database is made."""
    done = command("preview", "report.json", "--chat-id", "7", "--user-id", "7")

    assert (0, "") == (done.code, done.err)
    told = (
        "✋ Report · needs a person's approval · plan ",
        "🔹 Fetch · api_call\n   ↳ Wait · delay\n      ↳ Save · file_operation\n         ↳ Tell · send_message\n",
        '✋ 🌐 calls api.example.com with POST /v1 · Fetch · needs approval: handlers.api_call = "approve" by default',
        '✋ 📄 writes the file a.txt "x" · Save · needs approval: ',
        '🟢 ✉️ writes to this chat "Hi {context.name = ?}" · Tell',
        "💤 Wait · 10 min 00 s",
        "✋ Who may approve: 7",
    )
    assert [] == [words for words in told if words not in done.out]
    assert ["report.json"] == [path.name for path in report.parent.iterdir()]


def test_as_json_it_is_one_document(command: Command, report: Path) -> None:
    """All that the text says, and the whole hash."""
    done = command("preview", "report.json", "--chat-id", "7", "--user-id", "7", "--json")
    found = done.json()["preview"]

    assert (["preview"], "approve", [7], 1800, 12) == (
        list(done.json()),
        found["decision"],
        found["approvers"],
        found["longest_s"],
        found["attempts"],
    )
    assert [{"step": "Wait", "kind": "delay", "seconds": 600}] == found["waits"]
    assert found["text"].startswith(f"✋ Report · needs a person's approval · plan {found['plan_hash'][:12]}\n")
    assert [
        ("Fetch", "web", "POST", "api.example.com", "approve"),
        ("Wait", "none", None, None, "allow"),
        ("Save", "file", "write", "a.txt", "approve"),
        ("Tell", "message", "send", None, "allow"),
    ] == judged(done)


def test_the_context_and_the_chat_belong_to_the_hash(command: Command, report: Path) -> None:
    """The same command line gives the same hash, from a file that is defined anew each time."""

    def hashed(*arguments: str) -> str:
        return str(command("preview", "report.json", "--json", *arguments).json()["preview"]["plan_hash"])

    one = hashed("--context", "name=Ana", "--context", "n=1")
    assert one == hashed("--context", '{"n": 1, "name": "Ana"}')
    assert 4 == len({one, hashed(), hashed("--context", "name=Budi"), hashed("--chat-id", "7")})


def test_a_policy_file_decides(command: Command, report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the settings, as for the bot."""
    policy = report.parent / "policy.toml"
    policy.write_text('owners = [1]\n[web]\n"*.example.com" = "deny"\n[handlers]\nfile_operation = "allow"\n')
    monkeypatch.setenv("SYNCARA_POLICY", str(policy))
    done = command("preview", "report.json", "--json")

    assert ["deny", "allow", "allow", "allow"] == [decision for *_, decision in judged(done)]
    assert 'not allowed: web."*.example.com" = "deny"' in done.json()["preview"]["text"]


def test_a_workflow_of_the_database_is_only_looked_at(runs: Runs, command: Command) -> None:
    """Under the hash of the definition that is stored; not a byte of the file changes."""
    before = (runs.folder / runs.database).read_bytes()
    done = command("preview", runs.workflow_id, "-d", runs.database, "--context", "water=hot", "--json")
    processor = MultiStepProcessor(runs.folder / runs.database, read_only=True)
    stored = processor.get_workflow(runs.workflow_id)
    processor.close()

    assert (0, before) == (done.code, (runs.folder / runs.database).read_bytes())
    assert plan_hash(stored, {"water": "hot"}, None) == done.json()["preview"]["plan_hash"]
    assert [step.name for step in stored.steps] == [step for step, *_ in judged(done)]


def test_handlers_of_a_python_file_are_not_called(command: Command, tmp_path: Path) -> None:
    """They are registered, so that the workflow can be judged; a custom handler is named."""
    (tmp_path / "brewing.py").write_text(BREWING)
    done = command("preview", "brewing.py")

    assert (
        "✋ 🔧 runs previewed · Brew · needs approval: the handler 'previewed' is not registered with ai=True"
        in done.out
    )
    assert not (tmp_path / "called").exists()


def test_a_workflow_that_cannot_run_is_refused_with_all_that_is_wrong(command: Command, tmp_path: Path) -> None:
    """As `validate` and `run` would say it."""
    wrong = {"name": "Wrong", "steps": [{"name": "A", "handler": "lgo", "dependencies": ["B"]}]}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    problems = [command(name, "wrong.json", "--json") for name in ("preview", "validate")]

    assert [1, 1] == [done.code for done in problems]
    assert problems[0].json()["error"]["problems"] == problems[1].json()["problems"]


def test_what_is_not_there_is_not_found(command: Command, tmp_path: Path) -> None:
    """Neither a file nor a workflow; and nothing is made in looking."""
    done = command("preview", "wf_1", "--json")

    assert (3, "not_found", []) == (done.code, done.json()["error"]["code"], list(tmp_path.iterdir()))
