"""Templates and conditions of an assistant: what is filled in never changes where something goes, or what is done.

The corpus holds conditions (`condition`), texts with placeholders (`text`), values that are filled in (`value`) and
definitions with something other than a literal for an address, or with a secret where none may be (`address`). Each
line has its reason and a benign twin that differs in the one point tested, and says what becomes of the hostile one:
it is `refused` on paper, `fails` or is `false` when evaluated, or `stays` the text that it is. Long texts are written
as pieces, each with the number of its repetitions.
"""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.core.errors import ConditionError, SyncaraError
from syncara.core.expressions import ConditionFailed, compile_condition
from syncara.core.model import GROUP, Step, Workflow
from syncara.core.placeholders import compile_params
from syncara.policy import taint
from syncara.policy.effects import effect, site_of_url, steps_of, unescaped
from tests.core.build import group, step, task, workflow

CORPUS = Path(__file__).with_name("corpus") / "templates.jsonl"
LINES_MIN = {"condition": 100, "text": 40, "value": 20, "address": 70}
LINES: list[dict[str, Any]] = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]

PRIVATE = "what no text names"
STEPS = {
    "Load": {
        "status": "completed",
        "data": {"name": "Ana", "private": PRIVATE, "chat": -100, "host": "evil.example", "path": "../x"},
    }
}
MEMORY_MAX = 16 * 1024 * 1024
"""Bytes that a condition may take at the most, beside the data it reads."""


def lines(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "line", [pytest.param(line, id=line["reason"]) for line in LINES if line["kind"] == kind]
    )


def written(text: str | list[tuple[str, int]]) -> str:
    """A text, which may be given as pieces and how often each is repeated."""
    return text if isinstance(text, str) else "".join(piece * times for piece, times in text)


def test_the_corpus_is_complete() -> None:
    """Each line has its own reason, and a twin that differs."""
    assert LINES_MIN.keys() == Counter(line["kind"] for line in LINES).keys()
    assert [] == [kind for kind, least in LINES_MIN.items() if sum(line["kind"] == kind for line in LINES) < least]
    assert [] == [reason for reason, n in Counter((line["kind"], line["reason"]) for line in LINES).items() if n > 1]
    assert [] == [line["reason"] for line in LINES if line["hostile"] == line["twin"]]


# Conditions.


class Canary:
    """A value that is no JSON, and notes every look at its attributes and elements."""

    seen: list[str] = []  # noqa: RUF012 - looked at through the class, so that a look is no entry

    def __getattribute__(self, name: str) -> Any:
        Canary.seen.append(name)
        return object.__getattribute__(self, name)

    def __getitem__(self, key: Any) -> Any:
        Canary.seen.append(f"[{key}]")
        return key

    def __str__(self) -> str:
        Canary.seen.append("str")
        return ""

    touched = True


def deep() -> Any:
    value: Any = []
    for _ in range(250_000):  # Python 3.14 compares as deep as the stack of the process allows
        value = [value]
    return value


def condition_context() -> dict[str, Any]:
    return {
        "n": 5,
        "name": "Ana",
        "nothing": None,
        "items": [1, 2, 3],
        "user": {"name": "Ana", "vip": True, "_private": 1},
        "text": "hello world",
        "percent": "%0999999999d",
        "digits": "9" * 1_000,
        "big": "x" * 100_000,
        "many": list(range(100_000)),
    }


OUTSIDE = {"canary": Canary(), "deep": deep(), "deep_too": deep()}
"""What no context holds: a value that is no JSON, and values deeper than JSON may be."""
CONTEXT = {**condition_context(), **OUTSIDE}


def outcome(text: str) -> str:
    try:
        holds = compile_condition(text)(CONTEXT, {"Load": {"status": "completed", "data": {"rows": 3}}})
    except ConditionError:
        return "refused"
    except ConditionFailed:
        return "fails"
    return "true" if holds else "false"


@lines("condition")
def test_a_condition_reads_data_and_nothing_else(line: dict[str, Any]) -> None:
    """A hostile one is refused, fails or is false: it touches no attribute, changes no value, takes no memory."""
    Canary.seen.clear()
    text = written(line["hostile"])

    tracemalloc.start()
    try:
        assert line["outcome"] == outcome(text)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_MAX
    finally:
        tracemalloc.stop()

    assert [] == Canary.seen
    assert condition_context() == {key: value for key, value in CONTEXT.items() if key not in OUTSIDE}
    assert "true" == outcome(written(line["twin"]))


# Texts and values.


def rendered(params: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """The params filled in. Raises SyncaraError."""
    template = compile_params(params, STEPS.keys())
    return params if template is None else template.render(context, STEPS)


@lines("text")
def test_a_placeholder_takes_what_it_names_and_nothing_else(line: dict[str, Any]) -> None:
    """What cannot be read as a placeholder is refused, or stays the text that it is."""
    context = {
        "name": "Ana",
        "user": {"name": "Ana"},
        "items": ["a", "b", "c"],
        "nothing": None,
        "big": "x" * 100_000,
        "private": PRIVATE,
    }
    text = written(line["hostile"])

    if line["outcome"] == "refused":
        with pytest.raises(SyncaraError) as caught:
            rendered({"message": text}, context)
        assert PRIVATE not in str(caught.value)
    else:
        assert {"message": line.get("expected", text)} == rendered({"message": text}, context)
    assert "Ana" in rendered({"message": line["twin"]}, context)["message"]


def made(fields: dict[str, Any]) -> Workflow:
    return workflow(Step(id="st", name="Step", **fields))


@lines("value")
def test_a_value_that_was_filled_in_stays_a_value(line: dict[str, Any]) -> None:
    """It is never read as a placeholder, an operator, a secret, or as a part of an address."""
    definition = made(line["step"])
    only = definition.steps[0]
    assert [] == taint.problems(definition)

    if line["outcome"] == "refused":
        assert is_refused(only, line["hostile"])
    else:
        params = rendered(only.params, {**line["hostile"], "private": PRIVATE})
        assert PRIVATE not in json.dumps(params)
        assert taint.changed(only, params) is None
        assert site_of_url(params.get("url")) in (site_of_url(only.params.get("url")), None)
    assert not is_refused(only, line["twin"])


def is_refused(one: Step, context: dict[str, Any]) -> bool:
    try:
        params = rendered(one.params, {**context, "private": PRIVATE})
    except SyncaraError:
        return True
    return taint.changed(one, params) is not None


# Definitions.


@lines("address")
def test_an_address_is_literal_and_a_secret_goes_into_a_header(line: dict[str, Any]) -> None:
    """A definition with anything else is refused, and were it not, no call would go anywhere else."""
    hostile, twin, context = made(line["hostile"]), made(line["twin"]), {"name": "Ana", **line["context"]}

    assert {"not_literal", "secret_misplaced"} >= {problem.code for problem in taint.problems(hostile)} != set()
    assert [] == [each.name for each in calls(hostile) if goes_elsewhere(each, context)]

    assert [] == taint.problems(twin)
    assert [] == [each.name for each in calls(twin) if is_refused(each, context)]


def calls(definition: Workflow) -> list[Step]:
    return [each for each in steps_of(definition) if each.handler != GROUP]


def goes_elsewhere(one: Step, context: dict[str, Any]) -> bool:
    """Whether a call would be let through whose effect, or URL up to the query, is not the definition's."""
    if is_refused(one, context):
        return False
    final = Step(one.id, one.name, one.handler, rendered(one.params, context))
    before, after = (str(unescaped(each.params.get("url"))).partition("?")[0] for each in (one, final))
    there, then = (msgspec.structs.replace(effect(each, None), detail="") for each in (one, final))
    return (there, before) != (then, after)


def test_a_problem_names_the_step_the_field_and_the_way_out() -> None:
    """Whoever wrote the definition can put it right from the text alone."""
    (problem,) = taint.problems(workflow(step("Tell", handler="send_message", params={"chat_id": "{context.who}"})))

    assert "not_literal" == problem.code
    assert "step 'Tell', field 'params', 'chat_id'" == problem.where
    assert "'{context.who}'" in problem.message
    assert "write the chat's id, or leave it out for this chat" == problem.fix


def test_all_problems_are_found_at_once() -> None:
    """Several steps and fields, tasks of groups included, are reported in one go."""
    definition = workflow(
        step("Call", handler="api_call", params={"url": "{context.u}", "method": "{context.m}"}),
        group("All", task("Pin", "execute_shortcode", params={"shortcode": "{context.s}"}), save_as="{context.k}"),
    )

    assert [
        "step 'Call', field 'params', 'url'",
        "step 'Call', field 'params', 'method'",
        "step 'All', field 'save_as'",
        "step 'All/Pin', field 'params', 'shortcode'",
    ] == [problem.where for problem in taint.problems(definition)]


def test_params_of_a_shortcode_may_be_declared_as_data() -> None:
    """What a shortcode takes as data, and not as whom it acts on, may come from the context."""
    params = {"shortcode": "group:say", "params": "Hi {context.name}"}
    definition = workflow(step("Say", handler="execute_shortcode", params=params))
    final = {**params, "params": "Hi Ana"}

    assert ["not_literal"] == [problem.code for problem in taint.problems(definition)]
    assert taint.changed(definition.steps[0], final) is not None
    assert [] == taint.problems(definition, lambda shortcode: shortcode == "GROUP:SAY")
    assert taint.changed(definition.steps[0], final, lambda shortcode: shortcode == "GROUP:SAY") is None


@pytest.mark.parametrize("tasks", [None, 5, {}, [1], [{}], [{"name": "A"}], [{"name": "A", "handler": 5}]])
def test_a_group_that_cannot_be_read_is_left_to_the_check_of_definitions(tasks: Any) -> None:
    """It never runs, so it is no matter of addresses."""
    assert [] == taint.problems(workflow(step("Group", handler=GROUP, params={"tasks": tasks})))


@pytest.mark.parametrize(
    ("handler", "meant", "is_now"),
    [
        ("send_message", {"chat_id": 5}, {"chat_id": "5"}),
        ("send_message", {"chat_id": 1}, {"chat_id": True}),
        ("send_message", {}, {"chat_id": 5}),
        ("api_call", {"url": "https://a.example/?x"}, {"url": "https://b.example/?x"}),
        ("api_call", {"headers": {"A": "x"}}, {"headers": {"A": "x", "B": "x"}}),
        ("api_call", {"method": "GET"}, {"method": "POST"}),
        ("file_operation", {"file_path": "a"}, {"file_path": "b"}),
        ("database_operation", {"collection": "a"}, {"collection": "b"}),
        ("execute_shortcode", {"params": "7"}, {"params": "8"}),
        ("set_context", {"key": "a"}, {"key": "b"}),
    ],
)
def test_a_call_with_another_address_than_the_definition_s_is_refused(
    handler: str, meant: dict[str, Any], is_now: dict[str, Any]
) -> None:
    """However it came about: what is called is compared with what was written."""
    found = taint.changed(step("Step", handler=handler, params=meant), is_now)

    assert found is not None
    assert "address_changed" == found.code
    assert taint.changed(step("Step", handler=handler, params=meant), dict(meant)) is None


PIECES = (
    *("{context.a}", "{context.a|d}", "{steps.Load.data}", "{item}", "{index|1}", "{secret.A}", "{context."),
    *("}", "\\", "\\{", "{", "a", ".", "|", "context.a}", "secret.A}", "[0]", "?"),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(TEXTS)
def test_text_without_a_placeholder_is_the_same_whatever_the_context(text: str) -> None:
    """What counts as literal renders to itself, its escaped braces aside."""
    if not taint.holds_placeholder(text):
        assert {"": unescaped(text)} == rendered({"": text}, {"a": "x"})


@given(TEXTS)
def test_text_that_the_context_changes_holds_a_placeholder(text: str) -> None:
    """No template is taken for a literal, not even beside escaped braces."""
    template = compile_params({"": text}, STEPS.keys())
    if template is not None and (template.reads or template.problems):
        assert taint.holds_placeholder(text)


@given(TEXTS)
def test_a_secret_is_found_wherever_the_compiler_leaves_one(text: str) -> None:
    """With a name that no secret can have, the compiler complains of each secret that is opened."""
    plain, odd = (compile_params({"": each}, STEPS.keys()) for each in (text, text.replace("{secret.", "{secret.=")))
    # What is malformed anyway is refused anyway, and may be malformed in more ways with the odd name.
    more = bool(odd and odd.problems) and not (plain and plain.problems)

    assert more <= taint.opens_secret(text)
    assert taint.opens_secret(text) <= taint.holds_placeholder(text)
