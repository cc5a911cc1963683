"""The page of commands is what the declarations say."""

from __future__ import annotations

import pytest

from docs.build_commands import PAGE, page
from syncara.commands import COMMANDS


def test_the_page_is_up_to_date() -> None:
    """After a declaration has changed: `python docs/build_commands.py`."""
    assert page() == PAGE.read_text("utf-8")


@pytest.mark.parametrize("shortcode", COMMANDS)
def test_the_page_has_every_command_with_its_fields_and_its_example(shortcode: str) -> None:
    """Each field is a row of the table: how it is written, what it may hold, its default and what it means."""
    command = COMMANDS[shortcode]
    _, heading, after = page().partition(f"### `{shortcode}`\n")
    entry = after.partition("\n### ")[0]
    rows = [line.split(" | ") for line in entry.splitlines() if line.startswith("| `")]

    assert heading
    assert f"```\n{command.example}\n```" in entry
    assert [f"| `{field.name}{'=' * field.named}`" for field in command.fields] == [cells[0] for cells in rows]
    assert all(len(cells) == 4 and all(cell.strip(" |") for cell in cells) for cells in rows)
