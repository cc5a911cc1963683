"""What a definition would do, read from its steps before anything runs."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.answers import approval_question, render
from syncara.core.model import GROUP, Step
from syncara.handlers.registry import BUILTIN
from syncara.policy.addresses import judge_url
from syncara.policy.effects import Effect, effect, effects, site, site_of_url
from syncara.policy.plan import plan_hash
from syncara.policy.preview import planned
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
        ("execute_shortcode", {"shortcode": "Group:Ban", "params": "7"}, "shortcode", "", "GROUP:BAN", None),
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


PIECES = st.sampled_from(
    ["a", "b", " ", "\n", "é", "\u200b", "\u3164", "\U000e0041", "❤", "\ufe0f", "\\", '"', "`", "<", "…"]
)
TEXTS = st.builds(
    lambda pieces, times: "".join(pieces) * times, st.lists(PIECES, max_size=6), st.sampled_from([1, 1, 99])
)
VALUES = st.recursive(
    TEXTS | st.integers(0, 2) | st.booleans() | st.none(),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(TEXTS, inside, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
URLS = st.builds("{}://a.example/{}".format, st.sampled_from(["http", "https"]), TEXTS)
GIVEN: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "send_message": {"chat_id": st.sampled_from([7, "7"]) | TEXTS, "text": VALUES},
    "notification": {"message": VALUES, "type": st.sampled_from(["info", "error"])},
    "api_call": {"url": URLS, "method": st.sampled_from(["GET", "PUT"])},
    "file_operation": {"operation": st.sampled_from(["write", "append"]), "file_path": TEXTS, "content": VALUES},
    "database_operation": {"operation": st.just("update"), "collection": TEXTS, "query": OBJECTS, "data": OBJECTS},
    "execute_shortcode": {"shortcode": st.sampled_from(["GROUP:BAN", "GROUP:SAY"]), "params": TEXTS},
    "log": {"message": VALUES},
    "ban_user": {"user": VALUES},
}
PERHAPS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "api_call": {"json": VALUES, "query": OBJECTS, "headers": OBJECTS, "timeout_s": st.integers(1, 3)},
    "file_operation": {"create_folders": st.booleans(), "encoding": st.sampled_from(["utf-8", "base64"])},
    "database_operation": {"many": st.booleans(), "upsert": st.booleans()},
    "ban_user": {"why": VALUES},
}
CALLS = st.sampled_from(sorted(GIVEN)).flatmap(
    lambda handler: st.tuples(
        st.just(handler),
        *[st.fixed_dictionaries(GIVEN[handler], optional=PERHAPS.get(handler, {}))] * 2,
    )
)


def asked(steps: list[Step], context: dict[str, Any] | None = None) -> str:
    """The question for a plan of which each step needs approval; its hash and its id are the same for all."""
    found = map(planned, effects(workflow(*steps, chat_id=CHAT), context))
    return render(approval_question("Flow", 7, found, approval_id="ap", plan_hash="", expires_at=0))


@settings(max_examples=400)
@given(CALLS)
def test_two_plans_that_do_different_things_can_be_told_apart(call: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    """Whatever their params differ in, so do the questions for them: what is not shown as it is shows by its hash."""
    handler, *both = call
    plans = [[step("Step", handler=handler, params=params)] for params in both]
    hashes = {plan_hash(workflow(*steps, chat_id=CHAT), {}, None) for steps in plans}

    assert len(hashes) <= len({asked(steps) for steps in plans})


@given(st.integers(0, 39), st.sampled_from(["/other", "/p1"]))
def test_among_many_one_that_differs_changes_the_question(place: int, path: str) -> None:
    """Where calls share a row, too."""
    paths = [f"/p{n}" for n in range(40)]
    changed = [*paths[:place], path, *paths[place + 1 :]]
    one, other = (
        [step(f"S{n}", handler="api_call", params={"url": f"https://a.example{each}"}) for n, each in enumerate(called)]
        for called in (paths, changed)
    )

    assert (paths == changed) is (asked(one) == asked(other))


@pytest.mark.parametrize(
    ("handler", "params", "detail"),
    [
        ("send_message", {"text": "Hi", "chat_id": 7}, '"Hi"'),
        ("send_message", {"text": {"a": 1}}, '{"a":1}'),
        ("notification", {"message": "Hi", "type": "error"}, '"Hi" type="error"'),
        ("api_call", {"url": "https://a.example/users/7/delete?x=1"}, "/users/7/delete?x=1"),
        ("api_call", {"url": "https://a.example:8443?x=1", "method": "PUT"}, "?x=1"),
        ("api_call", {"url": "https://a.example"}, ""),
        ("api_call", {"url": "https://a.example/"}, ""),
        ("api_call", {"url": "http://a.example/"}, "http://a.example/"),
        ("api_call", {"url": "https://user@a.example/x"}, "https://user@a.example/x"),
        ("api_call", {"url": "https://a.example/a b\\c\ufe0f"}, r"/a\u0020b\\c\ufe0f"),
        (
            "api_call",
            {
                "url": "https://a.example",
                "json": {"to": 7},
                "headers": {"Authorization": "Bearer {secret.TOKEN}"},
                "query": {"q": "x"},
                "timeout_s": 5,
            },
            'secrets=TOKEN headers={"Authorization":"Bearer {secret.TOKEN}"} query={"q":"x"} json={"to":7} timeout_s=5',
        ),
        ("file_operation", {"operation": "write", "file_path": "a", "content": "x\ny"}, r'"x\ny"'),
        (
            "file_operation",
            {"operation": "write", "file_path": "a", "create_folders": True, "content": ""},
            '"" create_folders=true',
        ),
        ("file_operation", {"operation": "read", "file_path": "a"}, ""),
        (
            "database_operation",
            {"operation": "delete", "collection": "notes", "many": False, "query": {"id": 1}},
            'query={"id":1} many=false',
        ),
        (
            "database_operation",
            {"operation": "update", "collection": "notes", "data": {"a": 1}, "query": {}, "upsert": True},
            'query={} data={"a":1} upsert=true',
        ),
        ("execute_shortcode", {"shortcode": "GROUP:BAN", "params": "99 \\"}, r"99 \\"),
        ("report", {"to": "anyone"}, '{"to":"anyone"}'),
        ("report", {}, ""),
        ("log", {"message": "Hi"}, '"Hi"'),
    ],
)
def test_a_detail_is_what_the_effect_is_done_with(handler: str, params: Any, detail: str) -> None:
    """All that is not in its operation and its address, with the secrets that it names first."""
    (found,) = effects(workflow(step("Step", handler=handler, params=params), chat_id=CHAT))
    assert detail == found.detail


def test_a_long_value_puts_no_other_out_of_sight() -> None:
    """Each keeps its two ends, with how much is left out and a hash of the whole."""
    params = {"url": f"https://a.example/{'p' * 900}", "json": {"text": "j" * 900}, "query": {"q": "q" * 900}}
    (found,) = effects(workflow(step("Step", handler="api_call", params=params)))

    left_out = r"…\[\+\d+ #\w{10}\]…"
    parts = [rf"/p{{49}}{left_out}p{{50}}", rf'query={{"q":"q+{left_out}q+"}}', rf'json={{"text":"j+{left_out}j+"}}']

    assert re.fullmatch(" ".join(parts), found.detail)


# What the start context gives.

CONTEXT = {
    "t": "evil text",
    "user": {"name": "Ana", "n": 5},
    "lines": "a\nb",
    "forged": 'a"} or {context.t = "b',
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{context.t}", '"{context.t = "evil text"}"'),
        (
            "Dear {context.user.name}: {context.user}",
            '"Dear {context.user.name = "Ana"}: {context.user = {"name":"Ana","n":5}}"',
        ),
        ({"n": ["{context.user.n}", "5"]}, '{"n":["{context.user.n = 5}","5"]}'),
        ({"{context.t}": 1}, '{"{context.t}":1}'),
        ("{context.none|nobody}", '"{context.none|nobody = "nobody"}"'),
        ("{context.none|1e3}", '"{context.none|1e3 = 1000.0}"'),
        ("at {context.none|1e3}", '"at {context.none|1e3 = "1e3"}"'),
        ("{context.lines}", r'"{context.lines = "a\nb"}"'),
        ("{context.forged}", r'"{context.forged = "a\"} or {context.t = \"b"}"'),
        ("{context.none} {context.t.x} {context.t", '"{context.none = ?} {context.t.x = ?} {context.t"'),
        ("{steps.Load.data} \\{context.t}", r'"{steps.Load.data} \\{context.t}"'),
        ("{context.set} {context.saved|x}", '"{context.set = ?} {context.saved|x = ?}"'),
        ("{context. set |x} {context.last_error|none}", '"{context. set |x = ?} {context.last_error|none = ?}"'),
    ],
)
def test_what_the_start_gives_stands_beside_its_placeholder(text: Any, shown: str) -> None:
    """As far as it is known then: what a step sets or saves, or the engine, may be another value once it is used."""
    definition = workflow(
        step("Set", handler="set_context", params={"key": "set", "value": 1}),
        step("Load", handler="log", save_as="saved"),
        step("Tell", handler="send_message", params={"chat_id": 7, "text": text}),
        chat_id=CHAT,
    )
    found = effects(definition, {**CONTEXT, "set": "x", "saved": "x", "last_error": "x"})[2]

    assert shown == found.detail


@pytest.mark.parametrize(
    "other",
    [
        step("Set", handler="set_context", params={"key": "{context.t}", "value": 1}),
        step("Set", handler="set_context", params={"key": "\\{t", "value": 1}),
        step("Own", handler="report"),
        step("Own", handler="execute_shortcode", params={"shortcode": "GROUP:SAY"}),
        group("Group", task("Own", "report")),
    ],
)
def test_where_any_key_may_change_nothing_is_known(other: Step) -> None:
    """By a key that is filled in, or by a function of the developer's; but no step changes what it is given itself."""
    tell = step("Tell", handler="send_message", params={"chat_id": 7, "text": "{context.t|Hi}"})
    ban = step("Ban", handler="ban_user", params={"user": "{context.t}"})

    assert '"{context.t|Hi = ?}"' == effects(workflow(other, tell), CONTEXT)[1].detail
    assert '{"user":"{context.t = "evil text"}"}' == effects(workflow(ban), CONTEXT)[0].detail
    assert '{"user":"{context.t = ?}"}' == effects(workflow(ban, other), CONTEXT)[0].detail


def test_plans_that_say_different_things_by_their_context_can_be_told_apart() -> None:
    """Long values by their hash; numbers and text by their quotes."""
    tell = [step("Tell", handler="send_message", params={"chat_id": 7, "text": "{context.t}"})]
    values = ["x", "y", 5, "5", True, "true", "x" * 900, f"{'x' * 450}y{'x' * 449}", "?", '"x"']
    contexts = [*({"t": value} for value in values), {}]

    assert len(contexts) == len({asked(tell, context) for context in contexts})


def test_many_large_values_are_told_by_their_hash_and_put_no_small_one_out_of_sight() -> None:
    """To look into a large value again and again would take long; a small one is shown wherever it is used."""
    crowd = " ".join(f"{{context.large|{n}}}" for n in range(3_000))
    text = "{context.large[1]} and {context.t}"
    steps = [step("Log", handler="log", params={"message": crowd})]
    steps.append(step("Tell", handler="send_message", params={"chat_id": 7, "text": text}))
    contexts = [{**CONTEXT, "large": ["b" * 900, each] * 2} for each in ("x", "y")]
    told = [effects(workflow(*steps), context)[1].detail for context in contexts]

    for each in told:
        assert re.fullmatch(r'"\{context\.large\[1\] = #\w{10}\} and \{context\.t = "evil text"\}"', each)
    assert told[0] != told[1]
    assert '{context.large[1] = "x"}' in effects(workflow(*steps[1:]), contexts[0])[0].detail


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
