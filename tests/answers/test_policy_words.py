"""What the policy decided, in each language: in a plan, and where it refuses a step that is under way."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.answers import Language, render
from syncara.answers.failures import failed, rule
from syncara.answers.model import Answer, AnyPart, Line
from syncara.core.model import Step
from syncara.policy.effects import effects
from syncara.policy.judge import check_call, check_site, judge
from syncara.policy.policy import Policy, Role, read
from syncara.policy.taint import never
from tests.core.build import step, workflow

CHAT, USER = 5, 7
DENIES = {"handlers": {"api_call": "deny"}, "role": {"member": {"handlers": {"log": "approve"}}}}


def said(part: AnyPart, language: Language) -> str:
    return render(Answer((Line((part,)),)), language)


def decided(handler: str, params: dict[str, Any], policy: dict[str, Any], role: Role = "member") -> str:
    """The rule that decides about such a step."""
    found = effects(workflow(step("A", handler=handler, params=params), chat_id=CHAT))
    verdict = judge(read(policy), found, chat_id=CHAT, user_id=USER, role=role, declares=lambda name: False)
    assert verdict.decision != "allow"
    return verdict.rule


@pytest.mark.parametrize(
    ("handler", "params", "policy", "id"),
    [
        ("api_call", {"url": "https://a.example/"}, {}, 'handlers.api_call = "approve", sebagai bawaan'),
        ("api_call", {"url": "https://a.example/"}, DENIES, 'handlers.api_call = "deny"'),
        ("api_call", {"url": "https://a@b.example/"}, {}, "URL-nya tidak menyebut host dengan jelas"),
        ("api_call", {"url": "https://a.example/"}, {"web": {"*": "deny"}}, 'web."*" = "deny"'),
        ("log", {"message": "x"}, DENIES, 'role.member.handlers.log = "approve"'),
        (
            "file_operation",
            {"operation": "read", "file_path": "a"},
            {"files": "allow", "role": {"member": {"files": ["write"]}}},
            "role.member.files tidak menyebut read",
        ),
        ("report", {}, {}, "handler 'report' tidak didaftarkan dengan ai=True"),
        ("file_operation", {"operation": "read", "file_path": "a"}, {"files": "approve"}, 'files = "approve"'),
        (
            "database_operation",
            {"operation": "delete", "collection": "c", "query": {}},
            {"collections": {"own": "deny"}},
            'collections.own = "deny"',
        ),
        ("execute_shortcode", {"shortcode": "A:B"}, {"shortcodes": {"A:B": "deny"}}, 'shortcodes."A:B" = "deny"'),
    ],
)
def test_the_rule_of_a_plan_is_told_in_indonesian(
    handler: str, params: dict[str, Any], policy: dict[str, Any], id: str
) -> None:
    """A line of the policy file stays as it is written there; anything else has words."""
    found = decided(handler, params, policy)

    assert [found, id] == [said(rule(found), "en"), said(rule(found), "id")]


def test_of_a_stranger_that_is_said() -> None:
    """Nothing they ask for is done, whatever it is."""
    found = decided("log", {"message": "x"}, {}, role="stranger")

    assert ["user 7 is a stranger in chat 5", "pengguna 7 tidak dikenal di chat 5"] == [
        said(rule(found), "en"),
        said(rule(found), "id"),
    ]


def called(policy: Policy, made: Step, params: dict[str, Any]) -> str:
    """Why such a call is refused, in Indonesian."""
    problem = check_call(
        policy,
        made,
        params,
        chat_id=CHAT,
        user_id=USER,
        role="member",
        declares=lambda name: False,
        covers=False,
        takes_data=never,
    )
    assert problem is not None
    return said(failed(problem.code, str(problem)), "id")


def test_a_step_that_the_policy_refuses_says_by_which_rule() -> None:
    """At the call, by the policy of then."""
    call = step("A", handler="api_call", params={"url": "https://a.example/x"})

    assert 'tidak diizinkan di sini: handlers.api_call = "deny"' == called(read(DENIES), call, call.params)
    assert 'perlu persetujuan yang tidak dimilikinya: handlers.api_call = "approve", sebagai bawaan' == called(
        Policy(), call, call.params
    )
    assert "isian yang masuk mengubah tujuannya: url" == called(Policy(), call, {"url": "https://b.example/x"})


def test_a_site_that_a_call_is_sent_on_to_says_by_which_rule() -> None:
    """The policy judges redirects too."""
    refused = check_site(
        read({"web": {"b.example": "deny"}}), "b.example", chat_id=CHAT, role="member", method="GET", planned=()
    )

    assert refused is not None
    assert 'tidak diizinkan di sini: web."b.example" = "deny"' == said(failed(refused.code, str(refused)), "id")
