"""Validation of whole definitions: every problem has a code, a place, a text and a way out, and all come at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncara.core import limits
from syncara.core.check import problems
from syncara.core.errors import NEAREST_TO_MAX, Problem
from syncara.core.model import Step, Workflow
from tests.core.build import HANDLERS, delay, group, step, task, workflow


def found(*steps: Step, **fields: Any) -> list[Problem]:
    return problems(workflow(*steps, **fields), HANDLERS)


def codes(found: Sequence[Problem]) -> list[str]:
    return [problem.code for problem in found]


TASKS_EXAMPLE = '{"tasks": [{"name": "A", "handler": "log", "params": {"message": "hello"}}]}'


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([], Problem("empty_workflow", "workflow 'Flow'", "it has no steps", "add at least one step")),
        (
            [step("A", handler="wrok")],
            Problem(
                "unknown_handler",
                "step 'A', field 'handler'",
                "there is no handler 'wrok'",
                "Did you mean 'work'?",
            ),
        ),
        (
            [step("A", handler="xyz")],
            Problem(
                "unknown_handler",
                "step 'A', field 'handler'",
                "there is no handler 'xyz'",
                "the handlers are condition_check, delay, parallel_group, work",
            ),
        ),
        (
            [step("A"), step("A")],
            Problem("duplicate_step", "step 'A'", "the name 'A' is used twice", "give each step its own name"),
        ),
        (
            [step("Load Users"), step("B", ["Load User"])],
            Problem(
                "unknown_dependency",
                "step 'B', field 'dependencies'",
                "there is no step 'Load User'",
                "Did you mean 'Load Users'?",
            ),
        ),
        (
            [step("A"), step("B", ["Nobody"])],
            Problem(
                "unknown_dependency",
                "step 'B', field 'dependencies'",
                "there is no step 'Nobody'",
                "the steps are A, B",
            ),
        ),
        (
            [step("A", ["A"])],
            Problem(
                "self_dependency",
                "step 'A', field 'dependencies'",
                "the step depends on itself",
                "remove it from its own dependencies",
            ),
        ),
        (
            [step("A"), step("B", ["A"], condition="steps['Aa'].status == 'completed'")],
            Problem(
                "unknown_step",
                "step 'B', field 'condition'",
                "it reads step 'Aa', which does not exist",
                "Did you mean 'A'?",
            ),
        ),
        (
            [step("A", run_when="any_failed")],
            Problem(
                "run_when_alone",
                "step 'A', field 'run_when'",
                "run_when 'any_failed' looks at dependencies, and the step has none",
                "give it dependencies, or leave run_when out",
            ),
        ),
        (
            [group("G", task("a", run_when="any_succeeded"))],
            Problem(
                "run_when_alone",
                "step 'G/a', field 'run_when'",
                "run_when 'any_succeeded' looks at dependencies, and the step has none",
                "give it dependencies, or leave run_when out",
            ),
        ),
        (
            [delay("A", "soon")],
            Problem(
                "invalid_params",
                "step 'A', field 'params'",
                "delay needs 'seconds', a number from 0 to 315360000, and got 'soon'",
                "give the seconds to wait",
                '{"seconds": 5}',
            ),
        ),
        (
            [step("A", handler="delay", params={"seconds": 1, "minutes": 2})],
            Problem(
                "invalid_params",
                "step 'A', field 'params'",
                "delay takes only 'seconds', not 'minutes'",
                "remove what is extra",
                '{"seconds": 5}',
            ),
        ),
        (
            [step("G", handler="parallel_group", params={"tasks": "{context.tasks}"})],
            Problem(
                "invalid_params",
                "step 'G', field 'params'",
                "parallel_group needs 'tasks', a non-empty list of objects",
                "write the tasks out",
                TASKS_EXAMPLE,
            ),
        ),
        (
            [step("G", handler="parallel_group", params={"tasks": [task("a")], "limit": 2})],
            Problem(
                "invalid_params",
                "step 'G', field 'params'",
                "parallel_group takes only 'tasks', not 'limit'",
                "remove what is extra",
                TASKS_EXAMPLE,
            ),
        ),
        (
            [group("G", task("a", dependencies=["b"]), task("b"))],
            Problem(
                "invalid_params",
                "step 'G', task 1",
                "a task cannot have dependencies: the tasks of a group run side by side",
                "make it a step of its own",
            ),
        ),
        (
            [group("G", task("a"), task("b", retry_count=-1))],
            Problem(
                "wrong_type",
                "step 'G', task 2, step 'b', field 'retry_count'",
                "'retry_count' must be a whole number from 0 to 1000, and is -1",
                "give a whole number from 0 to 1000",
            ),
        ),
        (
            [group("G", task("a"), task("a"))],
            Problem("duplicate_step", "step 'G/a'", "the name 'G/a' is used twice", "give each step its own name"),
        ),
    ],
)
def test_a_problem_says_what_where_and_how_to_put_it_right(steps: list[Step], problem: Problem) -> None:
    """Each kind of problem with its code, place, message, fix and example."""
    assert [problem] == found(*steps)


def test_a_sound_definition_has_no_problems() -> None:
    """Forward references, ids, groups, watchers and placeholders are all fine."""
    assert [] == found(
        step("B", ["A", "id of C"], params={"x": "{steps.A.data.rows[0]|none}", "y": "{context.deep.key}"}),
        step("A", condition="steps['G/a'].status == 'completed' and context.get('x')"),
        step("C"),
        delay("D", "{context.seconds}", ["C"]),
        group("G", task("a", params={"x": "{steps.C.data}"}), after=["C"], run_when="all_settled"),
        step("Check", handler="condition_check", params={"condition": "'{not a placeholder'"}),
    )


def test_every_problem_is_found_at_once() -> None:
    """One call lists what is wrong with handlers, conditions, params, dependencies, circles and delays."""
    everything = found(
        step("A", ["Nobody"], handler="wrok"),
        step("B", ["C"], condition="steps['Z'].data"),
        step("C", ["B"], params={"x": "{steps.Nowhere.data}"}),
        step("E", run_when="any_failed"),
        step("E"),
        delay("D", 5_000),
        group("G", task("a", "nothing"), task("b", retry_count="3")),
    )

    assert {
        "unknown_handler",
        "unknown_dependency",
        "unknown_step",
        "duplicate_step",
        "run_when_alone",
        "dependency_cycle",
        "delay_exceeds_timeout",
        "wrong_type",
    } == set(codes(everything))
    assert 2 == codes(everything).count("unknown_step")
    assert all(problem.where and problem.message and problem.fix for problem in everything)


# Placeholders and handlers.


@pytest.mark.parametrize(
    ("params", "code", "where"),
    [
        ({"text": "{steps.Nobody.data}"}, "unknown_step", "step 'B', field 'params.text'"),
        ({"deep": [{"x": "{context.a"}]}, "malformed_placeholder", "step 'B', field 'params.deep.0.x'"),
    ],
)
def test_a_wrong_placeholder_is_found_with_its_place_in_the_params(params: Any, code: str, where: str) -> None:
    """Before anything runs, and down to the string that holds it."""
    (problem,) = found(step("A"), step("B", ["A"], params=params))

    assert (code, where) == (problem.code, problem.where)


def test_the_check_of_a_handler_judges_the_params() -> None:
    """Each handler may check its params; its problems get the place of the step."""

    def judge(params: dict[str, Any]) -> list[Problem]:
        return [] if "to" in params else [Problem("invalid_params", "field 'to'", "it is missing", "say where to")]

    flow = workflow(step("A", handler="send"), step("B", handler="send", params={"to": 1}))

    expected = Problem("invalid_params", "step 'A', field 'params', field 'to'", "it is missing", "say where to")
    assert [expected] == problems(flow, {"send": judge})


def test_tasks_are_checked_like_steps() -> None:
    """Their handlers, conditions and placeholders too, in groups within groups."""
    inner = task("h", "parallel_group", params={"tasks": [task("x", "wrok", params={"v": "{steps.No.data}"})]})

    assert [
        ("unknown_handler", "step 'G/h/x', field 'handler'"),
        ("unknown_step", "step 'G/h/x', field 'params.v'"),
    ] == [(problem.code, problem.where) for problem in found(group("G", inner))]


@pytest.mark.parametrize(
    ("entry", "code", "where"),
    [
        ({"handler": "work"}, "missing_field", "step 'G', task 1, step None"),
        ({"name": "a"}, "missing_field", "step 'G', task 1, step 'a'"),
        ({"name": "a", "handler": "work", "parms": {}}, "unknown_field", "step 'G', task 1, step 'a', field 'parms'"),
        ({"name": "a", "handler": "work", "condition": "1 +"}, "syntax", None),
        ({"name": "a", "handler": "work", "save_as": "errors"}, "reserved_key", None),
    ],
)
def test_a_task_that_is_no_step_is_found(entry: dict[str, Any], code: str, where: str | None) -> None:
    """What add_step would refuse is refused in a group, with the number of the task."""
    (problem,) = found(group("G", entry))

    assert code == problem.code
    assert where is None or where == problem.where
    assert problem.where.startswith("step 'G', task 1")


@pytest.mark.parametrize("tasks", [None, [], {}, "a", [1], [[]], [None], [task("a"), "b"]])
def test_tasks_are_a_literal_list_of_objects(tasks: Any) -> None:
    """Nothing else can be expanded."""
    assert ["invalid_params"] == codes(found(step("G", handler="parallel_group", params={"tasks": tasks})))


def test_groups_and_their_depth_have_limits() -> None:
    """Too many tasks, or groups in groups in groups, are refused with both numbers."""
    nested = task("a")
    for _ in range(limits.GROUP_DEPTH_MAX):
        nested = task("g", "parallel_group", params={"tasks": [nested]})
    many = group("G", *(task(f"t{n}") for n in range(limits.GROUP_TASKS_MAX + 1)))

    expected = "at most 10000 tasks, and groups 5 deep"
    assert [("too_large", expected)] == [(p.code, p.message) for p in found(many)]
    assert [("too_large", expected)] == [(p.code, p.message) for p in found(group("G", nested))]
    assert [] == found(group("G", *nested["params"]["tasks"]))


# Circles.


def test_a_circle_is_spelled_out_with_one_way_to_break_it() -> None:
    """In the order in which the steps wait, from a step back to itself."""
    (problem,) = found(step("A", ["C"]), step("B", ["A"]), step("C", ["B"]), step("D", ["C"]))

    assert (
        Problem(
            "dependency_cycle",
            "workflow 'Flow'",
            "these steps wait for one another: 'A' -> 'B' -> 'C' -> 'A'",
            "remove one of these dependencies, for instance 'C' from 'A'",
        )
        == problem
    )


def test_separate_circles_are_separate_problems() -> None:
    """Two circles are two things to put right."""
    circles = found(step("A", ["B"]), step("B", ["A"]), step("C", ["D"]), step("D", ["C"]))

    assert 2 == len(circles)
    assert ["'A' -> 'B' -> 'A'", "'C' -> 'D' -> 'C'"] == [p.message.partition(": ")[2] for p in circles]


def test_a_circle_behind_another_is_found_too() -> None:
    """A step on one circle that also waits for another circle hides neither."""
    circles = found(step("X", ["A", "Y"]), step("A", ["B"]), step("B", ["A"]), step("Y", ["X"]))

    assert 2 == len(circles)


def test_a_step_is_not_offered_itself() -> None:
    """A step that depends on itself would be wrong as well."""
    assert ["the steps are Send 2, Wait"] == [each.fix for each in found(step("Send 2", ["Send"]), step("Wait"))]


def test_only_so_many_wrong_names_get_the_nearest() -> None:
    """The others get the names that there are; a wrong name that comes again is the same one."""
    steps = [step(f"S{n}", [f"Lod {n % 50}"]) for n in range(100)]
    fixes = [problem.fix for problem in found(step("Lod"), *steps)]
    near = ["Did you mean 'Lod'?"] * NEAREST_TO_MAX

    assert near == fixes[:NEAREST_TO_MAX] == fixes[50 : 50 + NEAREST_TO_MAX]
    assert {True} == {fix.startswith("the steps are Lod, S0, ") for fix in fixes[NEAREST_TO_MAX:50]}


@settings(max_examples=100)
@example([[1, 4], [2], [1], [], [0]])
@given(
    st.integers(2, 8).flatmap(lambda n: st.lists(st.lists(st.integers(0, n - 1), max_size=3), min_size=n, max_size=n))
)
def test_the_circles_that_are_named_exist_and_breaking_them_helps(wanted: list[list[int]]) -> None:
    """Each arrow is a dependency; what is not on or behind a circle is never blamed; none is overlooked."""
    dependencies = {f"S{n}": {f"S{d}" for d in each if d != n} for n, each in enumerate(wanted)}
    circles = found(*(step(name, sorted(needed)) for name, needed in dependencies.items()))

    left = dict(dependencies)
    while free := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in free:
            del left[name]
    on_circles: set[str] = set()
    for problem in circles:
        names = [name.strip("'") for name in problem.message.partition(": ")[2].split(" -> ")]
        assert names[0] == names[-1]
        assert all(before in dependencies[after] for before, after in pairwise(names))
        on_circles |= set(names)
    assert bool(circles) == bool(left)
    assert on_circles <= left.keys()
    # Whatever stays stuck is stuck behind a circle that was named.
    rest = {name: needed for name, needed in left.items() if name not in on_circles}
    while free := [name for name, needed in rest.items() if not needed & rest.keys()]:
        for name in free:
            del rest[name]
    assert {} == rest


# Delays and the global timeout.


def test_literal_delays_longer_than_the_global_timeout_name_the_value_to_set() -> None:
    """The longest chain counts, over steps in between and groups, and the fix is a number that works."""
    steps = [
        delay("A", 1_000),
        step("Between", ["A"]),
        delay("B", 1_000, ["Between"]),
        delay("Beside", 1_500),
    ]

    (problem,) = found(*steps)

    assert (
        Problem(
            "delay_exceeds_timeout",
            "workflow 'Flow'",
            "the delays up to 'B' add up to 2000 s, and global_timeout is 1800 s",
            "set global_timeout to at least 2060",
        )
        == problem
    )
    assert [] == found(*steps, global_timeout=2060)


@given(st.lists(st.integers(1, limits.SECONDS_MAX // 4) | st.floats(0.001, 1e6), min_size=1, max_size=3))
def test_the_value_to_set_is_always_enough(seconds: list[float]) -> None:
    """Whatever the delays add up to, the number in the fix makes the problem go away."""
    steps = [delay(f"S{n}", each, [f"S{n - 1}"] if n else []) for n, each in enumerate(seconds)]
    problem = next(iter(found(*steps, global_timeout=0.001)), None)

    if problem is not None:
        assert [] == found(*steps, global_timeout=float(problem.fix.rpartition(" ")[2]))


def test_delays_side_by_side_do_not_add_up() -> None:
    """Neither do those of a group's tasks: the longest counts."""
    assert [] == found(delay("A", 1_000), delay("B", 1_000), step("C", ["A", "B"]))
    two = [task(name, "delay", params={"seconds": 1_000}) for name in "ab"]
    assert [] == found(group("G", *two))
    assert ["delay_exceeds_timeout"] == codes(found(group("G", *two), delay("B", 1_000, ["G"])))


@pytest.mark.parametrize("seconds", [1_800, 1_800.0, "{context.seconds}", 0])
def test_a_delay_that_may_fit_is_no_problem(seconds: Any) -> None:
    """Exactly the global timeout fits, and what is not literal is not known yet."""
    assert [] == found(delay("A", seconds))


@pytest.mark.parametrize(
    "seconds", [-1, True, None, "5", "", [], {}, limits.SECONDS_MAX + 1, "in {context.x}", "{context.x} s"]
)
def test_a_delay_needs_a_number_or_one_placeholder(seconds: Any) -> None:
    """Anything else could never become a length."""
    assert "invalid_params" in codes(found(delay("A", seconds)))


# Size.


def test_a_large_definition_is_judged() -> None:
    """Ten thousand steps in a chain need no recursion; one wrong one among them is found."""
    steps = [step(f"S{n}", [f"S{n - 1}"] if n else []) for n in range(10_000)]

    assert [] == found(*steps)
    assert ["dependency_cycle"] == codes(found(step("S0", ["S9999"]), *steps[1:]))


def test_a_definition_is_not_changed_by_being_judged() -> None:
    """Looking leaves no trace."""
    flow = workflow(group("G", task("a", params={"x": "{context.y}"})), step("B", ["G"]))
    before = repr(flow)

    problems(flow, HANDLERS)

    assert before == repr(flow)


def test_a_workflow_of_another_name_is_named() -> None:
    """Places name the workflow as its author does."""
    assert ["workflow 'Mine'"] == [problem.where for problem in problems(Workflow("w", "Mine"), HANDLERS)]
