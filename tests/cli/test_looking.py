"""list, status, history, export: what people and scripts see of a database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from syncara.core.events import DECISIONS, FACTS
from syncara.definitions import load_definition, parse_definition
from tests.cli.support import Command, Runs, Terminal

# list.


def test_runs_are_listed_newest_first(runs: Runs, command: Command) -> None:
    """A line for each: id, workflow, status, progress, age."""
    done = command("list", "-d", runs.database)
    head, *lines = (line.split() for line in done.out.splitlines())

    assert (0, "") == (done.code, done.err)
    assert ["id", "workflow", "status", "done", "started"] == head
    assert [
        [runs.paused, "Long", "paused", "0", "%"],
        [runs.failed, "Tea", "failed", "50", "%"],
        [runs.completed, "Tea", "completed", "100", "%"],
    ] == [line[:5] for line in lines]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["paused", "failed", "completed"]),
        (["--status", "failed"], ["failed"]),
        (["--chat-id", "7"], ["completed"]),
        (["--chat-id", "x7"], []),
        (["--limit", "1"], ["paused"]),
        (["--workflow", "{workflow_id}"], ["failed", "completed"]),
    ],
)
def test_lists_can_be_narrowed(runs: Runs, command: Command, filters: list[str], expected: list[str]) -> None:
    """Filters are those of `list_executions`."""
    arguments = [word.format(workflow_id=runs.workflow_id) for word in filters]
    listed = command("list", "-d", runs.database, "--json", *arguments).json()["executions"]

    assert expected == [run["status"] for run in listed]


def test_a_list_holds_the_head_of_each_run(runs: Runs, command: Command) -> None:
    """Steps and data come with `status`, and the fields that both have are the same."""
    (listed,) = command("list", "-d", runs.database, "--json", "--status", "failed").json()["executions"]
    whole = command("status", runs.failed, "-d", runs.database, "--json").json()["execution"]

    assert whole == {**listed, **{name: whole[name] for name in ("steps", "context", "errors")}}
    assert {"context", "errors", "steps"} == whole.keys() - listed.keys()


def test_a_list_that_may_be_cut_off_says_so(runs: Runs, command: Command) -> None:
    """For people, beside the output."""
    assert "There may be more: --limit shows them.\n" == command("list", "-d", runs.database, "--limit", "3").err


def test_workflows_are_listed(runs: Runs, command: Command) -> None:
    """Definitions, newest first, without their steps."""
    workflows = command("list", "--workflows", "-d", runs.database, "--json").json()["workflows"]

    assert [("Long", ""), ("Tea", "Made with care")] == [(w["name"], w["description"]) for w in workflows]
    assert "Made with care" in command("list", "--workflows", "-d", runs.database).out


def test_an_empty_list_says_so(runs: Runs, command: Command) -> None:
    """For people in words, for scripts as an empty list."""
    arguments = ("list", "-d", runs.database, "--status", "cancelled")

    assert "No run matches.\n" == command(*arguments).out
    assert {"executions": []} == command(*arguments, "--json").json()


def test_filters_of_runs_are_refused_for_workflows(runs: Runs, command: Command) -> None:
    """A filter that would be ignored is a mistake."""
    assert 2 == command("list", "--workflows", "--status", "failed").code


def test_a_list_fits_into_80_columns(runs: Runs) -> None:
    """Ids stay whole, so that they can be copied."""
    terminal = Terminal("list", "-d", runs.database, cwd=runs.folder)

    assert 0 == terminal.end()
    lines = terminal.text().splitlines()
    assert {runs.completed, runs.failed, runs.paused} <= {line.split()[0] for line in lines}
    assert 80 >= max(map(len, lines))


# status and history.


def test_status_shows_steps_context_and_error(runs: Runs, command: Command) -> None:
    """A run that has ended needs no word about who runs it."""
    done = command("status", runs.failed, "-d", runs.database)
    context = command("status", runs.completed, "-d", runs.database).out.splitlines()[-1]

    assert (0, "") == (done.code, done.err)
    assert "✗  Boil" in done.out
    assert "error_occurred true" in done.out
    assert 'water "hot"' == context


def test_status_of_an_open_run_says_who_runs_it(runs: Runs, command: Command) -> None:
    """Nobody; and for a run that is paused, what ends the pause."""
    done = command("status", runs.paused, "-d", runs.database)

    assert f"It is paused. To end the pause: syncara resume {runs.paused}\n" == done.err
    assert None is command("status", runs.paused, "-d", runs.database, "--json").json()["runner"]


def test_history_is_told_in_lines(runs: Runs, command: Command) -> None:
    """Time, level, step and what happened."""
    lines = command("history", runs.completed, "-d", runs.database).out.splitlines()

    assert [
        ["info", "started"],
        ["info", "Check:", "scheduled", "(attempt", "1)"],
        ["info", "Check:", "completed"],
        ["info", "Boil:", "scheduled", "(attempt", "1)"],
        ["info", "Boil:", "hot"],
        ["info", "finished", "completed"],
    ] == [line.split()[2:] for line in lines]


def test_history_in_json_is_the_journal(runs: Runs, command: Command) -> None:
    """Every event, under its name."""
    events = command("history", runs.completed, "-d", runs.database, "--json").json()["events"]
    streamed = command("watch", runs.completed, "-d", runs.database, "--json").out.splitlines()

    assert ["Started", "StepScheduled", "StepSucceeded"] == [event["event"] for event in events[:3]]
    assert {event["event"] for event in events} <= {kind.__name__ for kind in (*FACTS, *DECISIONS)}
    assert events == [json.loads(line) for line in streamed]


# export, validate, schema.


@pytest.mark.parametrize("format_", ["yaml", "json"])
def test_an_exported_workflow_is_run_again(runs: Runs, command: Command, tmp_path: Path, format_: str) -> None:
    """What `export` prints is a definition file."""
    exported = command("export", runs.workflow_id, "--format", format_, "-d", runs.database)
    file = tmp_path / f"again.{format_}"
    file.write_text(exported.out)

    assert {"workflow": load_definition(file)} == command(
        "export", runs.workflow_id, "--json", "-d", runs.database
    ).json()
    assert (0, f"again.{format_} is right.\n") == command("validate", file.name)[:2]


def test_validate_lists_every_problem_with_its_line(command: Command, tmp_path: Path) -> None:
    """For people as lines that editors can follow, for scripts as a list; the exit code is 1 in both."""
    (tmp_path / "bad.yaml").write_text(
        "name: Tea\nsteps:\n  - name: A\n    handler: lgo\n  - name: B\n    handler: delay\n    params: {seconds: x}\n"
    )
    told = command("validate", "bad.yaml")
    listed = command("validate", "bad.yaml", "--json")

    assert (1, 1) == (told.code, listed.code)
    assert [
        "2 problems",
        "✗ bad.yaml:4:5: step 'A', field 'handler': there is no handler 'lgo'  unknown_handler",
        "    → Did you mean 'log'?",
    ] == told.out.splitlines()[:3]
    assert [("unknown_handler", "bad.yaml:4:5"), ("invalid_params", "bad.yaml:7:5")] == [
        (problem["code"], problem["where"].split(": ")[0]) for problem in listed.json()["problems"]
    ]


def test_validate_leaves_nothing_behind(command: Command, tmp_path: Path) -> None:
    """It needs no database and makes none."""
    (tmp_path / "tea.yaml").write_text("name: Tea\nsteps: [{name: A, handler: log, params: {message: x}}]\n")

    assert (0, {"problems": []}) == (
        command("validate", "tea.yaml").code,
        command("validate", "tea.yaml", "--json").json(),
    )
    assert ["tea.yaml"] == [path.name for path in tmp_path.iterdir()]


def test_a_stored_workflow_is_validated(runs: Runs, command: Command) -> None:
    """By its id."""
    assert (0, f"{runs.workflow_id} is right.\n") == command("validate", runs.workflow_id, "-d", runs.database)[:2]


def test_the_schema_is_printed(command: Command) -> None:
    """As JSON, ready for a file."""
    assert {"Step"} == command("schema").json()["$defs"].keys()


def test_an_export_reads_the_same_in_both_formats(runs: Runs, command: Command) -> None:
    """The format changes how it is written and not what it says."""
    texts = {
        format_: command("export", runs.workflow_id, "--format", format_, "-d", runs.database).out
        for format_ in ("yaml", "json")
    }

    assert parse_definition(texts["yaml"], "yaml") == parse_definition(texts["json"], "json")
