"""The compiled definition: indexes, watchers, recovery steps, and the order of dependencies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.core.graph import Plan, tasks_of, topological
from syncara.core.model import Step
from tests.core.build import group, step, task, workflow


def names(plan: Plan, indexes: list[int]) -> list[str]:
    return [plan.steps[i].name for i in indexes]


def recovery(*steps: Step) -> set[str]:
    plan = Plan(workflow(*steps))
    return {one.name for one, flag in zip(plan.steps, plan.recovery, strict=True) if flag}


def test_steps_come_first_and_tasks_after_them() -> None:
    """Top-level steps keep their places in the definition; tasks are appended level by level."""
    inner = task("h", "parallel_group", params={"tasks": [task("x")]})
    plan = Plan(workflow(group("G", task("a"), inner), step("B", ["G"])))

    assert 2 == plan.top
    assert ["G", "B", "G/a", "G/h", "G/h/x"] == [one.name for one in plan.steps]
    assert [-1, -1, 0, 0, 3] == plan.parents
    assert {0: range(2, 4), 3: range(4, 5)} == plan.tasks


def test_followers_are_the_reverse_of_dependencies() -> None:
    """Each dependency is counted once, however it was written."""
    plan = Plan(workflow(step("A"), step("B", ["A", "id of A"]), step("C", ["B", "A"])))

    assert [(), (0,), (1, 0)] == plan.dependencies
    assert [(1, 2), (2,), ()] == plan.followers


def test_an_id_goes_before_a_name() -> None:
    """When a text is the id of one step and the name of another, it means the id."""
    plan = Plan(workflow(Step("x", "A", "work"), Step("s2", "x", "work"), Step("s3", "C", "work", {}, ("x",))))

    assert (0,) == plan.dependencies[2]


def test_a_watcher_has_a_condition_and_no_dependencies() -> None:
    """Neither a step with dependencies nor a task is one."""
    plan = Plan(
        workflow(
            step("A"),
            step("W", condition="context.x"),
            step("B", ["A"], condition="context.x"),
            group("G", task("a", condition="context.x")),
        )
    )

    assert ["W"] == names(plan, plan.watchers)


def test_watchers_are_indexed_by_what_they_read() -> None:
    """Context keys and steps by name, computed ones under None."""
    plan = Plan(
        workflow(
            step("V", condition="context.x and steps['A'].status == 'failed'"),
            step("W", condition="context.x and context.get(context.y)"),
            step("A"),
        )
    )

    assert {"x": [0, 1], "y": [1], None: [1]} == plan.watchers_of_context
    assert {"A": [0]} == plan.watchers_of_steps


def test_conditions_are_compiled_once_per_definition() -> None:
    """Each step with a condition has it ready, with what it reads."""
    plan = Plan(workflow(step("A"), step("B", ["A"], condition="context.x > 1")))

    assert [None, frozenset({("context", "x")})] == [c and c.reads for c in plan.conditions]


def test_params_without_placeholders_need_no_template() -> None:
    """Neither do a group's tasks as a whole, nor a condition_check's condition."""
    plan = Plan(
        workflow(
            step("A", params={"x": 1}),
            step("B", params={"x": "{context.x}"}),
            step("C", handler="condition_check", params={"condition": "'{context.x}'"}),
            group("G", task("a", params={"x": "{context.x}"})),
        )
    )

    assert {"B", "G/a"} == {
        one.name for one, template in zip(plan.steps, plan.templates, strict=True) if template is not None
    }


@pytest.mark.parametrize(
    ("run_when", "expected"), [("any_failed", True), ("all_settled", True), ("none_failed", False)]
)
def test_run_when_makes_a_recovery_step(run_when: str, expected: bool) -> None:
    """Rules that are met after a failure make one."""
    assert expected == ("B" in recovery(step("A"), step("B", ["A"], run_when=run_when)))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("context.error_occurred", True),
        ("context.failed_step == 'A'", True),
        ("context.last_error", True),
        ("len(context.errors)", True),
        ("steps['A'].status == 'failed'", True),
        ("len(context)", True),
        ("context.get(context.key)", True),
        ("context.x", False),
    ],
)
def test_what_it_reads_makes_a_watcher_a_recovery_step(condition: str, expected: bool) -> None:
    """The error names, any step, or everything."""
    assert expected == ("W" in recovery(step("A"), step("W", condition=condition)))


def test_recovery_is_inherited_when_all_dependencies_are_recovery_steps() -> None:
    """Wherever in the definition they stand; tasks are what their group is."""
    found = recovery(
        step("Last", ["Then", "G"]),
        step("Then", ["Rescue"]),
        step("Mixed", ["Rescue", "A"]),
        group("G", task("a"), after=["Rescue"]),
        step("Rescue", ["A"], run_when="any_failed"),
        step("A"),
        group("H", task("a", run_when="all_settled"), after=["A"]),
    )

    assert {"Last", "Then", "G", "G/a", "Rescue"} == found


def test_tasks_become_steps_with_names_and_ids_of_their_group() -> None:
    """An id that a task brings along is not kept."""
    found = list(tasks_of(group("G", task("a", id="mine"), task("b", retry_count=0))))

    assert [Step("id of G.0", "G/a", "work"), Step("id of G.1", "G/b", "work", retry_count=0)] == found


@given(st.integers(0, 30).flatmap(lambda n: st.lists(st.lists(st.integers(0, max(n - 1, 0))), min_size=n, max_size=n)))
def test_the_order_names_every_index_off_the_cycles_after_its_dependencies(wanted: list[list[int]]) -> None:
    """What is missing waits, directly or not, for a cycle."""
    dependencies = [tuple(dict.fromkeys(each)) for each in wanted]
    followers: list[list[int]] = [[] for _ in wanted]
    for i, needed in enumerate(dependencies):
        for dependency in needed:
            followers[dependency].append(i)

    order = topological(dependencies, followers)

    places = {i: place for place, i in enumerate(order)}
    assert len(order) == len(places)
    assert all(places[dependency] < places[i] for i in order for dependency in dependencies[i])
    missing = set(range(len(wanted))) - places.keys()
    assert all(missing & set(dependencies[i]) for i in missing)
