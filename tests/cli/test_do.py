"""do: each command of the registry as a sub-command, derived from its declaration."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor
from syncara.commands.registry import COMMANDS, Command
from syncara.doors.cli.doing import do, example, name_of
from tests.cli.support import Command as Run
from tests.cli.support import Done, document, read_until, running, syncara

DATABASE = "do.db"
LOG = '{"message": "boiling"}'


@pytest.fixture
def chat(command: Run) -> Run:
    """Runs `do` on one database."""

    def call(*words: str, chat_id: str = "7") -> Done:
        return command("do", *words, "--database", DATABASE, "--chat-id", chat_id, "--json")

    return call


def outcome(done: Done) -> dict[str, Any]:
    """What came of a command; it must have been done."""
    assert (0, ["outcome"]) == (done.code, list(done.json())), done
    found: dict[str, Any] = done.json()["outcome"]
    return found


def code(done: Done) -> tuple[int, str]:
    return done.code, done.json()["error"]["code"]


# Derived from the registry.


def test_every_command_of_the_registry_is_a_sub_command() -> None:
    """And nothing else is; no two have one name."""
    assert [name_of(declared) for declared in COMMANDS.values()] == list(do.commands)


@pytest.mark.parametrize("declared", COMMANDS.values(), ids=name_of)
def test_help_says_what_the_declaration_says(command: Run, declared: Command) -> None:
    """The docstring, each field with what it is for, and the example."""
    shown = command("do", name_of(declared), "--help")
    text = " ".join(shown.out.split())

    assert 0 == shown.code
    assert " ".join(declared.help.split()) in text
    assert [] == [field.name for field in declared.positional if f" {field.name.upper()}" not in text]
    assert [] == [field.name for field in declared.fields if " ".join(field.help.split()) not in text]
    assert f"Examples:\n    {example(declared)}\n" in shown.out


@pytest.mark.parametrize("declared", COMMANDS.values(), ids=name_of)
def test_the_example_works_as_it_stands(chat: Run, declared: Command) -> None:
    """In a chat with two workflows, and a scheduled run of the first."""
    for workflow, step in (("Morning", "Greet"), ("Evening", "Rest")):
        chat("create-workflow", workflow)
        chat("add-step", workflow, step, "log", LOG)
    chat("scheduled-workflow", "Morning", "1h")
    words = shlex.split(example(declared))
    words = [word if word != "message_id" else "31" for word in words]

    done = outcome(chat(*words[2:]))

    assert ["syncara", "do", declared.shortcode, True] == [*words[:2], done["shortcode"], done["ok"]]


# Carried out.


def test_a_workflow_is_made_by_hand_and_goes_on_with_start(tmp_path: Path) -> None:
    """Each command is a transaction; what is started waits, without a trace of having been tried, for who runs it."""
    made = syncara("do", "create-workflow", "Tea", "hot: and good", "60", "--no-auto-retry", cwd=tmp_path)
    syncara("do", "add-step", "Tea", "Boil", "log", LOG, cwd=tmp_path)
    syncara("do", "add-step", "workflow_id", "Serve", "send_message", '{"text": "Tea"}', "step1", cwd=tmp_path)
    started = syncara("do", "execute", "Tea", '{"name": "Ana"}', cwd=tmp_path)
    (waiting,) = document(syncara("list", "--json", cwd=tmp_path))["executions"]
    done = syncara("start", "--json", cwd=tmp_path)
    (run,) = document(done)["executions"]
    workflow = document(syncara("export", run["workflow_id"], "--json", cwd=tmp_path))["workflow"]

    assert (0, 0, 0) == (made.returncode, started.returncode, done.returncode)
    assert ("To let its steps begin: syncara start\n", "scheduled") == (started.stderr, waiting["status"])
    assert ("completed", {"name": "Ana"}, [1, 1]) == (
        run["status"],
        run["context"],
        [step["attempts"] for step in run["steps"]],
    )
    assert ("hot: and good", 60, False) == tuple(
        workflow[name] for name in ("description", "global_timeout", "auto_retry")
    )
    history = document(syncara("history", run["id"], "--json", cwd=tmp_path))["events"]
    assert [] == [event for event in history if event["event"] in ("StepErred", "StepBlocked")]


def test_fields_are_typed_as_people_write_them(chat: Run, tmp_path: Path) -> None:
    """JSON as text, names with commas or as a list, '' for a field that is left out, named fields as options."""
    made = outcome(chat("create-workflow", "Tea"))["id"]
    chat("add-step", "Tea", "A", "log", LOG)
    chat("add-step", "Tea", "B", "log", LOG)
    chat("add-step", "Tea", "C", "log", LOG, "A, B", "--retries", "0", "--run-when", "all_settled")
    chat("add-step", "Tea", "D", "log", LOG, '["A"]', "", "--condition", "context.n > 3", "--on-error", "continue")
    chat("add-step", "Tea", "E", "log", LOG, "", "12.5", "--save-as", "e")
    processor = MultiStepProcessor(tmp_path / DATABASE, read_only=True)
    a, b, c, d, e = processor.get_workflow(made).steps
    processor.close()

    assert (("all_settled", 0), {a.id, b.id}) == ((c.run_when, c.retry_count), set(c.dependencies))
    assert ((a.id,), "context.n > 3", "continue", 300) == (d.dependencies, d.condition, d.on_error, d.timeout)
    assert ((), 12.5, "e") == (e.dependencies, e.timeout, e.save_as)


@pytest.mark.parametrize("when", ["3600", "1h", "2999-01-01T00:00:00Z"])
def test_a_time_is_seconds_a_duration_or_a_date(chat: Run, when: str) -> None:
    """The last of these is too far ahead, and is refused by what it means, not by how it is written."""
    chat("create-workflow", "Tea")
    chat("add-step", "Tea", "A", "log", LOG)
    done = chat("scheduled-workflow", "Tea", when)

    assert (0 if "-" not in when else 1) == done.code
    assert "-" not in when or "not within the next ten years" in done.json()["error"]["message"]


def test_the_id_of_what_was_made_is_in_the_document(chat: Run) -> None:
    """So that a script can go on with it."""
    workflow = outcome(chat("create-workflow", "Tea"))["id"]
    step = outcome(chat("add-step", workflow, "Boil", "log", LOG))["id"]
    run = outcome(chat("execute", workflow))["id"]

    assert ["wf_", "st_", "ex_"] == [made[:3] for made in (workflow, step, run)]
    assert run == outcome(chat("status", run))["id"]


def test_what_is_made_is_the_developers(chat: Run, tmp_path: Path) -> None:
    """Not the assistant's, so that no approval is asked for; and the chat is told nothing of it."""
    made = outcome(chat("create-workflow", "Tea"))["id"]
    processor = MultiStepProcessor(tmp_path / DATABASE, read_only=True)
    workflow = processor.get_workflow(made)
    processor.close()

    assert ("developer", 7) == (workflow.author, workflow.chat_id)


def test_chats_do_not_cross(chat: Run) -> None:
    """What was made in a chat is not there in another one."""
    chat("create-workflow", "Tea")

    assert (3, "not_found") == code(chat("show", "Tea", chat_id="8"))
    assert 0 == chat("show", "Tea").code


def test_handlers_of_a_python_file_can_be_used(folder: Path) -> None:
    """As with `run`."""
    bot = ("--handlers", "bot.py")
    syncara("do", "create-workflow", "Tea", cwd=folder)
    unknown = syncara("do", "add-step", "Tea", "Hold", "hold", "--json", cwd=folder)
    syncara("do", "add-step", "Tea", "Hold", "hold", *bot, cwd=folder)
    started = syncara("do", "execute", "Tea", *bot, cwd=folder)
    (folder / "go").touch()
    done = syncara("start", *bot, cwd=folder)

    assert (1, "unknown_handler") == (unknown.returncode, document(unknown)["error"]["code"])
    assert "To let its steps begin: syncara start --handlers bot.py\n" == started.stderr
    assert (0, True) == (done.returncode, "run   completed" in done.stdout)


# What is wrong.


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["add-step", "Tea", "A", "log", "{message"], (2, "usage")),
        (["add-step", "Tea", "A", "log", LOG, "", "soon"], (2, "usage")),
        (["add-step", "Tea", "A", "log", LOG, "--run-when", "always"], (2, "usage")),
        (["add-step", "Tea", "A"], (2, "usage")),
        (["brew", "Tea"], (2, "usage")),
        (["add-step", "Tea", "A", "log", "[]"], (1, "wrong_type")),
        (["add-step", "Tea", "A", "log", LOG, "", "0"], (1, "wrong_type")),
        (["add-step", "", "A", "log"], (1, "missing_field")),
        (["add-step", "Tea", "A", "lgo", LOG], (1, "unknown_handler")),
        (["add-step", "Tea", "A", "log", LOG, "B"], (1, "unknown_dependency")),
        (["execute", "Tea"], (1, "empty_workflow")),
        (["execute", "Te"], (3, "not_found")),
        (["cancel", "ex_1"], (3, "not_found")),
        (["template-workflow", "message_sequenc"], (3, "unknown_template")),
    ],
)
def test_what_cannot_be_done_is_said_in_the_shape_of_every_command(
    chat: Run, words: list[str], expected: tuple[int, str]
) -> None:
    """What cannot be read is a wrong command line; everything else has the codes that a reply's problems have."""
    chat("create-workflow", "Tea")

    assert expected == code(chat(*words))


@pytest.mark.parametrize("words", [["status"], ["list-workflows"], ["cancel", "ex_1"], ["delete-workflow", "Tea"]])
def test_only_what_makes_something_makes_a_database(chat: Run, tmp_path: Path, words: list[str]) -> None:
    """The others say that it is not there."""
    assert (4, "no_database") == code(chat(*words))
    assert [] == list(tmp_path.iterdir())


def test_beside_the_process_that_runs_the_database_only_looking_works(folder: Path) -> None:
    """The rest ends with 4 and names the process."""
    with running("run", "bot.py", cwd=folder) as process:
        read_until(process, "Hold is called")
        looked = [syncara("do", *words, "--json", cwd=folder) for words in (["status"], ["show", "Bot"], ["why"])]
        refused = [
            syncara("do", *words, "--json", cwd=folder)
            for words in (["create-workflow", "Tea"], ["pause", "execution_id"])
        ]

    assert [0, 0, 0] == [done.returncode for done in looked]
    assert "Hold" in document(looked[0])["outcome"]["text"]
    assert [(4, "database_busy")] * 2 == [(done.returncode, document(done)["error"]["code"]) for done in refused]
    assert all(f"process {process.pid} " in document(done)["error"]["message"] for done in refused)


def test_no_step_of_any_run_begins(folder: Path) -> None:
    """A command changes what it is about and nothing else: the open runs of a bot that is down stay as they are."""
    bot = ("--handlers", "bot.py")
    with running("run", "bot.py", cwd=folder) as process:
        read_until(process, "Hold is called")
        process.kill()
    (run,) = document(syncara("list", "--json", cwd=folder))["executions"]
    history = ("history", run["id"], "--json")
    before = document(syncara(*history, cwd=folder))

    made = syncara(
        "do", "quick-workflow", "Tea", f'[{{"name": "A", "handler": "log", "params": {LOG}}}]', *bot, cwd=folder
    )

    assert 0 == made.returncode
    assert before == document(syncara(*history, cwd=folder))
    assert ["Hold"] == (folder / "calls").read_text().split()
