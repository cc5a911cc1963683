"""What becomes of each effect under a policy: the whole matrix of the defaults, and every line that changes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.core.errors import Problem
from syncara.core.events import Covered
from syncara.core.model import GROUP, Step
from syncara.handlers.registry import BUILTIN
from syncara.policy.effects import effects, site
from syncara.policy.judge import Verdict, check_call, check_site, judge
from syncara.policy.policy import Decision, Policy, Role, read
from tests.core.build import group, step, task, workflow

CHAT, OTHER, USER = -100, -200, 7
ROLES: tuple[Role, ...] = get_args(Role)
STRICTNESS: dict[str, int] = {"allow": 0, "approve": 1, "deny": 2}

Case = tuple[str, dict[str, Any], Decision]
URL = "https://api.example.com/v1"
ROOTS = {"a": {"path": "/srv/a", "files": ["read"]}}
DEFAULTS: list[Case] = [
    ("delay", {"seconds": 5}, "allow"),
    ("log", {"message": "Hi"}, "allow"),
    ("notification", {"message": "Hi"}, "allow"),
    ("set_context", {"key": "a", "value": 1}, "allow"),
    ("get_context", {"key": "a"}, "allow"),
    ("condition_check", {"condition": "1"}, "allow"),
    ("parallel_group", {"tasks": [{"name": "A", "handler": "log"}]}, "allow"),
    ("send_message", {"text": "Hi"}, "allow"),
    ("send_message", {"text": "Hi", "chat_id": CHAT}, "allow"),
    ("send_message", {"text": "Hi", "chat_id": str(CHAT)}, "approve"),
    ("send_message", {"text": "Hi", "chat_id": OTHER}, "approve"),
    ("database_operation", {"operation": "find", "collection": "notes"}, "allow"),
    ("database_operation", {"operation": "insert", "collection": "notes", "data": {}}, "allow"),
    ("database_operation", {"operation": "update", "collection": "notes", "query": {}, "data": {}}, "allow"),
    ("database_operation", {"operation": "delete", "collection": "notes", "query": {}}, "approve"),
    *(("file_operation", {"operation": name, "file_path": "a"}, "approve") for name in ("read", "write", "delete")),
    ("file_operation", {"operation": "append", "file_path": "a", "content": "x"}, "approve"),
    *(("api_call", {"url": URL, "method": name}, "approve") for name in ("GET", "POST", "DELETE")),
    ("api_call", {"url": "https://a@b.example/"}, "deny"),
    ("execute_shortcode", {"shortcode": "GROUP:PIN_MESSAGE"}, "approve"),
    ("report", {}, "approve"),
    ("safe_report", {}, "allow"),
]
"""Handler, params, and what the defaults say of it."""


def declares(handler: str) -> bool:
    return handler == "safe_report"


def judged(policy: Policy, *steps: Step, role: Role = "member", chat_id: Any = CHAT) -> Verdict:
    found = effects(workflow(*steps, chat_id=chat_id))
    return judge(policy, found, chat_id=chat_id, user_id=USER, role=role, declares=declares)


def decision(raw: dict[str, Any], handler: str, params: dict[str, Any], role: Role = "member") -> str:
    return judged(read(raw), step("Step", handler=handler, params=params), role=role).decision


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("handler", "params", "expected"), DEFAULTS)
def test_the_defaults_let_an_assistant_do_what_stays_in_its_chat(
    handler: str, params: dict[str, Any], expected: Decision, role: Role
) -> None:
    """What reaches outside needs a person, whoever asks; a stranger gets nothing."""
    assert ("deny" if role == "stranger" else expected) == decision({}, handler, params, role)


def test_the_matrix_holds_every_handler_that_ships() -> None:
    """A new one cannot be forgotten here."""
    assert set(BUILTIN) == {handler for handler, _, _ in DEFAULTS} & BUILTIN


@pytest.mark.parametrize("word", ["allow", "approve", "deny"])
@pytest.mark.parametrize(("handler", "params", "default"), DEFAULTS)
def test_a_handler_s_line_holds_where_no_address_is_named(
    handler: str, params: dict[str, Any], default: Decision, word: Decision
) -> None:
    """`deny` is final; the other words count where the address has no line of its own."""
    named: set[tuple[str, Any]] = {("send_message", None), ("send_message", CHAT)}
    operations = {("database_operation", each) for each in ("find", "insert", "update")}
    has_line = (handler, params.get("chat_id")) in named or (handler, params.get("operation")) in operations

    if word == "deny" or (default == "deny" and handler == "api_call"):
        expected = "deny"
    elif handler == "report":
        expected = "approve"
    else:
        expected = "allow" if has_line else word
    assert expected == decision({"handlers": {handler: word}}, handler, params)


@pytest.mark.parametrize(
    ("raw", "handler", "params", "expected"),
    [
        ({"send_to": [OTHER]}, "send_message", {"text": "Hi", "chat_id": OTHER}, "allow"),
        ({"send_to": [str(OTHER)]}, "send_message", {"text": "Hi", "chat_id": OTHER}, "approve"),
        ({"web": {"api.example.com": "allow"}}, "api_call", {"url": URL, "method": "DELETE"}, "allow"),
        ({"web": {"api.example.com": ["GET"]}}, "api_call", {"url": URL}, "allow"),
        ({"web": {"api.example.com": ["GET"]}}, "api_call", {"url": "https://API.EXAMPLE.COM:8443"}, "allow"),
        ({"web": {"api.example.com": ["GET"]}}, "api_call", {"url": URL, "json": 1}, "approve"),
        ({"web": {"api.example.com": ["GET"]}}, "api_call", {"url": "https://example.com"}, "approve"),
        ({"web": {"api.example.com": ["GET"]}}, "api_call", {"url": "https://api.example.com.evil.example"}, "approve"),
        ({"web": {"api.example.com": "deny"}}, "api_call", {"url": URL}, "deny"),
        ({"web": {"*.example.com": "deny"}}, "api_call", {"url": URL}, "deny"),
        ({"web": {"*.com": "deny"}}, "api_call", {"url": URL}, "deny"),
        ({"web": {"*": "deny"}}, "api_call", {"url": URL}, "deny"),
        ({"web": {"*.api.example.com": "deny"}}, "api_call", {"url": URL}, "approve"),
        ({"web": {"*": "deny", "*.example.com": "allow"}}, "api_call", {"url": URL}, "allow"),
        ({"web": {"*.example.com": "deny", "api.example.com": ["GET"]}}, "api_call", {"url": URL}, "allow"),
        ({"web": {"*.example.com": "allow", "api.example.com": "deny"}}, "api_call", {"url": URL}, "deny"),
        ({"web": {"[2606:4700::1]": "deny"}}, "api_call", {"url": "https://[2606:4700::1]:8443/"}, "deny"),
        ({"handlers": {"api_call": "allow"}, "web": {"*.com": "deny"}}, "api_call", {"url": URL}, "deny"),
        ({"handlers": {"api_call": "deny"}, "web": {"*.com": "allow"}}, "api_call", {"url": URL}, "deny"),
        ({"handlers": {"api_call": "allow"}}, "api_call", {"url": "https://a@b.example"}, "deny"),
        ({"files": ["read"]}, "file_operation", {"operation": "read", "file_path": "a"}, "allow"),
        ({"files": ["read"]}, "file_operation", {"operation": "write", "file_path": "a"}, "approve"),
        ({"files": "deny"}, "file_operation", {"operation": "read", "file_path": "a"}, "deny"),
        ({"files": "deny", "roots": ROOTS}, "file_operation", {"operation": "read", "file_path": "a/b"}, "allow"),
        ({"files": "allow", "roots": ROOTS}, "file_operation", {"operation": "write", "file_path": "a/b"}, "approve"),
        ({"files": "deny", "roots": ROOTS}, "file_operation", {"operation": "read", "file_path": ".//a/./b"}, "allow"),
        ({"files": "deny", "roots": ROOTS}, "file_operation", {"operation": "read", "file_path": "a"}, "deny"),
        ({"files": "deny", "roots": ROOTS}, "file_operation", {"operation": "read", "file_path": "A/b"}, "deny"),
        ({"files": "deny", "roots": ROOTS}, "file_operation", {"operation": "read", "file_path": "b/a/c"}, "deny"),
        ({"files": "deny", "roots": ROOTS}, "file_operation", {"operation": "read", "file_path": "a/../b"}, "deny"),
        ({"collections": {"own": []}}, "database_operation", {"operation": "find", "collection": "a"}, "approve"),
        ({"collections": {"own": "allow"}}, "database_operation", {"operation": "delete", "collection": "a"}, "allow"),
        (
            {"collections": {"shared": {"a": ["find"]}}},
            "database_operation",
            {"operation": "insert", "collection": "a"},
            "approve",
        ),
        (
            {"collections": {"own": "deny", "shared": {"a": ["find"]}}},
            "database_operation",
            {"operation": "find", "collection": "a"},
            "allow",
        ),
        ({"shortcodes": {"group:ban": "allow"}}, "execute_shortcode", {"shortcode": "Group:Ban"}, "allow"),
        ({"shortcodes": {"group:ban": "deny"}}, "execute_shortcode", {"shortcode": "Group:Ban"}, "deny"),
        ({"shortcodes": {"group:ban": "allow"}}, "execute_shortcode", {"shortcode": "GROUP:KICK"}, "approve"),
        ({"handlers": {"report": "allow"}}, "report", {}, "approve"),
        ({"handlers": {"safe_report": "approve"}}, "safe_report", {}, "approve"),
        (
            {"chat": [{"id": CHAT, "files": "allow"}]},
            "file_operation",
            {"operation": "read", "file_path": "a"},
            "allow",
        ),
        ({"chat": [{"id": OTHER, "files": "allow"}]}, "file_operation", {"operation": "read"}, "approve"),
        ({"role": {"member": {"handlers": {"log": "deny"}}}}, "log", {"message": "x"}, "deny"),
        ({"role": {"owner": {"handlers": {"log": "deny"}}}}, "log", {"message": "x"}, "allow"),
        ({"role": {"member": {"handlers": {"send_message": "approve"}}}}, "send_message", {"text": "x"}, "approve"),
        ({"role": {"member": {"handlers": {"report": "allow"}}}}, "report", {}, "approve"),
        ({"role": {"member": {"handlers": {"api_call": "allow"}}}}, "api_call", {"url": URL}, "approve"),
    ],
)
def test_a_line_of_the_policy_changes_what_it_names_and_no_more(
    raw: dict[str, Any], handler: str, params: dict[str, Any], expected: Decision
) -> None:
    """The line that names the address most exactly counts; roles and `ai=True` only ever take away."""
    assert expected == decision(raw, handler, params)


@pytest.mark.parametrize(
    ("raw", "handler", "params", "rule"),
    [
        ({}, "log", {"message": "x"}, 'handlers.log = "allow" by default'),
        ({"handlers": {"log": "deny"}}, "log", {"message": "x"}, 'handlers.log = "deny"'),
        ({}, "send_message", {"text": "x"}, "a chat's own messages need no approval"),
        ({"send_to": [OTHER]}, "send_message", {"chat_id": OTHER}, "send_to names chat -200"),
        ({"web": {"*.example.com": ["GET"]}}, "api_call", {"url": URL}, 'web."*.example.com" names GET'),
        ({"web": {"*.example.com": "deny"}}, "api_call", {"url": URL}, 'web."*.example.com" = "deny"'),
        ({}, "api_call", {"url": "x"}, "the URL names no plain host"),
        ({}, "report", {}, "the handler 'report' is not registered with ai=True"),
        ({"role": {"member": {"handlers": {"log": "deny"}}}}, "log", {}, 'role.member.handlers.log = "deny"'),
        ({"shortcodes": {"a:b": "deny"}}, "execute_shortcode", {"shortcode": "a:b"}, 'shortcodes."A:B" = "deny"'),
    ],
)
def test_the_line_that_decided_is_said(raw: dict[str, Any], handler: str, params: dict[str, Any], rule: str) -> None:
    """The audit, and whoever wonders, read it in the words of the file."""
    assert rule == judged(read(raw), step("Step", handler=handler, params=params)).rule


def asks(handler: str, **params: Any) -> tuple[str, dict[str, Any]]:
    return handler, params


OPEN: dict[str, Any] = {
    "send_to": [OTHER],
    "files": "allow",
    "roots": {"a": {"path": "/srv/a", "files": "allow"}},
    "web": {"*": "allow"},
    "collections": {"own": "allow", "shared": {"goods": "allow"}},
    "shortcodes": {"A:B": "allow", "C:D": "allow"},
    "handlers": {"send_message": "allow"},
}
"""What needs no approval for whom nothing is taken away."""
SEND = asks("send_message", chat_id=OTHER)
FILE, DELETE = (asks("file_operation", operation=name, file_path="a") for name in ("read", "delete"))
IN_ROOT, WRITE_ROOT = (asks("file_operation", operation=name, file_path="a/b") for name in ("read", "write"))
GET, POST = asks("api_call", url=URL), asks("api_call", url=URL, json=1)
FIND, INSERT = (asks("database_operation", operation=name, collection="notes", data={}) for name in ("find", "insert"))
GOODS, SELL = (asks("database_operation", operation=name, collection="goods", data={}) for name in ("find", "insert"))
PIN, KICK = asks("execute_shortcode", shortcode="a:b"), asks("execute_shortcode", shortcode="c:d")


@pytest.mark.parametrize(
    ("taken", "asked", "expected", "rule"),
    [
        ({}, SEND, "allow", "send_to names chat -200"),
        ({"send_to": [OTHER]}, SEND, "allow", "send_to names chat -200"),
        ({"send_to": []}, SEND, "approve", "role.member.send_to does not name chat -200"),
        ({"send_to": [str(OTHER)]}, SEND, "approve", "role.member.send_to does not name chat -200"),
        ({"send_to": []}, asks("send_message", chat_id=-300), "approve", "role.member.send_to does not name chat -300"),
        ({"send_to": []}, asks("send_message", text="Hi"), "allow", "a chat's own messages need no approval"),
        ({"send_to": []}, asks("notification", message="Hi"), "allow", 'handlers.notification = "allow" by default'),
        ({"files": "allow"}, DELETE, "allow", 'files = "allow"'),
        ({"files": ["read"]}, FILE, "allow", 'files = "allow"'),
        ({"files": ["read"]}, DELETE, "approve", "role.member.files does not name delete"),
        ({"files": "deny"}, FILE, "deny", 'role.member.files = "deny"'),
        ({"files": "deny"}, IN_ROOT, "allow", 'roots.a.files = "allow"'),
        ({"roots": {"a": {"files": "deny"}}}, FILE, "allow", 'files = "allow"'),
        ({"roots": {"a": {"files": ["read"]}}}, IN_ROOT, "allow", 'roots.a.files = "allow"'),
        ({"roots": {"a": {"files": ["read"]}}}, WRITE_ROOT, "approve", "role.member.roots.a.files does not name write"),
        ({"roots": {"a": {"files": "deny"}}}, IN_ROOT, "deny", 'role.member.roots.a.files = "deny"'),
        ({"roots": {"a": {}}}, WRITE_ROOT, "allow", 'roots.a.files = "allow"'),
        ({"web": {"*": ["GET"]}}, GET, "allow", 'web."*" = "allow"'),
        ({"web": {"*": ["GET"]}}, POST, "approve", 'role.member.web."*" does not name POST'),
        ({"web": {"*.example.com": "deny"}}, GET, "deny", 'role.member.web."*.example.com" = "deny"'),
        ({"web": {"*": "deny", "api.example.com": ["GET"]}}, GET, "allow", 'web."*" = "allow"'),
        ({"web": {"other.example.com": "deny"}}, POST, "allow", 'web."*" = "allow"'),
        ({"collections": {"own": ["find"]}}, FIND, "allow", 'collections.own = "allow"'),
        ({"collections": {"own": ["find"]}}, INSERT, "approve", "role.member.collections.own does not name insert"),
        ({"collections": {"own": "deny"}}, FIND, "deny", 'role.member.collections.own = "deny"'),
        ({"collections": {"own": "deny"}}, GOODS, "allow", 'collections.shared."goods" = "allow"'),
        ({"collections": {"shared": {"goods": "deny"}}}, FIND, "allow", 'collections.own = "allow"'),
        ({"collections": {"shared": {"goods": []}}}, GOODS, "approve", None),
        ({"collections": {"shared": {"goods": ["find"]}}}, GOODS, "allow", None),
        ({"collections": {"shared": {"goods": ["find"]}}}, SELL, "approve", None),
        ({"shortcodes": {"a:b": "deny"}}, PIN, "deny", 'role.member.shortcodes."A:B" = "deny"'),
        ({"shortcodes": {"a:b": "approve"}}, PIN, "approve", 'role.member.shortcodes."A:B" = "approve"'),
        ({"shortcodes": {"a:b": "deny"}}, KICK, "allow", 'shortcodes."C:D" = "allow"'),
        ({"handlers": {"api_call": "approve"}, "web": {"*": "allow"}}, GET, "approve", None),
        ({"handlers": {"api_call": "allow"}, "web": {"*": "approve"}}, GET, "approve", None),
        ({"handlers": {"api_call": "approve"}, "web": {"*": "deny"}}, GET, "deny", None),
    ],
)
def test_a_role_s_line_takes_away_what_it_does_not_name(
    taken: dict[str, Any], asked: tuple[str, dict[str, Any]], expected: Decision, rule: str | None
) -> None:
    """A list leaves what it names as it is, and the rest to a person; a word holds; the strictest line counts."""
    verdict = judged(read({**OPEN, "role": {"member": taken}}), step("Step", handler=asked[0], params=asked[1]))

    assert (expected, rule or verdict.rule) == (verdict.decision, verdict.rule)


@pytest.mark.parametrize("asked", [SEND, DELETE, WRITE_ROOT, POST, INSERT, SELL, PIN])
def test_a_role_s_line_holds_nobody_else(asked: tuple[str, dict[str, Any]]) -> None:
    """And in one chat it may be another than elsewhere."""
    shut: dict[str, Any] = dict.fromkeys(("send_message", "file_operation", "api_call"), "deny")
    taken = {
        "handlers": shut,
        "collections": {"own": "deny", "shared": {"goods": "deny"}},
        "shortcodes": {"A:B": "deny"},
    }
    raw = {**OPEN, "chat": [{"id": CHAT, "role": {"member": taken}}]}
    one = step("Step", handler=asked[0], params=asked[1])

    assert ["allow", "allow", "deny"] == [judged(read(raw), one, role=role).decision for role in ROLES[:3]]
    assert "deny" != judged(read(raw), one, chat_id=OTHER).decision


def test_of_several_effects_the_strictest_decides() -> None:
    """One step that is denied denies the workflow, one that needs approval holds it, also as a task of a group."""
    log = step("Log", handler="log", params={"message": "x"})
    call = step("Call", handler="api_call", params={"url": URL})
    pin = group("Group", task("Pin", "execute_shortcode", params={"shortcode": "A:B"}))
    policy = read({"shortcodes": {"A:B": "deny"}})

    assert ["allow", "approve", "deny"] == [
        judged(policy, *steps).decision for steps in ((log,), (log, call), (call, pin, log))
    ]
    assert ["approve", "allow", "allow", "deny"] == [each.decision for each in judged(policy, call, pin, log).judged]
    assert "allow" == judged(policy).decision


def test_a_stranger_is_told_so() -> None:
    """Nothing of what the policy allows others is for them."""
    verdict = judged(Policy(), step("Log", handler="log", params={"message": "x"}), role="stranger")

    assert ("deny", "user 7 is a stranger in chat -100") == (verdict.decision, verdict.rule)


def test_what_is_own_follows_the_chat_that_it_runs_in() -> None:
    """A message that names its own chat is another chat's when another chat runs it."""
    tell = step("Tell", handler="send_message", params={"text": "x", "chat_id": CHAT})

    assert ["allow", "approve"] == [judged(Policy(), tell, chat_id=chat).decision for chat in (CHAT, OTHER)]


@pytest.mark.parametrize(
    ("raw", "handler", "params", "expected"),
    [
        ({}, "send_message", {"chat_id": OTHER}, True),
        ({"send_to": [OTHER]}, "send_message", {"chat_id": OTHER}, False),
        ({}, "send_message", {}, False),
        ({}, "database_operation", {"operation": "delete", "collection": "a"}, False),
        ({"collections": {"shared": {"a": []}}}, "database_operation", {"operation": "find", "collection": "a"}, True),
        ({}, "file_operation", {"operation": "write", "file_path": "a"}, False),
        ({"roots": ROOTS}, "file_operation", {"operation": "write", "file_path": "a"}, False),
        ({"roots": ROOTS}, "file_operation", {"operation": "write", "file_path": "a/b"}, True),
        ({}, "api_call", {"url": URL}, False),
    ],
)
def test_what_needs_approval_and_reaches_beyond_the_chat_is_known(
    raw: dict[str, Any], handler: str, params: dict[str, Any], expected: bool
) -> None:
    """The person of a private chat cannot approve it alone."""
    assert expected is judged(read(raw), step("Step", handler=handler, params=params)).beyond


# At the moment of a call.


def checked(policy: Policy, one: Step, params: dict[str, Any], *, role: Role = "member", covers: Covered = True) -> Any:
    found = check_call(policy, one, params, chat_id=CHAT, user_id=USER, role=role, declares=declares, covers=covers)
    return None if found is None else found.code


@pytest.mark.parametrize(("handler", "params", "expected"), DEFAULTS)
def test_a_call_is_judged_once_more_as_its_plan_was(handler: str, params: dict[str, Any], expected: Decision) -> None:
    """What needed approval is called when the plan has it, and what is denied never."""
    if handler != GROUP:
        one, denied = step("Step", handler=handler, params=params), "denied" if expected == "deny" else None

        assert denied == checked(Policy(), one, dict(params))
        assert {"allow": None, "approve": "not_approved"}.get(expected, denied) == checked(
            Policy(), one, dict(params), covers=False
        )
        assert "denied" == checked(Policy(), one, dict(params), role="stranger")


def test_a_call_follows_the_policy_and_the_role_of_now() -> None:
    """What was closed since the plan was approved stays closed to it."""
    tell = step("Tell", handler="send_message", params={"text": "x"})

    assert checked(Policy(), tell, {"text": "y"}) is None
    assert "denied" == checked(read({"handlers": {"send_message": "deny"}}), tell, {"text": "y"})
    assert "denied" == checked(Policy(), tell, {"text": "y"}, role="stranger")


HELD_BACK: dict[str, Any] = {"role": {"member": {"handlers": {"api_call": "approve"}}}}
"""Whoever is only a member needs a person for every call."""


def no_other_host(grant: Any) -> dict[str, Any]:
    """What a member may do on one host."""
    return {"role": {"member": {"web": {"other.example.com": grant}}}}


def test_a_call_of_which_the_address_changed_is_refused_whatever_the_policy_allows() -> None:
    """An approval covers the address that was shown."""
    tell = step("Tell", handler="send_message", params={"text": "x", "chat_id": OTHER})

    assert checked(Policy(), tell, {"text": "y", "chat_id": OTHER}) is None
    assert "address_changed" == checked(read({"send_to": [-300]}), tell, {"text": "y", "chat_id": -300})


@pytest.mark.parametrize(
    ("raw", "host", "port", "expected"),
    [
        ({}, "api.example.com", 443, None),
        ({}, "api.example.com", 8443, "not_approved"),
        ({}, "other.example.com", 443, "not_approved"),
        ({"web": {"other.example.com": ["GET"]}}, "other.example.com", 443, None),
        ({"web": {"other.example.com": ["POST"]}}, "other.example.com", 443, "not_approved"),
        ({"web": {"*": "deny"}}, "api.example.com", 443, "denied"),
        ({"handlers": {"api_call": "deny"}}, "api.example.com", 443, "denied"),
        ({"handlers": {"api_call": "allow"}}, "other.example.com", 443, None),
        ({"handlers": {"api_call": "allow"}, "web": {"[2606:4700::1]": "deny"}}, "2606:4700::1", 8443, "denied"),
        ({"web": {"*": "allow"}, **HELD_BACK}, "api.example.com", 443, None),
        ({"web": {"*": "allow"}, **HELD_BACK}, "other.example.com", 443, "not_approved"),
        ({"web": {"*": "allow"}, **no_other_host("deny")}, "other.example.com", 443, "denied"),
        ({"web": {"*": "allow"}, **no_other_host("deny")}, "api.example.com", 443, None),
        ({"web": {"*": "allow"}, **no_other_host(["POST"])}, "other.example.com", 443, "not_approved"),
        ({"web": {"*": "allow"}, **no_other_host(["GET"])}, "other.example.com", 443, None),
    ],
)
def test_a_redirect_goes_where_the_plan_or_the_policy_says(
    raw: dict[str, Any], host: str, port: int, expected: str | None
) -> None:
    """An approval of one site is none of the next, and what the role takes away is taken away there too."""
    there, planned = site(host, port, "https"), {"api.example.com"}
    found = check_site(read(raw), there, chat_id=CHAT, role="member", method="GET", planned=planned)

    assert expected == (found.code if isinstance(found, Problem) else None)


@pytest.mark.parametrize("named", ["[2606:4700::1111]", "[2606:4700:0::1111]", "[2606:4700::0.0.17.17]"])
@pytest.mark.parametrize("host", ["2606:4700:0::1111", "2606:4700:0:0:0:0:0:1111", "2606:4700::0.0.17.17"])
def test_an_address_is_the_same_however_it_is_written(named: str, host: str) -> None:
    """In the policy, in a plan and in a redirect: a denial holds for every notation."""
    policy = read({"web": {"*": "allow", named: "deny"}})
    calls = effects(workflow(step("Call", handler="api_call", params={"url": f"https://[{host}]/"})))
    planned = judge(policy, calls, chat_id=CHAT, user_id=USER, role="member", declares=bool)
    there = site(host, 443, "https")
    found = check_site(policy, there, chat_id=CHAT, role="member", method="GET", planned=())

    assert ("deny", "denied") == (planned.decision, found and found.code)


# What holds of every policy.

WORDS = st.sampled_from(["allow", "approve", "deny"])
HANDLERS = st.dictionaries(st.sampled_from(["log", "api_call", "send_message", "report", "safe_report"]), WORDS)


def granted(*operations: str) -> st.SearchStrategy[Any]:
    return WORDS | st.lists(st.sampled_from(operations), unique=True)


LINES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "handlers": HANDLERS,
        "send_to": st.lists(st.sampled_from([CHAT, OTHER])),
        "web": st.dictionaries(
            st.sampled_from(["api.example.com", "*.example.com", "*.com", "*"]), granted("GET", "POST")
        ),
        "files": granted("read", "write"),
        "collections": st.fixed_dictionaries({}, optional={"own": granted("find", "insert")}),
        "shortcodes": st.dictionaries(st.sampled_from(["A:B", "C:D"]), WORDS),
    },
)
STEPS = st.sampled_from([step("Step", handler=handler, params=params) for handler, params, _ in DEFAULTS])
ASKING = st.sampled_from(["owner", "approver", "member"])


def ruled(role: Role) -> Callable[[dict[str, Any], Step], int]:
    return lambda raw, one: STRICTNESS[judged(read(raw), one, role=role).decision]


@given(LINES, STEPS, ASKING, LINES)
def test_a_role_only_takes_away(lines: dict[str, Any], one: Step, role: Role, taken: dict[str, Any]) -> None:
    """Whatever its lines say, nothing becomes easier."""
    strictness = ruled(role)

    assert strictness({**lines, "role": {role: taken}}, one) >= strictness(lines, one)


@given(LINES, STEPS, ASKING)
def test_a_handler_s_denial_is_final(lines: dict[str, Any], one: Step, role: Role) -> None:
    """No line about an address opens it again."""
    closed = {**lines, "handlers": {**lines.get("handlers", {}), one.handler: "deny"}}

    assert STRICTNESS["deny"] == ruled(role)(closed, one)


@given(LINES, LINES, STEPS, ASKING)
def test_a_chat_s_rules_are_for_that_chat_alone(
    lines: dict[str, Any], other: dict[str, Any], one: Step, role: Role
) -> None:
    """What is written for one chat changes nothing anywhere else, and may just as well be written there in full."""
    strictness = ruled(role)

    assert strictness(lines, one) == strictness({**lines, "chat": [{"id": OTHER, **other}]}, one)
    assert strictness(other, one) == strictness({"chat": [{"id": CHAT, **other}]}, one)


@given(LINES, st.lists(STEPS, max_size=4), ASKING)
def test_the_verdict_is_its_strictest_part(lines: dict[str, Any], steps: list[Step], role: Role) -> None:
    """Steps judged together get what each of them gets alone."""
    strictness = ruled(role)
    alone = [strictness(lines, one) for one in steps]
    verdict = judged(read(lines), *steps, role=role)

    assert max(alone, default=0) == STRICTNESS[verdict.decision]
    assert set(alone) | {0} >= {STRICTNESS[each.decision] for each in verdict.judged[: len(steps)]}
