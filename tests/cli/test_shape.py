"""What holds for every command: one shape of errors, help with examples, a page that is true, a light start."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest

from syncara.doors.cli import GROUPS, cli, output
from tests.cli.support import Command, Runs, finished, syncara

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "command-line.md").read_text()
COMMANDS = [command for commands in GROUPS.values() for command in commands]
FIELDS = {"code", "message", "where", "fix", "example"}
ON_A_RUN = ("status", "watch", "history", "pause", "resume", "cancel")


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["start"],
        ["cleanup", "--older-than", "1d"],
        ["export", "wf_1"],
        *([name, "ex_1"] for name in ON_A_RUN),
        ["resolve", "ex_1", "Boil", "retry"],
    ],
    ids=" ".join,
)
def test_a_database_that_is_not_there_is_the_same_error_everywhere(
    command: Command, tmp_path: Path, arguments: list[str]
) -> None:
    """One shape, exit code 4, and no file is made."""
    done = command(*arguments, "--json")
    (problem,) = done.json()["error"]["problems"]

    assert (4, "no_database", "") == (done.code, problem["code"], done.err)
    assert {**problem, "problems": [problem]} == done.json()["error"]
    assert FIELDS == problem.keys()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        *([name, "{near}"] for name in ON_A_RUN),
        ["resolve", "{near}", "Wait", "retry"],
        ["run", "{near_workflow}"],
        ["export", "{near_workflow}"],
    ],
)
def test_an_unknown_id_is_the_same_error_everywhere(runs: Runs, command: Command, arguments: list[str]) -> None:
    """Exit code 3, with the nearest id."""
    near, near_workflow = runs.paused[:-1] + "u", runs.workflow_id[:-1] + "u"
    words = [word.format(near=near, near_workflow=near_workflow) for word in arguments]
    done = command(*words, "-d", runs.database, "--json")

    assert (3, "not_found") == (done.code, done.json()["error"]["code"])
    assert done.json()["error"]["fix"].startswith("Did you mean '")


@pytest.mark.parametrize("arguments", [["status"], ["list", "--limit", "0"], ["list", "--status", "done"], ["lst"], []])
def test_a_wrong_command_line_is_the_same_error_everywhere(command: Command, arguments: list[str]) -> None:
    """Exit code 2; people get the usage, scripts the document."""
    told, listed = command(*arguments, "--no-such-option"), command(*arguments, "--json")

    assert (2, 2, "usage") == (told.code, listed.code, listed.json()["error"]["code"])
    assert told.err.startswith("Usage: syncara")


def test_calls_of_the_python_api_are_named_as_commands(runs: Runs, command: Command) -> None:
    """Whoever types commands is told a command."""
    done = command("status", "zzz", "-d", runs.database, "--json")

    assert "`syncara list` shows the ids" == done.json()["error"]["fix"]


def test_a_fault_of_syncara_is_not_taken_for_a_failed_run(tmp_path: Path) -> None:
    """It has an exit code of its own and shows where it happened."""
    code = "import syncara.doors.cli as c; c.cli.callback = lambda: 1 / 0; c.main(['schema'])"
    done = finished([sys.executable, "-c", code])

    assert 70 == done.returncode
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("group_command", COMMANDS, ids=lambda c: str(c.name))
def test_every_command_explains_itself(command: Command, group_command: click.Command) -> None:
    """Help says what it does, and shows examples that name it."""
    name = str(group_command.name)
    shown = command(name, "--help")

    assert 0 == shown.code
    assert f"Examples:\n    syncara {name}" in shown.out
    assert f"`{name}" in PAGE
    assert group_command in cli.commands.values()


def test_every_option_of_every_command_has_a_help_text() -> None:
    """But for those whose values speak for themselves."""
    bare = {
        f"{command.name} {parameter.name}"
        for command in COMMANDS
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    }

    assert {"export format_"} == bare


def test_the_page_lists_every_exit_code() -> None:
    """A script can rely on them."""
    codes = (
        output.OK,
        output.FAILED,
        output.USAGE,
        output.NOT_FOUND,
        output.STORAGE,
        output.BUG,
        output.INTERRUPTED,
        output.BROKEN_PIPE,
    )

    assert [str(code) for code in codes] == re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "at", "expected"),
    [
        ("syncara st", 1, {"plain,start", "plain,status"}),
        ("syncara list --status ca", 3, {"plain,cancelled"}),
        ("syncara run te", 2, {"file,te"}),
        ("syncara status -d runs.db ex", 4, {"plain,{completed}", "plain,{failed}", "plain,{paused}"}),
        ("syncara status -d nothing.db ex", 4, set()),
    ],
)
def test_the_shell_completes(runs: Runs, words: str, at: int, expected: set[str]) -> None:
    """Commands, values, files, and the ids of runs; where there is no database, nothing."""
    environment = {"_SYNCARA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    code = "from syncara.doors.cli import main; main()"
    done = finished([sys.executable, "-c", code], cwd=runs.folder, env=environment)

    assert {line.format(**runs._asdict()) for line in expected} == set(done.stdout.split())
    assert not (runs.folder / "nothing.db").exists()


def test_the_start_is_light() -> None:
    """Neither Rich nor PyYAML is imported before it is needed."""
    code = "import sys, syncara.doors.cli; print(sorted({'rich', 'yaml', 'syncara.stores.sqlite'} & set(sys.modules)))"
    done = finished([sys.executable, "-c", code])

    assert (0, "[]\n") == (done.returncode, done.stdout)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_work(tmp_path: Path) -> None:
    """The files and commands of the page are run as they stand there, one after the other, in one folder."""
    (tea,) = blocks("yaml")
    export, bot = blocks("python")
    (tmp_path / "tea.yaml").write_text(tea)
    (tmp_path / "bot.py").write_text(bot)
    (tmp_path / "export.py").write_text(export)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, command in (("syncara", f"{sys.executable} -m syncara"), ("python", sys.executable)):
        (bin_folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (bin_folder / name).chmod(0o755)
    script = "set -e\n" + "".join(blocks("sh")) + "python export.py\n"

    done = finished(["/bin/sh", "-c", script], cwd=tmp_path, env={"PATH": f"{bin_folder}:/usr/bin:/bin"})

    said = re.sub(r"^Tea for .*\n", "", done.stderr, flags=re.MULTILINE)

    assert (0, "To let its steps begin: syncara start\n") == (done.returncode, said)
    assert "tea.yaml is right.\n" in done.stdout
    assert "Tea for Ana, the water is hot\n" in done.stdout
    assert "Boil   completed  attempt 1" in done.stdout
    assert "finished completed" in done.stdout
    assert '"name": "Tea"' in done.stdout


def test_python_m_is_the_command_line(tmp_path: Path) -> None:
    """`python -m syncara` needs no script on the path."""
    assert syncara("--version", cwd=tmp_path).stdout.startswith("syncara ")
