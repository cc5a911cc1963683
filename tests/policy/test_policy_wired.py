"""What the policy file says is what happens to replies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from syncara import ExecutionStatus, MultiStepProcessor
from syncara.handlers.http import Site
from syncara.policy.addresses import DEFAULT_PORTS
from syncara.policy.gate import Gate
from syncara.policy.policy import Policy, read
from syncara.runtimes.driver import StepInput
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


async def test_a_secret_that_is_not_there_is_refused_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An assistant learns from no answer which secrets there are; the operator reads of the slip in the log."""
    monkeypatch.setenv("SYNCARA_SECRET_API_TOKEM", "something-long")
    unnamed, _ = await asked(tmp_path, Policy())
    missing, runs = await asked(tmp_path, read({"secrets": {"API_TOKEN": ["api.example.com"]}}))

    assert (unnamed.errors, unnamed.note, []) == (missing.errors, missing.note, runs)
    assert ["secret_refused"] == [problem.code for problem in missing.errors]
    assert "TOKEM" not in str(missing)
    assert "Did you mean 'API_TOKEM'?" in caplog.text


async def test_a_preview_does_not_say_either_which_secrets_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is gone since the workflow was made is spoken of as one that it may no longer use."""
    made = CALL.replace("QUICK_WORKFLOW:Call:", "CREATE_WORKFLOW:Call]\n[MULTISTEP:ADD_STEP:Call:Call:api_call:")
    made = made.replace('[{"name":"Call","handler":"api_call","params":', "").removesuffix("}]]") + "]"
    named = read({"secrets": {"API_TOKEN": ["api.example.com"]}})
    monkeypatch.setenv("SYNCARA_SECRET_API_TOKEN", "something-long")
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=Chats(), policy=named) as bot:
        assert (await bot.process_reply(made, chat_id=CHAT, user_id=CHAT)).ok
        said = [(await previewed(bot)).text]
    for policy, gone in ((Policy(), False), (named, True)):
        if gone:
            monkeypatch.delenv("SYNCARA_SECRET_API_TOKEN")
        async with MultiStepProcessor(tmp_path / "bot.db", messenger=Chats(), policy=policy) as bot:
            said.append((await previewed(bot)).text)

    assert "api.example.com" in said[0]
    assert said[1] == said[2]
    assert "🔸 Step Call: a secret may not be used there" in said[2]


async def previewed(bot: MultiStepProcessor) -> Any:
    return await bot.process_reply("[MULTISTEP:PREVIEW:Call]", chat_id=CHAT, user_id=CHAT)


@pytest.mark.parametrize("url", ["nowhere", "https://a@b.example.com/", "https://{context.x}/"])
async def test_a_url_that_is_refused_tells_nothing_of_secrets_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Whatever else is wrong with the call."""
    monkeypatch.setenv("SYNCARA_SECRET_API_TOKEM", "something-long")
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=Chats()) as bot:
        reply = await bot.process_reply(CALL.replace("https://api.example.com/", url), chat_id=CHAT, user_id=CHAT)

    assert "secret_refused" in [problem.code for problem in reply.errors]
    assert "TOKEM" not in str(reply)


@pytest.mark.parametrize(
    ("hosts", "site", "goes"),
    [
        (["api.example.com"], Site("api.example.com", 443, "https"), True),
        (["api.example.com:443"], Site("api.example.com", 443, "https"), True),
        (["*.example.com"], Site("api.example.com", 443, "https"), True),
        (["*"], Site("api.example.com", 443, "https"), True),
        (["[2606:4700::1]"], Site("2606:4700::1", 443, "https"), True),
        (["api.example.com:8443"], Site("api.example.com", 8443, "https"), True),
        (["*.example.com:8443"], Site("api.example.com", 8443, "https"), True),
        (["[2606:4700::1]:8443"], Site("2606:4700::1", 8443, "https"), True),
        (["api.example.com"], Site("api.example.com", 80, "http"), False),
        (["api.example.com:80"], Site("api.example.com", 80, "http"), False),
        (["api.example.com"], Site("api.example.com", 443, "http"), False),
        (["api.example.com"], Site("api.example.com", 8443, "https"), False),
        (["*"], Site("api.example.com", 8443, "https"), False),
        (["api.example.com:8443"], Site("api.example.com", 443, "https"), False),
        (["api.example.com"], Site("api.example.org", 443, "https"), False),
        (["api.example.com"], Site("x.api.example.com", 443, "https"), False),
        ([], Site("api.example.com", 443, "https"), False),
    ],
)
async def test_a_secret_goes_to_the_hosts_that_the_policy_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: list[str], site: Site, goes: bool
) -> None:
    """Over https, on its port or on one that is named with the host; asked at the call, and when the reply is read."""
    policy = read({"secrets": {"API_TOKEN": hosts}})
    refusal = Gate(policy, bool, bool, ["API_TOKEN"]).secret("API_TOKEN", site, Caller("ai"))  # type: ignore[arg-type]
    assert goes is (refusal is None)

    monkeypatch.setenv("SYNCARA_SECRET_API_TOKEN", "something-long")
    host = f"[{site.host}]" if ":" in site.host else site.host
    call = CALL.replace("https://api.example.com/", f"{site.scheme}://{host}:{site.port}/")
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=Chats(), policy=policy) as bot:
        reply = await bot.process_reply(call, chat_id=CHAT, user_id=CHAT)
    assert ([] if goes else ["secret_refused"]) == [problem.code for problem in reply.errors]


def test_a_plan_over_https_covers_no_call_over_http() -> None:
    """A plan over http covers one over https."""

    class Approved(Caller):
        user_id, covers = CHAT, True

    def refusal(written: str, scheme: str) -> str | None:
        step = StepInput("step", "Call", None, written={"url": f"{written}://api.example.com/"})
        port = DEFAULT_PORTS[scheme]
        found = gate().public_web(step, Approved("ai")).site("api.example.com", port, scheme, "GET")  # type: ignore[arg-type]
        return None if found is None else found.code

    assert (None, None) == (refusal("https", "https"), refusal("http", "https"))
    assert ("not_approved", None) == (refusal("https", "http"), refusal("http", "http"))


def test_the_developer_s_secrets_go_where_the_developer_says() -> None:
    """The policy is for assistants."""
    assert gate().secret("TOKEN", Site("anywhere.example", 80, "http"), Caller("developer")) is None  # type: ignore[arg-type]


def test_each_chat_has_its_own_documents_but_for_those_that_are_shared() -> None:
    """5 and '5' are two chats; what the developer writes is everyone's."""
    judge = gate(collections={"shared": {"products": ["find"]}})
    one, other, developer = Caller("ai"), Caller("ai"), Caller("developer")
    other.chat_id = "7"  # type: ignore[assignment]

    scopes = [judge.scope("notes", each) for each in (one, other, developer)]  # type: ignore[arg-type]
    assert ["chat 7", 'chat "7"', ""] == scopes
    assert "" == judge.scope("products", one)  # type: ignore[arg-type]


async def test_a_workflow_with_the_name_of_a_shortcode_is_the_latest_run(tmp_path: Path) -> None:
    """Only what the shortcode itself started is none: who says cancel means the run that was started last."""
    delay = '[{"name":"Wait","handler":"delay","params":{"seconds":600}}]'
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=Chats()) as bot:
        runs = [
            (await bot.process_reply(f"[MULTISTEP:QUICK_WORKFLOW:{name}:{delay}]", chat_id=CHAT, user_id=CHAT))
            for name in ("Tea", '"GROUP:PIN_MESSAGE"')
        ]
        reply = await bot.process_reply("[MULTISTEP:CANCEL:execution_id]", chat_id=CHAT, user_id=CHAT)
        first, second = (bot.get_execution(run.execution_ids[0]) for run in runs)

    assert reply.ok
    assert [False, True] == [run.status is ExecutionStatus.CANCELLED for run in (first, second)]


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


def test_the_prompt_leaves_out_what_is_denied(tmp_path: Path) -> None:
    """Handlers and commands of the chat, and of the user's role where the user is known."""
    chat: dict[str, Any] = {"id": 5, "members": [5], "shortcodes": {"GROUP:PIN_MESSAGE": "deny"}}
    chat["role"] = {"member": {"commands": ["reads"], "handlers": {"log": "deny"}}}
    policy = read({"owners": [1], "handlers": {"api_call": "deny"}, "chat": [chat]})
    bot = MultiStepProcessor(tmp_path / "bot.db", policy=policy, messenger=Chats())
    named = ["api_call", "log", "PIN_MESSAGE", "UNSCHEDULE", "WHY"]

    def left(**who: Any) -> list[str]:
        text = bot.prompt(**who)
        return [name for name in named if re.search(rf"\b{name}\b", text)]

    bot.close()
    assert named[1:] == left(chat_id=6)
    assert ["log", "UNSCHEDULE", "WHY"] == left(chat_id=5) == left(chat_id=5, user_id=1)
    assert ["WHY"] == left(chat_id=5, user_id=5)
    assert ["log"] == left(chat_id=5, user_id=9)  # no command is left that could use it
