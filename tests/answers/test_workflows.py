"""Definitions in words, and as a tree."""

from __future__ import annotations

from syncara.answers import (
    FORMS,
    render,
    step_added,
    workflow_deleted,
    workflow_list,
    workflow_made,
    workflow_tree,
)
from syncara.core.model import Step, Workflow
from tests.core.build import delay, group, step, task, workflow


def tree(*steps: Step, **fields: str) -> list[str]:
    """The rows of the tree, without the lines above them."""
    return render(workflow_tree(workflow(*steps, **fields))).split("\n\n", 1)[1].splitlines()


def test_what_was_made_is_said_in_one_line() -> None:
    """With the id, and how many steps there are when it came with some."""
    answers = [
        workflow_made(workflow()),
        workflow_made(workflow(step("A"))),
        step_added("Flow", "Send *it*", 2),
        workflow_deleted("wf", "Flow"),
    ]

    assert [
        "📋 Workflow Flow is ready · wf",
        "📋 Workflow Flow is ready · 1 step · wf",
        "➕ Step 2: Send *it* (Flow)",  # noqa: RUF001 - an icon
        "🗑️ Workflow Flow was deleted; runs of it that are under way go on · wf",
    ] == [render(answer) for answer in answers]
    assert "➕ Langkah 2: <b>Send *it*</b> (Flow)" == render(answers[2], "id", "html")  # noqa: RUF001 - an icon


def test_workflows_are_listed_by_page() -> None:
    """With their ids and the beginning of what they are for."""
    found = [workflow(description="line one\nline two"), Workflow("wf2", "Other")]

    expected = ["Workflows, page 1", "", "📋 Flow · wf · line one line two", "📋 Other · wf2"]
    assert expected == render(workflow_list(found, 1, False)).splitlines()
    assert "There are more on page 2." == render(workflow_list(found, 1, True)).splitlines()[-1]
    assert "Belum ada workflow di sini." == render(workflow_list([], 1, False), "id")


def test_a_tree_says_what_the_workflow_is() -> None:
    """Its name, size, id, description and limits stand above the steps."""
    answer = workflow_tree(workflow(step("A"), description="Greets <people>"))

    expected = "📋 Flow · 1 step · wf\nGreets <people>\nat most 5 at the same time, 30 min 00 s in all\n\n🔹 A · work"
    assert expected == render(answer)
    assert "📋 Flow · no steps yet · wf" == render(workflow_tree(workflow())).splitlines()[0]


def test_each_step_stands_once_under_the_last_one_it_comes_after() -> None:
    """Its other dependencies are named, whether they are written as names or ids."""
    rows = tree(
        step("A"),
        step("B", ["A"]),
        step("C", ["id of A"]),
        step("D", ["A", "B", "id of C"]),
        step("E", ["D"]),
        step("F"),
    )

    assert [
        "🔹 A · work",
        "   ↳ B · work",
        "      ↳ D · work · also after A, C",
        "         ↳ E · work",
        "   ↳ C · work",
        "🔹 F · work",
    ] == rows


def test_a_step_says_when_it_runs_and_what_its_failure_means() -> None:
    """Condition, rule and tolerance, where they are not what goes without saying."""
    rows = tree(
        step("A", on_error="continue"),
        step("B", ["A"], condition="context.x > 5"),
        step("C", ["A"], run_when="any_failed"),
        delay("D", 5, ["A"], run_when="all_settled"),
    )

    assert [
        "🔹 A · work · may fail without stopping the rest",
        "   ↳ B · work · only if context.x > 5",
        "   ↳ C · work · only if one before it failed",
        "   ↳ D · delay · whatever became of those before it",
    ] == rows


def test_the_tasks_of_a_group_stand_under_it() -> None:
    """Also groups within groups; what is no task is left out."""
    inner = task("inner", "parallel_group", params={"tasks": [task("deep", condition="context.x")]})
    rows = tree(
        group("G", task("a"), inner), step("After", ["G"]), step("H", (), "parallel_group", params={"tasks": [1]})
    )

    assert [
        "🔹 G · parallel_group",
        "   ◦ a · work",
        "   ◦ inner · parallel_group",
        "      ◦ deep · work · only if context.x",
        "   ↳ After · work",
        "🔹 H · parallel_group",
    ] == rows


def test_a_definition_that_cannot_run_can_still_be_drawn() -> None:
    """A dependency that does not exist is named; steps that wait for one another in a circle stand at the margin."""
    rows = tree(step("A", ["Nobody"]), step("B", ["C"]), step("C", ["B"]), step("D", ["A", "C", "D"]))

    assert [
        "🔹 A · work · also after Nobody",
        "🔹 B · work · also after C",
        "🔹 C · work · also after B",
        "🔹 D · work · also after A, C, D",
    ] == rows


def test_a_deep_tree_stays_narrow() -> None:
    """Beyond a depth the steps stand below one another, and name the one before."""
    rows = tree(step("0"), *(step(str(n), [str(n - 1)]) for n in range(1, 12)))

    assert 24 == max(len(row) - len(row.lstrip()) for row in rows)
    assert "↳ 11 · work · also after 10" == rows[-1].strip()
    assert "↳ 8 · work" == rows[8].strip()


def test_a_chain_of_a_hundred_thousand_steps_is_drawn() -> None:
    """Nothing in it goes by recursion."""
    steps = [step("0"), *(step(str(n), [str(n - 1)]) for n in range(1, 100_000))]

    text = render(workflow_tree(workflow(*steps)))

    assert "… 99970 more" == text.splitlines()[-1]


def test_a_tree_is_a_tree_in_markdown() -> None:
    """Nested lists."""
    answer = workflow_tree(workflow(step("A_1"), step("B", ["A_1"])))

    assert ["- 🔹 A\\_1 · `work`", "  - ↳ B · `work`"] == render(answer, "en", FORMS[1]).splitlines()[-2:]
