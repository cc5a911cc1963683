"""What a definition would do, read from its steps before anything runs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.core.model import GROUP
from syncara.handlers.registry import BUILTIN
from syncara.policy.addresses import judge_url
from syncara.policy.effects import Effect, effect, effects, site, site_of_url
from tests.core.build import delay, group, step, task, workflow

CHAT = -100
PARAMS: dict[str, dict[str, Any]] = {
    "send_message": {"text": "Hi"},
    "notification": {"message": "Hi"},
    "api_call": {"url": "https://api.example.com/v1"},
    "file_operation": {"operation": "read", "file_path": "a.txt"},
    "database_operation": {"operation": "find", "collection": "notes"},
    "execute_shortcode": {"shortcode": "GROUP:PIN_MESSAGE"},
}


@pytest.mark.parametrize(
    ("handler", "params", "kind", "operation", "address", "own"),
    [
        ("send_message", {"text": "Hi"}, "message", "send", None, True),
        ("send_message", {"text": "Hi", "chat_id": CHAT}, "message", "send", CHAT, True),
        ("send_message", {"text": "Hi", "chat_id": str(CHAT)}, "message", "send", str(CHAT), False),
        ("send_message", {"text": "Hi", "chat_id": 7}, "message", "send", 7, False),
        ("notification", {"message": "Hi"}, "message", "notify", None, None),
        ("api_call", {"url": "https://API.example.com/v1"}, "web", "GET", "api.example.com", None),
        ("api_call", {"url": "https://a.example", "method": "put"}, "web", "PUT", "a.example", None),
        ("api_call", {"url": "https://a.example", "json": {}}, "web", "POST", "a.example", None),
        ("api_call", {"url": "https://a.example@b.example"}, "web", "GET", None, None),
        ("file_operation", {"operation": "write", "file_path": "a\\{b}.txt"}, "file", "write", "a{b}.txt", True),
        ("database_operation", {"operation": "find", "collection": "notes"}, "collection", "find", "notes", True),
        ("execute_shortcode", {"shortcode": "Group:Ban", "params": "7"}, "shortcode", "7", "GROUP:BAN", None),
        ("execute_shortcode", {"shortcode": "GROUP:LOCK"}, "shortcode", "", "GROUP:LOCK", None),
        ("report", {"to": "anyone"}, "custom", "", "report", None),
        ("log", {"message": "Hi"}, "none", "", None, None),
        ("delay", {"seconds": 5}, "none", "", None, None),
        ("set_context", {"key": "a", "value": 1}, "none", "", None, None),
        ("get_context", {"key": "a"}, "none", "", None, None),
        ("condition_check", {"condition": "1"}, "none", "", None, None),
    ],
)
def test_a_step_has_the_effect_that_its_params_say(
    handler: str, params: dict[str, Any], kind: Any, operation: str, address: Any, own: bool | None
) -> None:
    """Where it goes, what is done there, and whether it stays with the chat."""
    definition = workflow(step("Step", handler=handler, params=params), chat_id=CHAT)

    (found,) = effects(definition)
    assert Effect(kind, "Step", handler, operation, address, own) == msgspec.structs.replace(found, detail="")


@pytest.mark.parametrize(
    ("handler", "params", "detail"),
    [
        ("send_message", {"text": "Hi", "chat_id": 7}, "Hi"),
        ("send_message", {"text": "Hi"}, ""),
        ("api_call", {"url": "https://a.example/users/7/delete?x=1"}, "/users/7/delete?x=1"),
        ("api_call", {"url": "https://a.example"}, ""),
        ("database_operation", {"operation": "delete", "collection": "notes", "query": {"id": 1}}, '{"id":1}'),
        ("database_operation", {"operation": "delete", "collection": "notes", "query": {}}, "{}"),
        ("database_operation", {"operation": "find", "collection": "notes", "query": {"id": 1}}, ""),
        ("report", {"to": "anyone"}, '{"to":"anyone"}'),
    ],
)
def test_two_plans_that_do_different_things_can_be_told_apart(handler: str, params: Any, detail: str) -> None:
    """What decides beyond the address is shown to whoever approves."""
    (found,) = effects(workflow(step("Step", handler=handler, params=params), chat_id=CHAT))
    assert detail == found.detail


def test_every_handler_that_ships_is_known() -> None:
    """None of them is taken for a custom one."""
    kinds = {name: effect(step("Step", handler=name, params=PARAMS.get(name, {})), CHAT).kind for name in BUILTIN}

    assert dict.fromkeys(BUILTIN - PARAMS.keys(), "none") == {
        name: kind for name, kind in kinds.items() if name not in PARAMS
    }
    assert ["collection", "file", "message", "message", "shortcode", "web"] == sorted(kinds[name] for name in PARAMS)


def test_tasks_of_groups_in_groups_have_effects_of_their_own() -> None:
    """A step cannot hide what it does in a group; the tasks come after the steps."""
    definition = workflow(
        group("Out", task("In", GROUP, params={"tasks": [task("Tell", "send_message", params={"chat_id": 7})]})),
        delay("Wait", 5),
    )

    assert [
        ("none", "Out", None),
        ("none", "Wait", None),
        ("none", "Out/In", None),
        ("message", "Out/In/Tell", 7),
    ] == [(each.kind, each.step, each.address) for each in effects(definition)]


def test_effects_survive_json() -> None:
    """They are kept with an approval, and shown from there."""
    definition = workflow(*(step(name, handler=name, params=params) for name, params in PARAMS.items()))
    found = effects(definition)

    assert found == msgspec.json.decode(msgspec.json.encode(found), type=tuple[Effect, ...])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", "a.example"),
        ("HTTPS://A.Example/Path", "a.example"),
        ("https://a.example:443/", "a.example"),
        ("http://a.example:443/", "a.example:443"),
        ("http://a.example:080?x", "a.example"),
        ("https://a.example:8443#x", "a.example:8443"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
        ("https://a.example?@b.example/", "a.example"),
        ("https://a.example#@b.example/", "a.example"),
        ("https://user@a.example/", None),
        ("https://a.example\\@b.example/", None),
        ("https://a.example\n.b.example/", None),
        ("https://a.example./", None),
        ("https://.a.example/", None),
        ("https:/a.example/", None),
        ("https:a.example", None),
        ("//a.example/", None),
        ("ftp://a.example/", None),
        ("https://a.exampl\u0435/", None),
        ("https://\u212a.example/", None),
        ("https://{context.host}/", None),
        (" https://a.example/", None),
        ("", None),
        (5, None),
    ],
)
def test_a_url_has_one_site_or_none(url: Any, expected: str | None) -> None:
    """Where two readers could see two hosts, none is named."""
    assert expected == site_of_url(url)


@given(
    st.sampled_from(["http", "https"]),
    st.sampled_from(["a.example.com", "93.184.215.14", "2606:4700::1"]),
    st.sampled_from([80, 443, 8080, 8443]),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20),
)
def test_whatever_the_guard_of_the_web_lets_pass_has_a_site(scheme: str, host: str, port: int, tail: str) -> None:
    """So a site that no policy could name is never called."""
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{tail}"
    if judge_url(url) is None:
        assert site(host, port, scheme) == site_of_url(url)
