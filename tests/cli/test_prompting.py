"""The model's instructions from the terminal."""

from __future__ import annotations

from pathlib import Path

from tests.cli.support import Command


def test_the_instructions_are_printed_and_nothing_is_left_behind(command: Command, tmp_path: Path) -> None:
    """In short, or at length; neither needs a database."""
    short, long = command("prompt"), command("prompt", "--long")

    assert (0, "", 0, "") == (short.code, short.err, long.code, long.err)
    assert "\nADD_STEP:workflow_id:name:handler:" in short.out
    assert "## Examples" not in short.out
    assert "## Examples" in long.out
    assert [] == list(tmp_path.iterdir())


def test_handlers_of_a_python_file_are_named(command: Command, tmp_path: Path) -> None:
    """A bot's own handlers are part of what its model may use."""
    bot = "from syncara import multi_step_processor as p\np.register_handler('brew', lambda step, execution: None)\n"
    (tmp_path / "brewing.py").write_text(bot)

    assert "\nbrew\n" in command("prompt", "--handlers", "brewing.py").out
