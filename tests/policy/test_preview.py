"""What a plan would do is told before any of it happens: its effects, its waits, its hash, and how long it can take."""

from __future__ import annotations

import random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.answers import LANGUAGES, Wait, render
from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.graph import Plan
from syncara.core.limits import RULES
from syncara.core.machine import advance, next_wake
from syncara.core.model import Step, Workflow
from syncara.policy.effects import Effect, Kind
from syncara.policy.gate import Gate, Judgement
from syncara.policy.plan import plan_hash
from syncara.policy.policy import read
from syncara.policy.preview import Preview, answer, longest_s, planned, preview, too_much
from tests.core.build import START, delay, group, step, task, workflow
from tests.core.strategies import plans

CHAT, OTHER, USER, OWNER = -100, -200, 7, 1
RULES_OF_TESTS = {
    "owners": [OWNER],
    "collections": {"shared": {"common": ["find"]}},
    "handlers": {"log": "approve", "set_context": "deny"},
}
GATE = Gate(read(RULES_OF_TESTS), lambda handler: handler == "safe_report", lambda shortcode: False)

Case = tuple[Kind, str, dict[str, Any], str, str]
URL = "https://api.example.com/v1"
CASES: list[Case] = [
    ("message", "send_message", {"text": "Hi"}, "allow", "writes to this chat"),
    ("message", "send_message", {"text": "Hi", "chat_id": OTHER}, "approve", "writes to another chat, -200"),
    ("message", "notification", {"message": "Hi"}, "allow", "sends a notification"),
    ("web", "api_call", {"url": URL}, "approve", "calls api.example.com with GET"),
    ("web", "api_call", {"url": "https://a.example:8443/x", "json": 1}, "approve", "calls a.example:8443 with POST"),
    ("web", "api_call", {"url": "https://a@b.example/"}, "deny", "calls an address that is not plain, with GET"),
    ("file", "file_operation", {"operation": "read", "file_path": "a/b"}, "approve", "reads the file a/b"),
    ("file", "file_operation", {"operation": "write", "file_path": "a/b"}, "approve", "writes the file a/b"),
    ("file", "file_operation", {"operation": "append", "file_path": "a/b"}, "approve", "adds to the file a/b"),
    ("file", "file_operation", {"operation": "delete", "file_path": "a/b"}, "approve", "deletes the file a/b"),
    (
        "collection",
        "database_operation",
        {"operation": "find", "collection": "notes"},
        "allow",
        "looks into the collection notes",
    ),
    (
        "collection",
        "database_operation",
        {"operation": "insert", "collection": "notes"},
        "allow",
        "adds to the collection notes",
    ),
    (
        "collection",
        "database_operation",
        {"operation": "update", "collection": "notes"},
        "allow",
        "changes the collection notes",
    ),
    (
        "collection",
        "database_operation",
        {"operation": "delete", "collection": "notes"},
        "approve",
        "deletes from the collection notes",
    ),
    (
        "collection",
        "database_operation",
        {"operation": "find", "collection": "common"},
        "allow",
        "looks into the collection common, which others share",
    ),
    (
        "shortcode",
        "execute_shortcode",
        {"shortcode": "group:ban", "params": "99"},
        "approve",
        "runs GROUP:BAN 99",
    ),
    ("custom", "report", {}, "approve", "runs report"),
    ("custom", "safe_report", {}, "allow", "runs safe_report"),
    ("none", "log", {"message": "Hi"}, "approve", "runs log"),
    ("none", "set_context", {"key": "a", "value": 1}, "deny", "runs set_context"),
]
"""Of each effect its kind, handler and params, what the policy of these tests says of it, and the words for it."""
MARKS = {"allow": "🟢", "approve": "✋", "deny": "🚫"}


def judgement(definition: Workflow, context: dict[str, Any] | None = None, start_at: float | None = None) -> Judgement:
    return GATE.plan(definition, context or {}, start_at, CHAT, USER)


def of(*steps: Step, **fields: Any) -> Preview:
    """The preview of a workflow that an assistant wrote in the chat."""
    definition = workflow(*steps, chat_id=CHAT, author="ai", **fields)
    return preview(definition, judgement(definition))


# Effects.


@pytest.mark.parametrize(("kind", "handler", "params", "decision", "words"), CASES)
def test_every_effect_is_told_with_its_address_and_what_becomes_of_it(
    kind: Kind, handler: str, params: dict[str, Any], decision: str, words: str
) -> None:
    """As data and in words, with the line of the policy where it is not allowed at once."""
    found = of(step("Do it", handler=handler, params=params))
    (judged,) = found.judged
    (row,) = [line for line in found.text.splitlines() if words in line]

    assert (kind, decision, decision) == (judged.effect.kind, judged.decision, found.decision)
    assert row.startswith(MARKS[decision])
    assert (decision != "allow") is row.endswith(judged.rule)


def test_the_cases_are_of_every_kind() -> None:
    """A new kind of effect cannot be forgotten here."""
    assert set(get_args(Kind)) == {kind for kind, *_ in CASES}


def test_the_effects_of_tasks_are_told_too() -> None:
    """Of groups within groups as well."""
    inner = task("Inner", "parallel_group", params={"tasks": [task("Deep", "api_call", params={"url": URL})]})
    found = of(group("Group", task("Flat", "report"), inner))

    assert {"Group/Flat": "report", "Group/Inner/Deep": "api.example.com"} == {
        each.step: each.address for each in found.effects if each.kind != "none"
    }
    assert "calls api.example.com with GET /v1 · Group/Inner/Deep" in found.text
    assert "runs report · Group/Flat" in found.text


def test_a_workflow_without_effects_says_so() -> None:
    """What stays within the run is no effect."""
    found = of(delay("Pause", 5), step("Look", handler="get_context", params={"key": "a"}))

    assert ("allow", ()) == (found.decision, found.approvers)
    assert "Nothing of it reaches beyond the run." in found.text


def test_who_may_approve_is_told_where_somebody_must() -> None:
    """And where nobody is set, that too."""
    asked = step("Fetch", handler="api_call", params={"url": URL})
    found = of(asked)
    definition = workflow(asked, chat_id=CHAT)
    alone = preview(definition, Gate(read({}), bool, bool).plan(definition, {}, None, CHAT, USER))

    assert ((OWNER,), True) == (found.approvers, "Who may approve: 1" in found.text)
    assert ((), True) == (alone.approvers, "Nobody is set who may approve it." in alone.text)
    assert "approve" not in of(step("Greet", handler="notification", params={"message": "Hi"})).text


def test_the_preview_is_in_the_language_and_form_asked_for() -> None:
    """And as an answer, for those who choose them later."""
    definition = workflow(step("Greet *all*", handler="send_message", params={"text": "Hi"}), chat_id=CHAT)
    judged = judgement(definition)
    texts = [preview(definition, judged, language, "markdown").text for language in LANGUAGES]

    assert texts == [render(answer(definition, judged), language, "markdown") for language in LANGUAGES]
    assert [True, True] == [r"Greet \*all\*" in text for text in texts]
    assert "menulis ke chat ini" in texts[LANGUAGES.index("id")]


def test_the_effects_for_a_question_are_those_of_the_preview() -> None:
    """Whoever is asked reads what was shown."""
    found = of(step("Fetch", handler="api_call", params={"url": URL}), step("Report", handler="report"))

    for each in found.judged:
        assert each.effect == Effect(**{name: getattr(planned(each.effect), name) for name in Effect.__struct_fields__})


def test_a_plan_that_no_question_can_show_may_not_run() -> None:
    """It is told so by the preview, and what could be shown comes with the number of the rest."""
    calls = [step(f"S{n}", handler="api_call", params={"url": f"https://h{n}.example.com"}) for n in range(60)]
    definition = workflow(*calls, chat_id=CHAT)
    (problem,) = too_much(judgement(definition))
    found = preview(definition, judgement(definition))

    assert ("too_many_effects", True) == (problem.code, problem.message.startswith("60 different things of it need"))
    assert ("deny", "🚫 Flow · may not run") == (found.decision, found.text[:20])
    assert "🚫 It needs approval for more different things than one question can show." in found.text
    assert [] == too_much(judgement(workflow(*calls[:20], chat_id=CHAT)))


def test_what_needs_nobody_s_approval_may_be_as_much_as_it_likes() -> None:
    """No question shows it."""
    handlers = read({"handlers": {"api_call": "allow"}})
    calls = [step(f"S{n}", handler="api_call", params={"url": f"https://h{n}.example.com"}) for n in range(60)]
    allowed = Gate(handlers, bool, bool).plan(workflow(*calls, chat_id=CHAT), {}, None, CHAT, USER)

    assert ("allow", []) == (allowed.verdict.decision, too_much(allowed))


def test_the_context_that_a_preview_is_given_stands_in_its_effects() -> None:
    """So a message is read as it will be sent."""
    tell = workflow(step("Tell", handler="send_message", params={"chat_id": OTHER, "text": "{context.t}"}))

    assert '"{context.t = "Hi"}" · Tell' in preview(tell, judgement(tell, {"t": "Hi"})).text


# The hash.

PLAN = workflow(step("A", handler="log", params={"message": "x"}), chat_id=CHAT)


@pytest.mark.parametrize(
    ("changed", "context", "start_at", "same"),
    [
        (PLAN, {"n": 1}, None, True),
        (msgspec.structs.replace(PLAN, id="wf2", name="Other", description="x", created_at=5.0), {"n": 1}, None, True),
        (PLAN, {"n": 2}, None, False),
        (PLAN, {"n": 1}, 5.0, False),
        (workflow(step("A", handler="log", params={"message": "y"}), chat_id=CHAT), {"n": 1}, None, False),
        (workflow(step("A", handler="log", params={"message": "x"}, timeout=9), chat_id=CHAT), {"n": 1}, None, False),
        (workflow(*PLAN.steps, chat_id=CHAT, author="ai"), {"n": 1}, None, False),
    ],
)
def test_the_hash_is_of_what_would_run(
    changed: Workflow, context: dict[str, Any], start_at: float | None, same: bool
) -> None:
    """It changes when the steps, their data, their author or the start do, and with nothing else."""
    first = preview(PLAN, judgement(PLAN, {"n": 1})).plan_hash
    found = preview(changed, judgement(changed, context, start_at))

    assert plan_hash(changed, context, start_at) == found.plan_hash
    assert same is (first == found.plan_hash)
    assert f"plan {found.plan_hash[:12]}" in found.text


# Waits and attempts.


def test_waits_are_told_step_by_step() -> None:
    """Delays with their seconds, or what says them; and where a person is asked."""
    found = of(
        delay("Short", 90),
        delay("Later", "{context.pause}"),
        step("Book", handler="log", params={"message": "x"}, on_crash="ask"),
        group("All", task("Rest", "delay", params={"seconds": 5})),
    )

    assert (
        Wait("Short", "delay", 90),
        Wait("Later", "delay", None, "{context.pause}"),
        Wait("Book", "person"),
        Wait("All/Rest", "delay", 5),
    ) == found.waits
    assert [
        "💤 Short · 1 min 30 s",
        "💤 Later · as long as {context.pause} says",
        "✋ Book · asks whether it runs again if the program ends in the middle of it",
        "💤 All/Rest · 5.0 s",
    ] == found.text.partition("wait at 4 steps:\n\n")[2].splitlines()[:4]


@pytest.mark.parametrize(
    ("steps", "auto_retry", "attempts"),
    [
        ([step("A")], True, 4),
        ([step("A", retry_count=0), step("B", retry_count=2)], True, 4),
        ([step("A"), step("B")], False, 2),
        ([delay("A", 5), group("G", task("a", retry_count=1), task("b"))], True, 6),
    ],
)
def test_attempts_are_counted_with_all_retries(steps: list[Step], auto_retry: bool, attempts: int) -> None:
    """Of every handler that would be called; delays and groups call none."""
    found = of(*steps, auto_retry=auto_retry)

    assert attempts == found.attempts
    assert f"at most {attempts} attempts" in found.text


# How long it can take.


def once(name: str, seconds: float, after: tuple[str, ...] = (), **fields: Any) -> Step:
    """A step that is not tried again."""
    return step(name, after, timeout=seconds, retry_count=0, **fields)


@pytest.mark.parametrize(
    ("longest", "steps", "fields"),
    [
        pytest.param(30, [once("A", 10), once("B", 20, ("A",))], {}, id="one after the other"),
        pytest.param(20, [once("A", 10), once("B", 20)], {}, id="side by side"),
        pytest.param(30, [once("A", 10), once("B", 20)], {"max_parallel_steps": 1}, id="one slot"),
        pytest.param(10, [once(name, 10) for name in "ABCD"], {"max_parallel_steps": 4}, id="as many slots as steps"),
        pytest.param(35, [delay("A", 5), once("B", 30, ("A",))], {}, id="a delay"),
        pytest.param(40 + 1.1 * 7, [step("A", timeout=10, retry_delay=1)], {}, id="retries"),
        pytest.param(10, [step("A", timeout=10)], {"auto_retry": False}, id="no retries"),
        pytest.param(
            40 + 1.1 * 9, [step("A", timeout=10, retry_delay=3, max_retry_delay=3)], {}, id="retry waits have a limit"
        ),
        pytest.param(1800, [delay("A", "{context.n}")], {}, id="a delay that is not known"),
        pytest.param(1800, [delay("A", "{context.n}"), once("B", 5)], {"max_parallel_steps": 1}, id="nor in one slot"),
        pytest.param(1800, [step("A", timeout=1000)], {}, id="the global timeout"),
        pytest.param(
            2100,
            [step("A", timeout=1000), once("B", 5, ("A",), run_when="any_failed")],
            {},
            id="the recovery timeout beside it",
        ),
        pytest.param(
            25,
            [group("G", task("a", timeout=25, retry_count=0), task("b", timeout=5, retry_count=0))],
            {},
            id="a group",
        ),
        pytest.param(30, [once("A", 10), once("W", 20, condition="context.x")], {}, id="a watcher may come last"),
        pytest.param(0, [group("G", task("a", "delay", params={"seconds": 0}))], {}, id="nothing"),
    ],
)
def test_the_longest_time_is_that_of_the_definition(longest: float, steps: list[Step], fields: dict[str, Any]) -> None:
    """Chains of delays, attempts and retry waits, the slots there are, and the two timeouts."""
    assert pytest.approx(longest) == of(*steps, **fields).longest_s


@st.composite
def timed_plans(draw: st.DrawFn) -> Plan:
    """Random workflows whose attempts are short beside the time there is, and some whose are not."""
    timeouts = st.sampled_from([1.0, 20.0, 90.0])

    def timed(one: Step) -> Step:
        tasks = [{**each, "timeout": draw(timeouts)} for each in one.params.get("tasks", ())]
        params = {"tasks": tasks} if tasks else one.params
        return msgspec.structs.replace(one, timeout=draw(timeouts), params=params)

    definition = draw(plans()).workflow
    most = draw(st.sampled_from([definition.global_timeout, 1_000_000, 1_000_000]))
    steps = tuple(map(timed, definition.steps))
    return Plan(msgspec.structs.replace(definition, steps=steps, global_timeout=most))


def took(plan: Plan, chance: random.Random, greed: float) -> float:
    """Seconds that a run takes whose attempts end at random within their timeouts; `greed` of them use all of it."""
    board = Board(plan)
    advance(board, e.Started(START, "ex", "wf", plan.top, {"x": 0}, rules=RULES))
    ends: dict[tuple[str, int], float] = {}
    while not board.status.final:
        for i in board.running:
            one, node = plan.steps[i], board.nodes[i]
            assert node is not None
            spent = 1.0 if chance.random() < greed else chance.random()
            ends.setdefault((one.name, node.attempts), board.now + one.timeout * spent)
        wake = next_wake(board)
        first = min(ends, key=lambda attempt: ends[attempt], default=None)
        if first is not None and (wake is None or ends[first] <= wake):
            at = ends.pop(first)
            advance(board, _end(chance, at, *first))
        else:
            assert wake is not None
            advance(board, e.Ticked(wake))
    assert board.finished_at is not None
    return board.finished_at - START


def _end(chance: random.Random, at: float, name: str, attempt: int) -> e.Fact:
    changes: list[dict[str, Any]] = [{}, {"x": 1}, {"y": 1, "x": 0}, {"k": "y", "y": 2}]
    ends: list[e.Fact] = [
        e.StepSucceeded(at, name, attempt, 1, chance.choice(changes)),
        e.StepErred(at, name, attempt, "timeout", "too long"),
        e.StepErred(at, name, attempt, "error", "boom", retryable=False),
    ]
    return chance.choice(ends)


@settings(max_examples=300, deadline=None)
@given(timed_plans(), st.randoms(use_true_random=False), st.sampled_from([1.0, 0.5]))
def test_no_run_takes_longer_than_was_said(plan: Plan, chance: random.Random, greed: float) -> None:
    """Whatever its handlers do within their timeouts, and however their slots are shared."""
    assert took(plan, chance, greed) <= longest_s(plan) + 1e-6


def test_what_was_said_can_be_reached() -> None:
    """A run of which every attempt fails at its timeout takes all of it, but for the random share of retry waits."""
    plan = Plan(
        workflow(step("A", timeout=10, on_error="continue"), step("B", ["A"], timeout=20), delay("C", 5, ["B"]))
    )

    assert took(plan, _Failing(), 1.0) <= longest_s(plan)
    assert took(plan, _Failing(), 1.0) >= longest_s(plan) - 2 * (5 + 10 + 20) * 0.1 - 5


class _Failing(random.Random):
    """Chance that always picks the attempt that times out."""

    def choice(self, seq: Any) -> Any:
        return seq[1]
