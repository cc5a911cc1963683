"""The note for a model points at what is wrong."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from syncara import MultiStepProcessor
from syncara.shortcodes import note
from syncara.shortcodes.problems import CodeProblem
from syncara.stores.memory import MemoryStore


def marked(text: str, wrong: str) -> tuple[str, str]:
    """The line of the text, and the one with the carets below it."""
    start = text.index(wrong)
    problem = CodeProblem("wrong", "", "it is wrong", position=(start, start + len(wrong)))
    _, _, line, carets = note.write(text, [problem]).splitlines()[-4:]
    return line, carets


@pytest.mark.parametrize(
    "before", ["", "Sure: ", "Oke 👍 ", "Oke 👍🏽 👨‍👩‍👧 ", "ルーム ", "cafe\u0301 ", "one\ttwo ", "long " * 40 + "👍 "]
)
def test_the_carets_stand_below_what_is_wrong_in_a_terminal(before: str) -> None:
    """Wide characters take two cells there, and combining ones none."""
    line, carets = marked(f"{before}[MULTISTEP:STATUS:ノペ]", "ノペ")
    indent = carets.index("^")

    assert cell_len(line[: line.index("ノペ")]) == indent
    assert "^" * cell_len("ノペ") == carets[indent:]


def test_a_problem_in_a_list_says_in_which_of_its_steps() -> None:
    """By the step's name, or by its number where it has none."""
    steps = '[{"name":"A","handler":"log","params":{"message":"x"}},{"name":"B","handler":"logg"},5]'
    bot = MultiStepProcessor(store=MemoryStore())
    said = str(bot.check_reply(f"[MULTISTEP:QUICK_WORKFLOW:Check:{steps}]", chat_id=1, user_id=1).note)
    bot.close()

    assert "step 'B', field 'handler': there is no handler 'logg'" in said
    assert "step 3 of the list" in said


@pytest.mark.parametrize(
    ("items", "marked"),
    [
        (['{"name":"A","handler":"logg"}', '{"name":"B","handler":"log","params":{"message":"x"}}'], [0]),
        (['{"name":"A","handler":"log","params":{"message":"]"}}', '"Tea, \\"hot\\""', "5"], [1, 2]),
        (
            ["{'name': 'A', 'handler': 'log', 'params': {'message': 'x'}}", '{"name":"B","handler":"log","parms":{}}'],
            [1, 1],
        ),
        (['{"handler":"log","params":{"mesage":"x"}}', '{"name":"B","handler":"logg"}'], [0, 0, 0, 1]),
        (['{"name":"","handler":"log","params":{"message":"x"}}'], [0]),
        (["5", '{"name":"step 9 of the list","handler":"logg"}'], [0, 1]),
    ],
)
@pytest.mark.parametrize("fields", ["Check:{}", "Check:steps={}", '{{"name":"Check","steps": {} }}'])
def test_the_carets_stand_below_the_item_of_a_list(fields: str, items: list[str], marked: list[int]) -> None:
    """Not below the other steps, nor below a field of the code that has the same name."""
    steps = f"[{' , '.join(items)}]"
    text = f"[MULTISTEP:QUICK_WORKFLOW:{fields.format(steps)}]"
    bot = MultiStepProcessor(store=MemoryStore())
    found = [text[slice(*problem.position)] for problem in bot.check_reply(text, chat_id=1, user_id=1).errors]
    bot.close()

    assert [items[number] for number in marked] == found


def test_a_step_of_a_workflow_that_is_not_there_is_judged_all_the_same() -> None:
    """All that is wrong is told at once; only that a name is unknown proves nothing there."""
    text = """[MULTISTEP:ADD_STEP:Trip:Pack:loog:{"message":"x"}:Plan]
[MULTISTEP:ADD_STEP:Trip:Pack:log:{"message":"x"}:::condition=(]
[MULTISTEP:ADD_STEP:Trip:Go:log:{"message":"x"}:Pack]"""
    bot = MultiStepProcessor(store=MemoryStore())
    found = [problem.code for problem in bot.check_reply(text, chat_id=1, user_id=1).errors]
    bot.close()

    assert ["not_found", "unknown_handler", "duplicate_step", "not_found", "syntax", "not_found"] == found


def test_items_that_cannot_be_told_apart_are_marked_together() -> None:
    """A placeholder without quotes is no JSON by itself."""
    steps = '[{context.step},{"name":"B","handler":"logg"}]'
    text = f"[MULTISTEP:QUICK_WORKFLOW:Check:{steps}]"
    bot = MultiStepProcessor(store=MemoryStore())
    found = [text[slice(*problem.position)] for problem in bot.check_reply(text, chat_id=1, user_id=1).errors]
    bot.close()

    assert [steps] * 2 == found
