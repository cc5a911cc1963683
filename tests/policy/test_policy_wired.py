"""What the policy file says is what happens to replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncara import ExecutionStatus, MultiStepProcessor
from syncara.policy.gate import Gate
from syncara.policy.policy import Policy, read
from tests.replies.support import Chats

CHAT = 7
CALL = (
    '[MULTISTEP:QUICK_WORKFLOW:Call:[{"name":"Call","handler":"api_call","params":{"url":"https://api.example.com/",'
    '"headers":{"Authorization":"Bearer {secret.API_TOKEN}"}}}]]'
)


class Caller:
    """An execution as handlers see it."""

    chat_id = CHAT

    def __init__(self, author: str) -> None:
        self.author = author


def gate(**lines: Any) -> Gate:
    return Gate(read(lines), bool, bool)


async def asked(tmp_path: Path, policy: Policy) -> Any:
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=Chats(), policy=policy) as bot:
        reply = await bot.process_reply(CALL, chat_id=CHAT, user_id=CHAT)
        return reply, [run.status for run in bot.list_executions()]


async def test_an_assistant_names_no_secret_that_the_policy_does_not_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply is refused, and does not learn which secrets there are."""
    monkeypatch.setenv("SYNCARA_SECRET_OTHER_TOKEN", "something-long")
    reply, runs = await asked(tmp_path, Policy())

    assert (False, []) == (reply.ok, runs)
    assert ["secret_refused"] == [problem.code for problem in reply.errors]
    assert "OTHER_TOKEN" not in (reply.note or "")


async def test_a_secret_that_the_policy_names_may_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call itself still waits for a person."""
    monkeypatch.setenv("SYNCARA_SECRET_API_TOKEN", "something-long")
    reply, runs = await asked(tmp_path, read({"secrets": {"API_TOKEN": ["api.example.com"]}}))

    assert (True, [ExecutionStatus.AWAITING_APPROVAL]) == (reply.ok, runs)


@pytest.mark.parametrize(
    ("hosts", "host", "goes"),
    [
        (["api.example.com"], "api.example.com", True),
        (["*.example.com"], "api.example.com", True),
        (["api.example.com"], "api.example.org", False),
        (["api.example.com"], "x.api.example.com", False),
        ([], "api.example.com", False),
    ],
)
def test_a_secret_goes_to_the_hosts_that_the_policy_names(hosts: list[str], host: str, goes: bool) -> None:
    """And to no other."""
    refusal = gate(secrets={"TOKEN": hosts}).secret("TOKEN", host, Caller("ai"))  # type: ignore[arg-type]
    assert goes is (refusal is None)


def test_the_developer_s_secrets_go_where_the_developer_says() -> None:
    """The policy is for assistants."""
    assert gate().secret("TOKEN", "anywhere.example", Caller("developer")) is None  # type: ignore[arg-type]


def test_each_chat_has_its_own_documents_but_for_those_that_are_shared() -> None:
    """5 and '5' are two chats; what the developer writes is everyone's."""
    judge = gate(collections={"shared": {"products": ["find"]}})
    one, other, developer = Caller("ai"), Caller("ai"), Caller("developer")
    other.chat_id = "7"  # type: ignore[assignment]

    scopes = [judge.scope("notes", each) for each in (one, other, developer)]  # type: ignore[arg-type]
    assert ["chat 7", 'chat "7"', ""] == scopes
    assert "" == judge.scope("products", one)  # type: ignore[arg-type]


def test_a_name_that_nobody_registered_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A slip in the policy would leave a gap without a word."""
    bot = MultiStepProcessor(tmp_path / "bot.db", policy=read({"handlers": {"file_operatoin": "deny"}}))
    bot.list_workflows()
    bot.close()

    assert "file_operatoin" in caplog.text
    assert "Did you mean 'file_operation'?" in caplog.text


def test_the_file_of_the_setting_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SYNCARA_POLICY names it."""
    file = tmp_path / "policy.toml"
    file.write_text("owners = [1]")
    monkeypatch.setenv("SYNCARA_POLICY", str(file))
    bot = MultiStepProcessor(tmp_path / "bot.db")

    assert (1,) == bot._engine.gate.policy.owners  # noqa: SLF001 - there is no other way to see it
    bot.close()
