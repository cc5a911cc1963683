"""The second part of `make demo`: a reply that is carried out, one that is refused, and its correction."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from rich.cells import cell_len

from syncara import MultiStepProcessor
from tests.acceptance.demos import Ran, in_order, run, run_on_terminal

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "assistant"
DEMO = EXAMPLE / "demo.py"
LAST = "✓ It is the second run, and everything else has happened twice, too."


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[Ran]]:
    """Two demos side by side, in a pipe and on a terminal."""
    pipe, terminal = tmp_path_factory.mktemp("pipe"), tmp_path_factory.mktemp("terminal")
    with ThreadPoolExecutor() as threads:
        return {
            "pipe": threads.submit(run, DEMO, pipe, pipe),
            "terminal": threads.submit(run_on_terminal, DEMO, terminal),
        }


@pytest.fixture(scope="module")
def pipe(runs: dict[str, Future[Ran]]) -> Ran:
    return runs["pipe"].result()


def test_the_demo_shows_a_reply_its_answer_its_run_and_a_repair(pipe: Ran) -> None:
    """The story is told in order, one line per change, and the exit code is 0."""
    story = [
        r"A reply that does what it says",
        r"The assistant's reply:",
        r"│ \[MULTISTEP:CREATE_WORKFLOW:Pesanan kopi:.*\]",
        r"│ Sekarang begini keadaannya: \[MULTISTEP:STATUS:execution_id\]\. Ada pesanan lain\?",
        r"What the chat reads:",
        r"│ 📋 Workflow Pesanan kopi siap · wf_\w+",
        r"│ 🚀 Pesanan kopi sudah dijalankan · ex_\w+",
        r"What comes of it:",
        r" +[\d.]+ s  Simpan  completed  attempt 1",
        r"chat 5 ◂ Halo Sari, dua kopi susu sedang kami siapkan\.",
        r" +[\d.]+ s  run     completed",
        r"chat 5 ◂ ✅ Pesanan kopi sudah selesai.*",
        r"✓ The run is completed, with all of its three steps\.",
        r"✓ The chat reads answers where there were codes\.",
        r"✓ Delivered again, the same message does nothing again\.",
        r"The next reply is the same, but for two slips in one code:",
        r"│ 🚫 Tidak ada yang dijalankan: .*",
        r"What the model is told:",
        r"│ 1\. unknown_handler: .*'send_mesage'",
        r"│ +\^{11}",
        r"│ 2\. unknown_dependency: .*'Catatt'",
        r"│ +\^{6}",
        r"✓ Both slips are found at once\.",
        r"✓ Nothing of the reply was done\.",
        r"So the model writes it again, with the names that it was offered:",
        r"│ .*:Catat:60\]",
        r" +[\d.]+ s  run     completed",
        re.escape(LAST),
    ]

    assert 0 == pipe.exit_code, pipe.text
    assert story == in_order(story, pipe.lines), pipe.text


def test_carets_stand_below_what_is_wrong(pipe: Ran) -> None:
    """The note marks the handler and the dependency, not what is near them."""
    marked = [
        above[below.index("^") :][: below.count("^")]
        for above, below in pairwise(pipe.lines)
        if re.fullmatch(r"│ +\^+", below)
    ]

    assert ["send_mesage", "Catatt"] == marked


def test_everything_fits_into_80_columns(pipe: Ran) -> None:
    """Nothing that is printed is wider than the narrowest usual terminal, emoji counted as two."""
    assert [] == [line for line in pipe.lines if cell_len(line) > 80]


def test_a_pipe_gets_no_control_characters(pipe: Ran) -> None:
    """Without a terminal the demo is plain text."""
    assert "\x1b" not in pipe.text


def test_the_runs_are_drawn_on_a_terminal(runs: dict[str, Future[Ran]]) -> None:
    """The live view is that of the command line, and the last line is the same as in a pipe."""
    terminal = runs["terminal"].result()

    assert 0 == terminal.exit_code, terminal.text
    assert re.search(r"✓ +Kabari +completed +1 attempt", terminal.text), terminal.text
    assert LAST == terminal.lines[-1]


def test_the_file_holds_two_runs_of_two_messages(pipe: Ran) -> None:
    """What the demo leaves behind can be read by anybody: the refused reply is not in it."""
    processor = MultiStepProcessor(pipe.folder / "assistant.db", read_only=True)
    runs = processor.list_executions()

    assert [("completed", 5, 3), ("completed", 5, 1)] == [(run.status, run.chat_id, run.message_id) for run in runs]
    assert ["ai"] * 2 == [processor.get_workflow(run.workflow_id).author for run in runs]
    processor.close()


def test_a_database_that_exists_fails_the_demo(pipe: Ran) -> None:
    """The demo starts with an empty chat and takes no other."""
    ran = run(DEMO, pipe.folder, pipe.folder)

    assert 1 == ran.exit_code
    assert "✗ Not as stated: the database is not fresh" in ran.text


def change(name: str, before: str, after: str) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        assert before in text
        (folder / name).write_text(text.replace(before, after), "utf-8")

    return tamper


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (change("reply.md", ":log:", ":lgo:"), "the reply was refused: 1 problem"),
        (change("reply.md", "{context.isi}", "{context.jumlah}"), "the run's steps are failed"),
        (change("reply.md", "sedang kami siapkan", "sudah siap"), "does nothing again. But found: (1, 1, 0, 1)"),
        (change("demo.py", '":Catatt:"', '":Catat:"'), "Both slips are found at once. But found: ['unknown_handler']"),
        (change("demo.py", "message_id=3)", "message_id=1)"), "1. message_changed: "),
    ],
)
def test_a_demo_that_is_not_as_stated_fails(tmp_path: Path, tamper: Callable[[Path], None], said: str) -> None:
    """It says what is not so, and exits with 1."""
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "tampered"))
    tamper(folder)

    ran = run(folder / "demo.py", folder, folder)

    assert 1 == ran.exit_code, ran.text
    assert "✗ Not as stated: " in ran.text
    assert said in ran.text, ran.text
    assert "Traceback" not in ran.text


def test_make_demo_runs_both_demos() -> None:
    """One after the other, and the second only when the first is as stated."""
    recipe = (ROOT / "Makefile").read_text().partition("\ndemo: ")[2].partition("\n\n")[0]

    assert ["examples/onboarding/demo.py", "examples/assistant/demo.py"] == re.findall(
        r"^\t\$\(PY\) (\S+)$", recipe, re.MULTILINE
    )
