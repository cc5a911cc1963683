"""What is wrong with a code is said with its place, its field, and the nearest thing that would be right."""

from __future__ import annotations

import pytest

from syncara.shortcodes import scan
from syncara.shortcodes.scanner import PROBLEMS_MAX
from tests.shortcodes.samples import only

STEP = '[MULTISTEP:ADD_STEP:w:n:log:{"a":1}'


@pytest.mark.parametrize(
    ("text", "code", "field", "points_at"),
    [
        ("[MULTISTEP:EXECUTE:w", "cut_off", "", "w"),
        ("[MULTISTEP:EXECUTE:", "cut_off", "", ""),
        ("[MULTISTEP:EXEC", "cut_off", "", "[MULTISTEP:EXEC"),
        ("[MULTISTEP", "cut_off", "", "[MULTISTEP"),
        ("so [gro", "cut_off", "", "[gro"),
        ("so [", "cut_off", "", "["),
        ("- [ ", "cut_off", "", "[ "),
        ('[MULTISTEP:EXECUTE:w:{"a":"b', "cut_off", "", '{"a":"b'),
        ('[MULTISTEP:EXECUTE:w:{"a":tru', "cut_off", "", '{"a":tru'),
        ('[MULTISTEP:EXECUTE:w:{"a":{context.na', "cut_off", "", '{"a":{context.na'),
        ('[MULTISTEP:EXECUTE:w:{"a":1}', "cut_off", "", '{"a":1}'),
        ('[MULTISTEP:CREATE_WORKFLOW:"a ] b', "cut_off", "", '"a ] b'),
        ("[MULTISTEP:CANCEL:x\n\nThen we wait [1].", "unclosed", "", "x"),
        ("[MULTISTEP:CANCEL:x\nThen we wait [1].]", "unclosed", "execution_id", "x"),
        ("[MULTISTEP:CREATE_WORKFLOW:A [b:c]\n\nso", "unclosed", "", "A [b:c]"),
        ("[MULTISTEP:CANCEL:x\n```\ncode\n```", "unclosed", "", "x"),
        ("[MULTISTEP:EXECUT:w]", "unknown_command", "", "EXECUT"),
        ("[MULTISTEP:ADD-STEP:w]", "unknown_command", "", "ADD-STEP"),
        ("[MULTISTEP: CREATE WORKFLOW :w]", "unknown_command", "", "CREATE WORKFLOW"),
        ("[MULTISTEP:EXECUTE w]", "unknown_command", "", "EXECUTE w"),
        ("[MULTISTEP:]", "unknown_command", "", "]"),
        ("[GROUP:BAN:5]", "unknown_command", "", "BAN"),
        ("[MULTISTEP:CANCEL:x:now]", "too_many_fields", "", "now"),
        (STEP + "::300:5]", "too_many_fields", "", "5"),
        ("[MULTISTEP:EXECUTE:my: flow]", "wrong_type", "context", "flow"),
        (STEP + "::abc]", "wrong_type", "timeout", "abc"),
        (STEP + '::"abc"]', "wrong_type", "timeout", '"abc"'),
        (STEP + ":retries=x]", "wrong_type", "retries", "retries=x"),
        (STEP + ":retries=5:300]", "wrong_type", "retries", "retries=5:300"),
        (STEP + ':{"retries":[1]}]', "wrong_type", "retries", "retries"),
        (STEP + ":[1]]", "wrong_type", "dependencies", "[1]"),
        ('[MULTISTEP:ADD_STEP:w:log:{"a":1}]', "wrong_type", "handler", '{"a":1}'),
        (STEP + ":retry_count=3]", "unknown_field", "", "retry_count"),
        (STEP + ":save_as=u:colour=3]", "unknown_field", "", "colour"),
        (STEP + ':{"save_as":"u","if":"x"}]', "unknown_field", "", "if"),
        ("[MULTISTEP:CREATE_WORKFLOW:A:desc=B]", "unknown_field", "", "desc"),
        (STEP + ":retries=3:retries=5]", "repeated_field", "retries", "retries=5"),
        (STEP + ":x:dependencies=y]", "repeated_field", "dependencies", "x"),
        ("[MULTISTEP:CREATE_WORKFLOW:a:b:c:1800:5]", "ambiguous", "description", "b:c:1800:5"),
        ("[MULTISTEP:CREATE_WORKFLOW: a: b: c: 1800: 5]", "ambiguous", "description", "b: c: 1800: 5"),
        ("[MULTISTEP:CREATE_WORKFLOW:Backup:Runs at 10:30]", "ambiguous", "description", "Runs at 10:30"),
        ("[MULTISTEP:CREATE_WORKFLOW:Backup:Runs at: 10:30]", "ambiguous", "timeout", "10:30"),
        ('[MULTISTEP:CREATE_WORKFLOW:"My flow:B]\nso', "ambiguous", "", '"My flow:B]'),
        ("[MULTISTEP:STATUS:\ud800]", "bad_character", "", "\ud800"),
        (f"[MULTISTEP:CREATE_WORKFLOW{':' * 30}]", "too_many_fields", "", ":"),
    ],
)
def test_a_broken_code_says_what_and_where(text: str, code: str, field: str, points_at: str) -> None:
    """The code of the error is stable, its position covers just what is wrong, and the field has its name."""
    error = only(text).error

    assert error is not None
    assert (code, field, points_at) == (error.code, error.field, text[slice(*error.position)])


@pytest.mark.parametrize(
    "text",
    [
        "[MULTI_STEP:EXECUTE:w]",
        "[MULTISTEPS:EXECUTE:w]",
        "[MULTSTEP:EXECUTE:w]",
        "[Multi-Step:execute:w]",
        "[MULTI STEP:EXECUTE:w]",
        "[MULTI:EXECUTE:w]",
        "[MULTISTEP EXECUTE w]",
        "[MULTISTEP.EXECUTE:w]",
        "[MULTISTEP/EXECUTE w]",
        "[MULTISTEPEXECUTE:w]",
        "[**MULTISTEP:EXECUTE:w**]",
        "[[MULTISTEP:EXECUTE:w]]",
        "{MULTISTEP:EXECUTE:w}",
        "<MULTISTEP:EXECUTE:w>",
        "(MULTISTEP:EXECUTE:w)",
        "【MULTISTEP:EXECUTE:w】",
        "［MULTISTEP：EXECUTE：w］",
        "[MULTISTEP：EXECUTE:w]",
        "[\u200bMULTISTEP:EXECUTE:w]",
        "[MULTI\u200bSTEP:EXECUTE:w]",
        "MULTISTEP:EXECUTE:w]",
        "MULTISTEP:EXECUTE:w",
        "\\[MULTISTEP:EXECUTE:w]",
        "[MULTISTEP:EXECUTE:w](https://example.org)",
    ],
)
def test_what_looks_like_a_code_is_neither_carried_out_nor_passed_over(text: str) -> None:
    """Another bracket, colon or spelling of a known command is an error that names the command."""
    call = only(f"So:\n{text}")

    assert call.error is not None
    assert ("MULTISTEP:EXECUTE", "not_a_code") == (call.shortcode, call.error.code)


def test_a_command_without_its_family_is_told_by_its_name() -> None:
    """`ADD_STEP` is nobody's prose."""
    call = only("[ADD_STEP:w:n:log]")

    assert call.error is not None
    assert ("not_a_code", "MULTISTEP:ADD_STEP") == (call.error.code, call.error.nearest)


@pytest.mark.parametrize(
    "text",
    [
        "[NOTE: the run is over]",
        "[NOTE: [1] and [2]: done]",
        "see [1], [2] and [a][b]",
        "[link](https://example.org/a:b)",
        "- [ ] open\n- [x] done",
        "[STATUS: ok]",
        "[EXECUTE]",
        "[MULTISTEP]",
        "[multi-step plan: start]",
        "[Multi-Step Status]",
        "[Multi-step: status of the run]",
        "(multistep status)",
        "the MULTISTEP:STATUS command",
        "[GROUP therapy]",
        "[Group: admins]",
        "[USER:INFO:5]",
        "a[0]: b",
        "{context.name}",
        "[[wiki link]]",
        "\\[",
        "so [x",
        "a [b] c [d",
    ],
)
def test_prose_stays_prose(text: str) -> None:
    """Brackets that name no command are no codes."""
    assert [] == scan(text)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[MULTISTEP:EXECUT:w]", "MULTISTEP:EXECUTE"),
        ("[MULTISTEP:STAUTS:w]", "MULTISTEP:STATUS"),
        ("[MULTISTEP:EXECUTE w]", "MULTISTEP:EXECUTE"),
        ("[MULTISTEP:CREATE WORKFLOW:w]", "MULTISTEP:CREATE_WORKFLOW"),
        ("[MULTISTEP:XYZ:w]", ""),
        (STEP + ":retry_count=3]", "retries"),
        (STEP + ":depends_on=x]", "dependencies"),
        (STEP + ":if=context.x]", "condition"),
        (STEP + ":conditon=context.x]", "condition"),
        (STEP + ":colour=3]", ""),
    ],
)
def test_the_nearest_valid_name_is_offered(text: str, nearest: str) -> None:
    """For commands and for fields; where nothing is near, what is allowed is listed."""
    error = only(text).error

    assert error is not None
    assert nearest == error.nearest
    assert nearest in error.fix
    assert error.allowed


def test_every_problem_of_a_reply_is_found() -> None:
    """A code that was never closed ends where the next one begins."""
    calls = scan(
        "[MULTISTEP:CREATE_WORKFLOW:A\n"
        '[MULTISTEP:ADD_STEP:w:n:log:{"message":"hello}]\n'
        'and [MULTISTEP:ADD_STEP:w:n:log:{"message":"x"}]\n'
        '[MULTISTEP:ADD_STEP:w:n:log:{"message":x}]\n'
        "[MULTISTEP:STOP:x]\n"
        "[MULTISTEP:EXECUTE:w]\n"
        "[MULTISTEP:EXECUTE"
    )

    assert ["unclosed", "bad_json", None, "bad_json", "unknown_command", None, "cut_off"] == [
        call.error and call.error.code for call in calls
    ]


def test_a_text_that_swallows_the_next_codes_is_pointed_at_where_it_begins() -> None:
    """The quote that was never closed is the mistake, not what follows the quote that closed it."""
    text = '[MULTISTEP:ADD_STEP:w:n:log:{"message":"hello}]\n[MULTISTEP:ADD_STEP:w:m:log:{"message":"x"}]'
    first, second = scan(text)

    assert first.error is not None
    assert text.index('"hello') == first.error.position[0]
    assert {"workflow_id": "w", "name": "m", "handler": "log", "params": {"message": "x"}} == second.args


def test_what_could_be_read_of_a_broken_code_is_kept() -> None:
    """So that codes after it that name its step are not found wrong because of it."""
    assert {"workflow_id": "w", "name": "n", "handler": "log"} == only("[MULTISTEP:ADD_STEP:w:n:log:{x}]").args


def test_after_a_hundred_broken_codes_the_rest_is_not_read() -> None:
    """Nothing of such a reply runs, and nobody reads so many problems."""
    text = "[MULTISTEP:X]\n" * (2 * PROBLEMS_MAX) + "[MULTISTEP:EXECUTE:w]"

    assert PROBLEMS_MAX == len(scan(text))
