"""What can never become right is refused at once: fields of steps and workflows, whatever is given for them."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.core import limits
from syncara.core.check import STEP_RULES, WORKFLOW_RULES, new_step, new_workflow, strict_json
from syncara.core.errors import Problem, ValidationError
from syncara.core.limits import JSON_DEPTH_MAX, NAME_CHARS_MAX, PARAMS_BYTES_MAX, SECONDS_MAX
from syncara.core.model import Step, Workflow
from tests.core.strategies import JSON


class Broken:
    """A value that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Odd(str):
    """Text of a class of its own."""

    __slots__ = ()


class Colour(enum.IntEnum):
    RED = 1


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def circular() -> Any:
    value: dict[str, Any] = {}
    value["again"] = value
    return value


def refused(**fields: Any) -> tuple[Problem, ...]:
    """The problems of a step with these fields beside a name and a handler."""
    with pytest.raises(ValidationError) as raised:
        new_step("id", {"name": "A", "handler": "work", **fields})
    return raised.value.problems


def refused_workflow(**fields: Any) -> tuple[Problem, ...]:
    with pytest.raises(ValidationError) as raised:
        new_workflow("id", 1.0, {"name": "Flow", **fields})
    return raised.value.problems


def problems_of(make: Callable[[], object]) -> tuple[Problem, ...]:
    """What was wrong, if anything was."""
    try:
        make()
    except ValidationError as error:
        return error.problems
    return ()


FROM_A_MILLISECOND, FROM_ZERO = STEP_RULES["timeout"][1], STEP_RULES["retry_delay"][1]


# What is fine.


def test_a_step_needs_a_name_and_a_handler() -> None:
    """Everything else has its default."""
    assert Step("id", "A", "work") == new_step("id", {"name": "A", "handler": "work"})


def test_a_step_takes_every_field() -> None:
    """All of them in the types that a user writes."""
    fields: dict[str, Any] = {
        "params": {"x": (1, 2)},
        "dependencies": ["B"],
        "timeout": 1,
        "retry_count": 0,
        "retry_delay": 0.5,
        "condition": "context.x",
        "retry_backoff": 1,
        "max_retry_delay": 0,
        "run_when": "any_failed",
        "on_error": "continue",
        "save_as": "x",
        "on_crash": "ask",
    }
    expected = Step("id", "A", "work", {"x": [1, 2]}, ("B",), 1, 0, 0.5, "context.x", 1, 0, "any_failed", "continue")

    made = new_step("id", {"name": "A", "handler": "work", **fields})

    assert (expected.params, expected.dependencies) == (made.params, made.dependencies)
    assert set(STEP_RULES) == {"name", "handler", *fields}
    assert all(getattr(made, name) == value for name, value in fields.items() if name not in ("params", "dependencies"))


def test_a_workflow_needs_a_name() -> None:
    """Everything else has its default."""
    assert Workflow("id", "Flow", created_at=1.0) == new_workflow("id", 1.0, {"name": "Flow"})


def test_params_and_metadata_are_copies() -> None:
    """What the caller does to his own afterwards changes no definition."""
    mine = {"list": [1]}
    step = new_step("id", {"name": "A", "handler": "work", "params": mine})
    flow = new_workflow("id", 1.0, {"name": "Flow", "metadata": mine})

    mine["list"].append(2)

    assert {"list": [1]} == step.params == flow.metadata


@pytest.mark.parametrize("name", ["A", " A ", "Load Users", "Größe ✓", "a/b", "x" * NAME_CHARS_MAX])
def test_a_name_is_any_text_up_to_its_limit(name: str) -> None:
    """Blanks within it and other alphabets are welcome."""
    assert name == new_step("id", {"name": name, "handler": "work"}).name


# What is not.


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("name", 7, "text of 1 to 200 characters"),
        ("name", "x" * 201, "text of 1 to 200 characters"),
        ("name", "\ud800", "text of 1 to 200 characters"),
        ("handler", "", "text of 1 to 200 characters"),
        ("handler", None, "text of 1 to 200 characters"),
        ("params", [1], "a JSON object (a dict with text keys)"),
        ("params", None, "a JSON object (a dict with text keys)"),
        ("dependencies", "B", "a list of step ids or names"),
        ("dependencies", ["B", 7], "a list of step ids or names"),
        ("dependencies", [""], "a list of step ids or names"),
        ("dependencies", None, "a list of step ids or names"),
        ("dependencies", ["\ud800"], "a list of step ids or names"),
        ("timeout", 0, FROM_A_MILLISECOND),
        ("timeout", "300", FROM_A_MILLISECOND),
        ("timeout", True, FROM_A_MILLISECOND),
        ("timeout", float("nan"), FROM_A_MILLISECOND),
        ("timeout", float("inf"), FROM_A_MILLISECOND),
        ("timeout", SECONDS_MAX + 1, FROM_A_MILLISECOND),
        ("timeout", 2**70, FROM_A_MILLISECOND),
        ("retry_count", -1, "a whole number from 0 to 1000"),
        ("retry_count", 1.0, "a whole number from 0 to 1000"),
        ("retry_count", True, "a whole number from 0 to 1000"),
        ("retry_count", 1001, "a whole number from 0 to 1000"),
        ("retry_delay", -0.1, FROM_ZERO),
        ("retry_backoff", 0.5, "a number from 1 to 100"),
        ("retry_backoff", float("nan"), "a number from 1 to 100"),
        ("max_retry_delay", -1, FROM_ZERO),
        ("condition", 7, "text of 0 to 100000 characters, or None"),
        (
            "run_when",
            "always",
            "one of 'none_failed', 'all_succeeded', 'any_succeeded', 'all_settled', 'any_failed'",
        ),
        (
            "run_when",
            ["none_failed"],
            "one of 'none_failed', 'all_succeeded', 'any_succeeded', 'all_settled', 'any_failed'",
        ),
        ("on_error", "ignore", "one of 'fail', 'continue'"),
        ("on_crash", "", "one of 'retry', 'fail', 'ask'"),
        ("save_as", "", "text of 1 to 200 characters, or None"),
    ],
)
def test_a_field_of_the_wrong_type_or_size_is_refused(field: str, value: Any, rule: str) -> None:
    """The problem names the field, what it must be, and what it is."""
    (problem,) = refused(**{field: value})

    where = f"step {value!r}" if field == "name" else "step 'A'"
    assert "wrong_type" == problem.code
    assert problem.where.startswith(where[:80])
    assert problem.where.endswith(f", field '{field}'")
    assert problem.message.startswith(f"'{field}' must be {rule}, and is ")
    assert f"give {rule}" == problem.fix


def test_the_limits_of_seconds_are_written_out() -> None:
    """A person reads 315360000 and not 3.1536e+08."""
    assert "a number of seconds from 0.001 to 315360000" == FROM_A_MILLISECOND
    assert "a number of seconds from 0 to 315360000" == FROM_ZERO


@pytest.mark.parametrize("name", ["", " ", "\n\t"])
def test_an_empty_name_has_a_code_of_its_own(name: str) -> None:
    """A name of blanks is none."""
    assert ["empty_name"] == [problem.code for problem in refused(name=name)]
    assert ["empty_name"] == [problem.code for problem in refused_workflow(name=name)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7),
        ("description", None),
        ("description", "x" * (limits.DESCRIPTION_CHARS_MAX + 1)),
        ("global_timeout", 0),
        ("global_timeout", "1800"),
        ("max_parallel_steps", 0),
        ("max_parallel_steps", 2.0),
        ("max_parallel_steps", limits.PARALLEL_STEPS_MAX + 1),
        ("auto_retry", "yes"),
        ("auto_retry", 1),
        ("metadata", [1]),
        ("recovery_timeout", -5),
    ],
)
def test_a_workflow_field_of_the_wrong_type_or_size_is_refused(field: str, value: Any) -> None:
    """Workflows are held to their rules like steps."""
    (problem,) = refused_workflow(**{field: value})

    assert ("wrong_type", f"give {WORKFLOW_RULES[field][1]}") == (problem.code, problem.fix)
    assert problem.where.endswith(f", field '{field}'")


def test_missing_fields_are_all_named() -> None:
    """Name and handler cannot be guessed."""
    with pytest.raises(ValidationError) as raised:
        new_step("id", {})

    assert [
        Problem("missing_field", "step None", "'name' is missing", "give text of 1 to 200 characters"),
        Problem("missing_field", "step None", "'handler' is missing", "give text of 1 to 200 characters"),
    ] == list(raised.value.problems)


@pytest.mark.parametrize(
    ("field", "fix"),
    [("retrycount", "Did you mean 'retry_count'?"), ("zzz", "the fields are name, handler, params, dependencies")],
)
def test_an_unknown_field_is_refused_with_the_nearest_name(field: str, fix: str) -> None:
    """Never ignored: it would be a setting that does nothing."""
    (problem,) = refused(**{field: 1})

    assert ("unknown_field", f"there is no field '{field}'") == (problem.code, problem.message)
    assert problem.fix.startswith(fix)


@pytest.mark.parametrize("field", [7, None, ("name",), b"name"])
def test_a_field_whose_name_is_not_text_is_unknown(field: Any) -> None:
    """A dict from anywhere may have any keys."""
    with pytest.raises(ValidationError) as raised:
        new_step("id", {"name": "A", "handler": "work", field: 1})

    assert ["unknown_field"] == [problem.code for problem in raised.value.problems]


def test_a_step_cannot_depend_on_itself_by_name_or_id() -> None:
    """It would wait for ever."""
    expected = Problem(
        "self_dependency", "step 'A'", "the step depends on itself", "remove it from its own dependencies"
    )

    assert (expected,) == refused(dependencies=["A"])
    assert (expected,) == refused(dependencies=["B", "id"])


@pytest.mark.parametrize("key", ["error_occurred", "failed_step", "last_error", "errors"])
def test_a_result_cannot_be_saved_under_a_name_that_failures_set(key: str) -> None:
    """The problem names all four."""
    expected = Problem(
        "reserved_key",
        "step 'A', field 'save_as'",
        f"'{key}' is set by the engine when a step fails (error_occurred, errors, failed_step, last_error are)",
        "choose another context key",
    )

    assert (expected,) == refused(save_as=key)


def test_a_condition_outside_the_language_is_refused_with_its_column() -> None:
    """The code, text, fix and example are those of the condition language."""
    (problem,) = refused(condition="context.x > 1 and __import__('os')")

    assert "step 'A', field 'condition', column 19" == problem.where
    assert problem.code
    assert problem.message
    assert problem.fix
    assert problem.example


def test_all_problems_of_a_step_are_found_at_once() -> None:
    """One refusal lists everything that is wrong with it, and its text numbers them."""
    with pytest.raises(ValidationError) as raised:
        new_step(
            "id",
            {"name": "A", "timeout": 0, "nme": 1, "condition": "1 +", "save_as": "errors", "params": {"x": {1}}},
        )

    problems = raised.value.problems
    assert ["missing_field", "wrong_type", "unknown_field", "syntax", "reserved_key", "not_json"] == [
        problem.code for problem in problems
    ]
    assert [f"{n}." for n in range(1, 7)] == [line.split()[0] for line in str(raised.value).splitlines()[1:]]


# JSON.


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"x": {1}}, "$.x is a set, which is not JSON"),
        ({"x": [float("nan")]}, "$.x[0] is nan, which JSON cannot hold"),
        ({"x": float("-inf")}, "$.x is -inf, which JSON cannot hold"),
        ({"x": 2**70}, "$.x is a whole number beyond 64 bits"),
        ({"x": -(2**63) - 1}, "$.x is a whole number beyond 64 bits"),
        ({"x": {1: 2}}, "$.x has a key that is not text: 1"),
        ({Odd("x"): 1}, "$ has a key that is not text: 'x'"),
        ({"x": Odd("y")}, "$.x is a Odd, which is not JSON"),
        ({"x": Colour.RED}, "$.x is a Colour, which is not JSON"),
        ({"x": b"bytes"}, "$.x is a bytes, which is not JSON"),
        ({"x": Broken()}, "$.x is a Broken, which is not JSON"),
        ({"x": {Broken(): 1}}, "$.x has a key that is not text: a Broken"),
        ({"x": object}, "$.x is a type, which is not JSON"),
    ],
)
def test_params_that_are_not_json_are_refused_with_the_place(params: Any, message: str) -> None:
    """Down to the value that cannot be stored and come back unchanged."""
    expected = Problem(
        "not_json",
        "step 'A', field 'params'",
        message,
        "use only None, bool, int, float, str, list and dict",
    )

    assert (expected,) == refused(params=params)


@pytest.mark.parametrize("params", [{"x": "\ud800"}, {"\udfff": 1}, {"x": ["fine", {"y": "half of a pair: \ud83d"}]}])
def test_text_that_cannot_be_encoded_is_refused(params: Any) -> None:
    """A lone surrogate is no text, as a value or as a key."""
    (problem,) = refused(params=params)

    assert "not_json" == problem.code
    assert problem.message.startswith("it cannot be written as JSON: ")


@pytest.mark.parametrize("value", [nested(JSON_DEPTH_MAX), nested(100_000), circular()], ids=["101", "10^5", "circle"])
def test_params_have_a_depth(value: Any) -> None:
    """Too deep, far too deep, and without end are refused alike."""
    (problem,) = refused(params={"x": value})

    assert "not_json" == problem.code
    assert problem.message.endswith(f"is nested more than {JSON_DEPTH_MAX} deep")


def test_params_may_be_as_deep_as_the_limit() -> None:
    """The object itself is the first level."""
    params = {"x": nested(JSON_DEPTH_MAX - 1)}

    assert params == new_step("id", {"name": "A", "handler": "work", "params": params}).params


def test_params_and_metadata_have_a_size() -> None:
    """The problem says how large they are and what the limit is."""
    size = PARAMS_BYTES_MAX + 1
    expected = Problem(
        "too_large",
        "step 'A', field 'params'",
        f"{size} bytes as JSON; the limit is {PARAMS_BYTES_MAX}",
        "store the data elsewhere and pass a reference",
    )

    assert (expected,) == refused(params={"x": "x" * (size - 8)})
    assert () == problems_of(
        lambda: new_step("id", {"name": "A", "handler": "work", "params": {"x": "x" * (size - 9)}})
    )
    assert ["too_large"] == [p.code for p in refused_workflow(metadata={"x": "x" * limits.METADATA_BYTES_MAX})]


@pytest.mark.parametrize("value", [-(2**63), 2**64 - 1, 5e-324, -0.0, 1e300, "", "\U0010ffff", "\x00", {"": []}, True])
def test_the_ends_of_what_json_holds_can_be_params(value: Any) -> None:
    """The smallest and the largest come back as they were given."""
    assert repr({"x": value}) == repr(new_step("id", {"name": "A", "handler": "work", "params": {"x": value}}).params)


@given(JSON)
def test_whatever_json_holds_can_be_params(value: Any) -> None:
    """It comes back as it was given."""
    assert {"x": value} == new_step("id", {"name": "A", "handler": "work", "params": {"x": value}}).params


# Hostile values.

HOSTILE = [
    Broken(),
    nested(100_000),
    circular(),
    {1},
    float("nan"),
    2**70,
    10**5_000,
    "\ud800",
    "x" * 1_000_000,
    b"x",
    object,
    lambda: None,
    Colour.RED,
    Odd("A"),
    (),
    None,
    [None] * 1_000,
    {"\ud800": Broken()},
]


@pytest.mark.parametrize("field", [*STEP_RULES, "unknown"])
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
def test_a_step_of_hostile_values_is_made_or_refused_in_short_words(field: str, value: Any) -> None:
    """Whatever is given for a field: no other error leaves, and no problem is longer than a paragraph."""
    found = problems_of(lambda: new_step("id", {"name": "A", "handler": "work", field: value}))

    assert all(len(str(problem).encode()) < 1_000 for problem in found)


@pytest.mark.parametrize("field", WORKFLOW_RULES)
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
def test_a_workflow_of_hostile_values_is_made_or_refused_in_short_words(field: str, value: Any) -> None:
    """As for steps."""
    found = problems_of(lambda: new_workflow("id", 1.0, {"name": "Flow", field: value}))

    assert all(len(str(problem).encode()) < 1_000 for problem in found)


@pytest.mark.parametrize("fields", [{"\ud800": 1}, {"params": {"\ud800": {1}}}, {"name": "\ud800"}], ids=repr)
def test_a_problem_can_be_written_whatever_it_is_about(fields: dict[str, Any]) -> None:
    """Text that cannot be encoded is shown in a form that can."""
    for problem in refused(**fields):
        str(problem).encode()


@pytest.mark.parametrize("value", [{"k" * 1_000_000: {1}}, {"a": {"k" * 1_000_000: Broken()}}, {("k" * 1_000_000,): 1}])
def test_a_problem_stays_short_whatever_the_keys(value: Any) -> None:
    """A key of a megabyte is not repeated in full."""
    (problem,) = refused(params=value)

    assert len(problem.message) < 1_000


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.just({1}),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([*STEP_RULES, "other"]), ANY, max_size=5))
def test_any_fields_make_a_step_that_can_be_stored_or_are_refused(fields: dict[str, Any]) -> None:
    """What is made is JSON; what is not made is a ValidationError."""
    made: list[Step] = []

    found = problems_of(lambda: made.append(new_step("id", fields)))

    assert bool(made) != bool(found)
    for each in made:
        assert strict_json([each.name, each.handler, each.params, list(each.dependencies), each.condition])
