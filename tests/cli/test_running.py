"""run and start: from a file to the end of a run, through Ctrl-C, kill -9 and a second process."""

from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import CTRL_C, HANG_S, Terminal, document, read_until, running, syncara

DEFINITION = '{"name": "Tea", "steps": [{"name": "Boil", "handler": "boil", "save_as": "water"}]}'
REGISTERED = """\
from syncara import multi_step_processor

@multi_step_processor.register_handler("boil")
def boil(step, execution):
    print("boiling")
    return "hot"

"""


def run(*arguments: str, cwd: Path) -> dict[str, Any]:
    """The execution that `run` prints; it must have completed."""
    done = syncara("run", *arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    execution: dict[str, Any] = document(done)["execution"]
    return execution


# A run from its start to its end.


def test_in_a_pipe_each_change_is_a_line(folder: Path) -> None:
    """The run's id and name come first; what steps print stands among the lines."""
    done = syncara("run", "tea.yaml", "--context", "name=Ana", cwd=folder)
    first, *lines = done.stdout.splitlines()

    assert (0, "") == (done.returncode, done.stderr)
    assert re.fullmatch(r"ex_\w{16}  Tea", first)
    assert "Tea for Ana" in lines
    assert [
        "run    started",
        "Boil   running    attempt 1",
        "Boil   completed  attempt 1",
        "Serve  running    attempt 1",
        "Serve  completed  attempt 1",
        "run    completed",
    ] == [line.partition(" s  ")[2] for line in lines if line != "Tea for Ana"]


def test_with_json_stdout_holds_one_document(folder: Path) -> None:
    """What handlers and messages print goes to stderr."""
    done = syncara("run", "tea.yaml", "--json", "--chat-id", "7", "--user-id", "ana", cwd=folder)
    execution = document(done)["execution"]

    assert (0, "[chat 7] Tea for you\n") == (done.returncode, done.stderr)
    assert ("completed", 100.0, 7, "ana") == tuple(
        execution[name] for name in ("status", "progress", "chat_id", "user_id")
    )
    assert {"water": "hot"} == execution["context"]
    assert ["Boil", "Serve"] == [step["name"] for step in execution["steps"]]


def test_a_json_file_is_run(folder: Path) -> None:
    """The suffix says what a file holds."""
    (folder / "tea.json").write_text(DEFINITION.replace('"boil"', '"log", "params": {"message": "hot"}'))

    assert {"water": {"message": "hot", "level": "info"}} == run("tea.json", cwd=folder)["context"]


@pytest.mark.parametrize(
    "source",
    [
        f"workflow = {DEFINITION}",
        f"def workflow():\n    return {DEFINITION}",
        f"workflow = multi_step_processor.define({DEFINITION})",
        f"workflow = multi_step_processor.get_workflow(multi_step_processor.define({DEFINITION}))",
    ],
    ids=["dict", "function", "id", "Workflow"],
)
def test_a_python_file_brings_its_handlers_along(folder: Path, source: str) -> None:
    """`workflow` is a definition, the id of one, or a function that returns one."""
    (folder / "kettle.py").write_text(REGISTERED + source)

    assert {"water": "hot"} == run("kettle.py", cwd=folder)["context"]


def test_a_definition_can_use_the_handlers_of_a_python_file(folder: Path) -> None:
    """`--handlers` imports it, together with the modules beside it."""
    (folder / "tea.json").write_text(DEFINITION)
    (folder / "kettle.py").write_text("import stove\n" + REGISTERED)
    (folder / "stove.py").touch()
    (folder / "elsewhere").mkdir()

    context = run("../tea.json", "--handlers", "../kettle.py", cwd=folder / "elsewhere")["context"]

    assert {"water": "hot"} == context


def test_the_database_that_is_named_is_used_whatever_a_file_configures(folder: Path) -> None:
    """`--database` wins over `configure` in a Python file; without it the file decides."""
    configured = "multi_step_processor.configure(database='own.db')\n"
    (folder / "kettle.py").write_text(REGISTERED + configured + f"workflow = {DEFINITION}")

    run("kettle.py", "--database", "named.db", cwd=folder)
    assert (False, True) == ((folder / "own.db").exists(), (folder / "named.db").exists())

    run("kettle.py", cwd=folder)
    assert (folder / "own.db").exists()


def test_a_workflow_of_the_database_is_run_by_its_id(folder: Path) -> None:
    """Nothing is defined anew."""
    first = run("tea.yaml", cwd=folder)

    second = run(first["workflow_id"], cwd=folder)

    assert first["workflow_id"] == second["workflow_id"]
    assert 1 == len(document(syncara("list", "--workflows", "--json", cwd=folder))["workflows"])


def test_context_is_given_as_json_or_by_key(folder: Path) -> None:
    """A value that reads as JSON is JSON, and anything else is text; the later one wins."""
    given = ('{"a": 1, "b": {"c": [2]}}', "a=3", "flag=true", "name=Ana = Anna", 'zip="0815"', "empty=", "no=0815")
    options = [word for value in given for word in ("--context", value)]

    context = run("tea.yaml", *options, cwd=folder)["context"]

    assert {
        "a": 3,
        "b": {"c": [2]},
        "flag": True,
        "name": "Ana = Anna",
        "zip": "0815",
        "empty": "",
        "no": "0815",
        "water": "hot",
    } == context


def test_a_run_that_fails_is_told_from_one_that_completes(folder: Path) -> None:
    """The exit code is 1, and the document holds the error."""
    (folder / "fails.json").write_text(
        '{"name": "F", "steps": [{"name": "A", "handler": "log", "params": {"message": "{context.missing}"}}]}'
    )

    done = syncara("run", "fails.json", "--json", cwd=folder)

    assert (1, "failed") == (done.returncode, document(done)["execution"]["status"])
    assert "missing" in document(done)["execution"]["error"]


# What is wrong with what was given.

BAD_YAML = "name: Tea\nsteps:\n  - name: Boil\n    handler: lgo\n    params: {message: x}\n    dependencies: [Nobody]\n"


@pytest.mark.parametrize(
    ("files", "arguments", "code", "expected"),
    [
        ({}, ["nofile.yaml"], 3, ["no_file  nofile.yaml"]),
        ({}, ["nofile.py"], 3, ["no_file  nofile.py"]),
        ({}, ["nothing"], 3, ["not_found  "]),
        ({"notes.txt": "x"}, ["notes.txt"], 1, ["unknown_format  notes.txt"]),
        ({"bad.yaml": "name: a: b"}, ["bad.yaml"], 1, ["bad_yaml  bad.yaml:1:8"]),
        (
            {"bad.yaml": BAD_YAML},
            ["bad.yaml"],
            1,
            [
                "unknown_handler  bad.yaml:4:5: step 'Boil', field 'handler'",
                "unknown_dependency  bad.yaml:6:5: step 'Boil', field 'dependencies'",
            ],
        ),
        ({"bad.py": "import nothing_of_the_kind"}, ["bad.py"], 1, ["python_error  bad.py:1"]),
        ({"bad.py": "\ndef f(:"}, ["bad.py"], 1, ["python_error  bad.py:2"]),
        ({"bad.py": "\nraise SystemExit(3)"}, ["bad.py"], 1, ["python_error  bad.py:2"]),
        ({"bad.py": "def workflow():\n    return 1 / 0"}, ["bad.py"], 1, ["python_error  bad.py:2"]),
        (
            {
                "bad.py": "from syncara import multi_step_processor as p\n"
                "workflow = p.create_workflow('', max_parallel_steps=0)"
            },
            ["bad.py"],
            1,
            ["empty_name  workflow ''", "wrong_type  workflow '', field 'max_parallel_steps'"],
        ),
        ({"bad.py": "x = 1"}, ["bad.py"], 1, ["no_workflow  bad.py"]),
        ({"bad.py": "workflow = 5"}, ["bad.py"], 1, ["no_workflow  bad.py"]),
        ({"h.txt": ""}, ["tea.yaml", "--handlers", "h.txt"], 1, ["unknown_format  h.txt"]),
        ({}, ["tea.yaml", "--database", "no/folder.db"], 4, ["no_folder  "]),
        ({"text.db": "not a database" * 100}, ["tea.yaml", "-d", "text.db"], 4, ["not_a_database  "]),
        ({}, ["tea.yaml", "--context", "x"], 2, ["usage  syncara run"]),
        ({}, ["tea.yaml", "--context", "{x"], 2, ["usage  syncara run"]),
    ],
)
def test_what_cannot_be_run_is_said_with_its_place(
    folder: Path, files: dict[str, str], arguments: list[str], code: int, expected: list[str]
) -> None:
    """The code, the place and the exit code tell a script what a person reads in the text."""
    for name, text in files.items():
        (folder / name).write_text(text)

    done = syncara("run", *arguments, "--json", cwd=folder)
    found = [f"{p['code']}  {p['where']}" for p in document(done)["error"]["problems"]]

    assert code == done.returncode
    assert [(start, True) for start in expected] == [
        (start, problem.startswith(start)) for start, problem in zip(expected, found, strict=True)
    ]
    assert "Traceback" not in done.stderr


def test_a_wrong_definition_leaves_no_workflow_behind(folder: Path) -> None:
    """What cannot run is not kept."""
    (folder / "bad.yaml").write_text(BAD_YAML)

    syncara("run", "bad.yaml", cwd=folder)

    assert [] == document(syncara("list", "--workflows", "--json", cwd=folder))["workflows"]


# Interrupted, and taken up again.


def test_ctrl_c_says_what_to_type_and_that_goes_on(folder: Path) -> None:
    """The live view stays, the command below it lets the same run go on, and no finished step runs again."""
    terminal = Terminal("run", "bot.py", "--database", "my runs.db", cwd=folder)
    terminal.read_until("Hold is called")
    terminal.read_until("running")
    terminal.type(CTRL_C)
    code = terminal.end()
    typed = next(line.strip() for line in terminal.text().splitlines() if "syncara start" in line)
    (folder / "go").touch()

    done = syncara(*shlex.split(typed)[1:], "--json", cwd=folder)
    (execution,) = document(done)["executions"]

    assert (130, "syncara start --database 'my runs.db' --handlers bot.py") == (code, typed)
    assert "Interrupted. Nothing that was done is lost." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert (0, "completed") == (done.returncode, execution["status"])
    assert execution["id"] in terminal.shown
    assert {"First": 1, "Hold": 1, "Last": 1} == {step["name"]: step["attempts"] for step in execution["steps"]}
    assert ["Hold", "Hold"] == (folder / "calls").read_text().split()


def test_ctrl_c_is_an_error_in_json_too(folder: Path) -> None:
    """The error names the run, and the command that lets it go on."""
    with running("run", "bot.py", "--json", cwd=folder) as process:
        assert process.stderr is not None
        assert "Hold is called\n" == process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        printed = process.stdout.read()

    assert 130 == process.returncode
    assert '"code": "interrupted"' in printed
    assert '"fix": "syncara start --handlers bot.py"' in printed


def test_a_run_goes_on_after_kill_9(folder: Path) -> None:
    """Another process takes it up where it was."""
    with running("run", "bot.py", cwd=folder) as process:
        read_until(process, "Hold is called")
        process.kill()
    (folder / "go").touch()

    done = syncara("start", "--handlers", "bot.py", cwd=folder)

    assert 0 == done.returncode
    assert "run    completed" in done.stdout
    assert ["Hold", "Hold"] == (folder / "calls").read_text().split()


@pytest.mark.parametrize(("answer", "status"), [("retry", "completed"), ("fail", "failed")])
def test_a_step_that_waits_after_a_crash_is_resolved(folder: Path, answer: str, status: str) -> None:
    """The status shows the command; its answer lets the step run again with the next start, or fail."""
    (folder / "ask.json").write_text(
        '{"name": "Ask", "steps": [{"name": "Hold it", "handler": "hold", "on_crash": "ask"}]}'
    )
    with running("run", "ask.json", "--handlers", "bot.py", cwd=folder) as process:
        read_until(process, "Hold it is called")
        process.kill()
    (execution,) = document(syncara("list", "--json", cwd=folder))["executions"]
    with running("start", "--handlers", "bot.py", cwd=folder) as process:
        read_until(process, "waiting")
        busy = syncara("resolve", execution["id"], "Hold it", answer, "--json", cwd=folder)
        process.kill()
    (folder / "go").touch()
    hint = f"syncara resolve {execution['id']} 'Hold it' retry"
    told = syncara("status", execution["id"], cwd=folder).stderr

    first, again = (syncara("resolve", execution["id"], "Hold it", answer, "--json", cwd=folder) for _ in range(2))
    syncara("start", "--handlers", "bot.py", cwd=folder)
    ended = document(syncara("status", execution["id"], "--json", cwd=folder))["execution"]

    assert (4, "database_busy") == (busy.returncode, document(busy)["error"]["code"])
    assert f"resolve_step('{execution['id']}', 'Hold it', '{answer}')" in document(busy)["error"]["fix"]
    assert f"'Hold it' waits for an answer, retry or fail: {hint}\n" in told
    assert [(0, True), (0, False)] == [(done.returncode, document(done)["changed"]) for done in (first, again)]
    assert status == ended["status"]


def test_start_without_anything_open_says_so(folder: Path) -> None:
    """There is nothing to wait for."""
    run("tea.yaml", cwd=folder)

    done = syncara("start", cwd=folder)

    assert (0, "No run is open.\n") == (done.returncode, done.stdout)


def test_start_leaves_paused_runs_alone(folder: Path) -> None:
    """They wait for a person."""
    with running("run", "bot.py", cwd=folder) as process:
        read_until(process, "Hold is called")
        process.kill()
    (execution,) = document(syncara("list", "--json", cwd=folder))["executions"]
    paused = syncara("pause", execution["id"], cwd=folder)

    done = syncara("start", "--handlers", "bot.py", cwd=folder)

    assert (0, f"{execution['id']} is paused.\n") == (paused.returncode, paused.stdout)
    assert (0, f"{execution['id']} is paused, and was left so.\n") == (done.returncode, done.stderr)


# Beside a process that runs the database.


def test_a_second_process_looks_on_but_does_not_run(folder: Path) -> None:
    """Reading commands work; those that need to be the runner end with 4 and name the process that is."""
    with running("run", "bot.py", cwd=folder) as process:
        read_until(process, "Hold is called")
        (execution,) = document(syncara("list", "--json", cwd=folder))["executions"]
        status = document(syncara("status", execution["id"], "--json", cwd=folder))
        doctor = syncara("doctor", "--json", cwd=folder)
        refused = [
            syncara(*arguments, "--json", cwd=folder)
            for arguments in (["run", "tea.yaml"], ["start"], ["cancel", execution["id"]])
        ]

    assert ("running", {"pid": process.pid}) == (status["execution"]["status"], status["runner"])
    assert (0, {"pid": process.pid}) == (doctor.returncode, document(doctor)["doctor"]["runner"])
    assert [(4, "database_busy")] * 3 == [(done.returncode, document(done)["error"]["code"]) for done in refused]
    assert all(f"process {process.pid} " in document(done)["error"]["message"] for done in refused)
    assert "only it can cancel" in document(refused[2])["error"]["message"]


def test_a_run_is_watched_from_another_process(folder: Path) -> None:
    """The watcher sees the run's events up to its end, and ends with it."""
    with running("run", "bot.py", cwd=folder) as process:
        read_until(process, "Hold is called")
        (execution,) = document(syncara("list", "--json", cwd=folder))["executions"]
        with running("watch", execution["id"], cwd=folder) as watcher:
            read_until(watcher, "Hold   running")
            process.kill()
            process.wait(HANG_S)
            (folder / "go").touch()
            syncara("start", "--handlers", "bot.py", cwd=folder)
            read_until(watcher, "run    completed")
            assert 0 == watcher.wait(HANG_S)


def test_watching_draws_on_a_terminal(folder: Path) -> None:
    """A run that has ended is drawn as it ended, no wider than the terminal."""
    execution = run("tea.yaml", cwd=folder)
    terminal = Terminal("watch", execution["id"], cwd=folder)

    code = terminal.end()
    shown = terminal.text()

    assert 0 == code
    assert "100 %" in shown
    assert 80 >= max(len(line) for line in shown.splitlines())


def test_with_nobody_running_the_database_watching_and_status_say_so(folder: Path) -> None:
    """They name the command that lets the run go on."""
    with running("run", "bot.py", cwd=folder) as process:
        read_until(process, "Hold is called")
        process.kill()
    (execution,) = document(syncara("list", "--json", cwd=folder))["executions"]
    status = syncara("status", execution["id"], "--database", "syncara.db", cwd=folder)
    expected = "No process runs this database now. To let its runs go on: syncara start"

    assert f"{expected} --database syncara.db\n" == status.stderr
    with running("watch", execution["id"], cwd=folder) as watcher:
        assert watcher.stderr is not None
        assert f"{expected}\n" == watcher.stderr.readline()
        watcher.send_signal(signal.SIGINT)
        assert "■ Interrupted." == watcher.stderr.read().strip()
    assert 130 == watcher.returncode


def test_a_reader_that_stops_reading_ends_the_command_quietly(folder: Path) -> None:
    """As with `| head`, nothing is said about it, and the code is that of a broken pipe."""
    run("tea.yaml", cwd=folder)
    for arguments in (["list"], ["list", "--json"], ["doctor"]):
        with running(*arguments, cwd=folder) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            said = process.stderr.read()

        assert (141, "") == (process.returncode, said)
