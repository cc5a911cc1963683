"""A note offers corrected codes: each one works when it is pasted, and where nobody can know there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import MultiStepProcessor
from syncara.commands import COMMANDS
from syncara.shortcodes import scan
from syncara.shortcodes.outcome import Reply
from syncara.shortcodes.paper import Paper
from syncara.shortcodes.repair import TEXT_CHARS_MAX
from syncara.shortcodes.repair.edits import Edit, Edited
from syncara.shortcodes.repair.rounds import completed
from syncara.shortcodes.repair.writing import write
from syncara.stores.memory import MemoryStore
from tests.corpus.evaluate import corrected

HEAD = "[MULTISTEP:CREATE_WORKFLOW:Tea]\n"
BOIL = '[MULTISTEP:ADD_STEP:workflow_id:Boil:log:{"message":"boiling"}]\n'
POUR = '[MULTISTEP:ADD_STEP:workflow_id:Pour:log:{"message":"pouring"}'
RUN = "[MULTISTEP:EXECUTE:workflow_id]"


@pytest.fixture
def bot() -> Iterator[MultiStepProcessor]:
    """A processor whose database is empty; replies are only checked."""
    found = MultiStepProcessor(store=MemoryStore())
    yield found
    found.close()


def check(bot: MultiStepProcessor, text: str) -> Reply:
    return bot.check_reply(text, chat_id=5, user_id=5, message_id=1)


def correct(bot: MultiStepProcessor, text: str) -> str:
    """A wrong reply with its corrections pasted."""
    reply = check(bot, text)
    assert not reply.ok
    return corrected(text, reply)


# What is offered.


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        # The head.
        ("[MULTISTEP:CREAT_WORKFLOW:Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[MULTISTEP:NEW_WORKFLOW:Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[MULTISTEP:BUAT_ALUR:Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[MULTI-STEP:CREATE_WORKFLOW:Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[WORKFLOW:CREATE:Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[CREATE_WORKFLOW:Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[MULTISTEP -> CREATE_WORKFLOW -> Tea -> Makes tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea:Makes tea]"),
        ("[MULTISTEP:CREATE_WORKFLOW=Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("«MULTISTEP:CREATE_WORKFLOW:Tea»", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[MULTISTEP:[MULTISTEP:CREATE_WORKFLOW:Tea]]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[MULTISTEP | CREATE_WORKFLOW | Tea | Makes tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea:Makes tea]"),
        ("[MULTI\u200bSTEP:CREATE_WORKFLOW:Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        (r"\[MULTISTEP:CREATE\_WORKFLOW:Tea\]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("&#91;MULTISTEP:CREATE_WORKFLOW:Tea&#93;", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        # The shape of a tool call.
        ('{"tool": "MULTISTEP:CREATE_WORKFLOW", "name": "Tea"}', "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ('MULTISTEP.create_workflow(name="Tea", timeout=60)', "[MULTISTEP:CREATE_WORKFLOW:Tea::60]"),
        ('<MULTISTEP:CREATE_WORKFLOW name="Tea"/>', "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        (
            '<invoke name="MULTISTEP:CREATE_WORKFLOW">\n<parameter name="name">Tea</parameter>\n</invoke>',
            "[MULTISTEP:CREATE_WORKFLOW:Tea]",
        ),
        (
            "<function=MULTISTEP:CREATE_WORKFLOW><parameter=name>Tea</parameter></function>",
            "[MULTISTEP:CREATE_WORKFLOW:Tea]",
        ),
        ("<create_workflow>\n<name>Tea</name>\n</create_workflow>", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        # Brackets around it.
        ("[[MULTISTEP:CREATE_WORKFLOW:Tea]]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("{MULTISTEP:CREATE_WORKFLOW:Tea}", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[**MULTISTEP:CREATE_WORKFLOW**:Tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea\n\nDone.", "[MULTISTEP:CREATE_WORKFLOW:Tea]\n\nDone."),
        # Fields in each other's places, left out, too many, with units and labels.
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:600:Makes tea]", "[MULTISTEP:CREATE_WORKFLOW:Tea:Makes tea:600]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:600:2]", "[MULTISTEP:CREATE_WORKFLOW:Tea::600:2]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:10 menit:2]", "[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:600:2]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:1.800]", "[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:1800]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:none]", "[MULTISTEP:CREATE_WORKFLOW:Tea:Hot]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:none:600]", "[MULTISTEP:CREATE_WORKFLOW:Tea::600]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:600:2:v1]", "[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:600:2]"),
        ("[MULTISTEP:CREATE_WORKFLOW:name: Tea:timeout: 600]", "[MULTISTEP:CREATE_WORKFLOW:Tea::600]"),
        ("[MULTISTEP:CREATE_WORKFLOW:nama=Tea:autoRetry=no]", "[MULTISTEP:CREATE_WORKFLOW:Tea:auto_retry=false]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Part 1: Tea]", r"[MULTISTEP:CREATE_WORKFLOW:Part 1\: Tea]"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:no description:600]", "[MULTISTEP:CREATE_WORKFLOW:Tea::600]"),
        (r"[MULTISTEP:CREATE_WORKFLOW:At 10\:30: Note\: go]", r"[MULTISTEP:CREATE_WORKFLOW:At 10\:30:Note\: go]"),
        (r"[MULTISTEP:CREATE_WORKFLOWS:Tea:desc\: x:600]", r"[MULTISTEP:CREATE_WORKFLOW:Tea:desc\: x:600]"),
        ("[MULTISTEP:CREATE_WORKFLOWS:Bed ①:²:600]", "[MULTISTEP:CREATE_WORKFLOW:Bed ①:²:600]"),
        ("[MULTISTEP:CREATE_WORKFLOWS:Tea:`&lt;b&gt;` &amp; c]", "[MULTISTEP:CREATE_WORKFLOW:Tea:`&lt;b&gt;` & c]"),
        ("[MULTISTEP:CREATE_WORKFLOW:**Tea**]", "[MULTISTEP:CREATE_WORKFLOW:Tea]"),
        (r"[MULTISTEP:CREATE_WORKFLOW:Tea \& milk]", "[MULTISTEP:CREATE_WORKFLOW:Tea & milk]"),
        # Lists of steps and of items.
        (
            '[MULTISTEP:QUICK_WORKFLOW:Tea:{"steps":[{"name":"A","handler":"delay","params":{"seconds":1}}],"sequential":true}]',
            '[MULTISTEP:QUICK_WORKFLOW:Tea:[{"name":"A","handler":"delay","params":{"seconds":1}}]:sequential=true]',
        ),
        (
            """[MULTISTEP:BATCH:kirim_pesan:['Hi','Ho'],2]""",
            '[MULTISTEP:BATCH_PROCESS:send_message:[{"text":"Hi"},{"text":"Ho"}]:2]',
        ),
        (
            '[MULTISTEP:BATCH_PROCESS:log:[{"message":"a},{"message":"b"}]:2]',
            '[MULTISTEP:BATCH_PROCESS:log:[{"message":"a"},{"message":"b"}]:2]',
        ),
        (
            '[MULTISTEP:BATCH_PROCESS:log:[{"message":"{{context.a}}"}]]',
            '[MULTISTEP:BATCH_PROCESS:log:[{"message":"{context.a}"}]]',
        ),
        # Templates.
        (
            '[MULTISTEP:START_WORKFLOW_FROM_TEMPLATE:notification_flow:{"message":"Hi"}]',
            '[MULTISTEP:TEMPLATE_WORKFLOW:notification_flow:{"message":"Hi"}]',
        ),
        (
            '[MULTISTEP:TEMPLATE_WORKFLOW:{"template":"message_sequence","welcome_text":"Hi","delay":1}]',
            '[MULTISTEP:TEMPLATE_WORKFLOW:message_sequence:{"welcome_text":"Hi","delay":1}]',
        ),
        # Names from elsewhere.
        (
            "It is called **Tea**.\n[MULTISTEP:CREATE_WORKFLOW:]",
            "It is called **Tea**.\n[MULTISTEP:CREATE_WORKFLOW:Tea]",
        ),
        ("[MULTISTEP:LIST_EXECUTIONS:berjalan]", "[MULTISTEP:LIST_EXECUTIONS:running]"),
        ("[MULTISTEP:LIST_EXECUTIONS:all]", "[MULTISTEP:LIST_EXECUTIONS]"),
        ("[MULTISTEP:LIST_EXECUTIONS:errors]", "[MULTISTEP:LIST_EXECUTIONS:failed]"),
        ("[MULTISTEP:LIST_EXECUTIONS:sudah selesai:2]", "[MULTISTEP:LIST_EXECUTIONS:completed:2]"),
        ("[MULTISTEP:HELP:ADDSTEP]", "[MULTISTEP:HELP:ADD_STEP]"),
    ],
)
def test_a_code_is_corrected(bot: MultiStepProcessor, wrong: str, right: str) -> None:
    """What is wrong with a code by itself."""
    assert right == correct(bot, wrong)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        # Handlers and params.
        ('Rest:sleep:{"duration":"2m"}', 'Rest:delay:{"seconds":120}'),
        ('Tell:kirim_pesan:{"teks":"Hi"}', 'Tell:send_message:{"text":"Hi"}'),
        ('Note:log:{"message":"a","level":"warn"}', 'Note:log:{"message":"a","level":"warning"}'),
        ('Note:log:{"message":"a","timeout":60}', 'Note:log:{"message":"a"}::60'),
        ("Note:log:message=a, level=info", 'Note:log:{"message":"a","level":"info"}'),
        ("Note:log:all is well", 'Note:log:{"message":"all is well"}'),
        ("log:Note:{'message':'a'}", 'Note:log:{"message":"a"}'),
        ('Note:log:{"message":"a "big" one"}', r'Note:log:{"message":"a \"big\" one"}'),
        ('Keep:set_context:{"city":"Solo"}', 'Keep:set_context:{"key":"city","value":"Solo"}'),
        ('{"name":"Note","type":"log","params":{"message":"a"}}', 'Note:log:{"message":"a"}'),
        ('Rest:{"seconds":5}', 'Rest:delay:{"seconds":5}'),
        ('Log it:{"message":"a"}', 'Log it:log:{"message":"a"}'),
        (
            'Call:api_call:{"url":"https://a.example.com","method":"FETCH"}',
            'Call:api_call:{"url":"https://a.example.com","method":"GET"}',
        ),
        (
            'Call:api_call:{"url":"https://a.example.com","headers":{"A":"b","timeout_s":5}',
            'Call:api_call:{"url":"https://a.example.com","headers":{"A":"b"},"timeout_s":5}',
        ),
        ('Keep:set_context:{"value":{"b":1,"key":"k"}}', 'Keep:set_context:{"value":{"b":1},"key":"k"}'),
        ("Note:log:All is well:boil", 'Note:log:{"message":"All is well"}:Boil'),
        ('Note:log:{"message":"a"}:::run_when=after all done', 'Note:log:{"message":"a"}:run_when=all_settled'),
        # Other steps.
        ('Note:log:{"message":"a"}:{"Boil"}', 'Note:log:{"message":"a"}:Boil'),
        ('Note:log:{"message":"a"}:step7_id', 'Note:log:{"message":"a"}:step1_id'),
        ('Note:log:{"message":"a"}:60:Boil', 'Note:log:{"message":"a"}:Boil:60'),
        ('Note:log:{"message":"a"}:syarat=boil', 'Note:log:{"message":"a"}:Boil'),
        ('Note:log:{"message":"a"}:syarat=context.n > 3', 'Note:log:{"message":"a"}:condition=context.n > 3'),
        ('Note:log:{"message":"a"}:boil', 'Note:log:{"message":"a"}:Boil'),
        ('Note:log:{"message":"a"}:langkah 1', 'Note:log:{"message":"a"}:step1_id'),
        ('Note:log:{"message":"a"}:1:60', 'Note:log:{"message":"a"}:step1_id:60'),
        ('Note:log:{"message":"a"}:60', 'Note:log:{"message":"a"}::60'),
        ('Note:log:{"message":"a"}:Note', 'Note:log:{"message":"a"}:Boil'),
        ('Note:log:{"message":"a"}:depends_on=Boil', 'Note:log:{"message":"a"}:Boil'),
        ('Boil:log:{"message":"a"}', 'Boil 2:log:{"message":"a"}'),
        # Conditions and placeholders.
        (
            'Note:log:{"message":"a"}:if=n > 3 && !ok',
            "Note:log:{\"message\":\"a\"}:condition=context.get('n') > 3 and not context.get('ok')",
        ),
        ('Note:log:{"message":"{{context.n}}"}', 'Note:log:{"message":"{context.n}"}'),
        ('Note:log:{"message":"{steps.boil.data}"}', 'Note:log:{"message":"{steps.Boil.data}"}'),
        ('Say:send_mesage:{"text":"`{{x}}`: {{context.n}}"}', 'Say:send_message:{"text":"`{{x}}`: {context.n}"}'),
        ('Note:log:{"message":"{context.n"}', 'Note:log:{"message":"{context.n}"}'),
        ('Note:log:{"message":"{context.n.} {context.m[]}"}', 'Note:log:{"message":"{context.n} {context.m}"}'),
        ('Note:log:{"message":"a"}:condition={n} > 3', 'Note:log:{"message":"a"}:condition=context.get(\'n\') > 3'),
    ],
)
def test_a_step_is_corrected(bot: MultiStepProcessor, wrong: str, right: str) -> None:
    """What is wrong with a step, among the steps of its workflow."""
    around = f"{HEAD}{BOIL}[MULTISTEP:ADD_STEP:workflow_id:%s]\n{RUN}"

    assert around % right == correct(bot, around % wrong)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (HEAD + RUN + "\n" + BOIL.strip(), HEAD + BOIL + RUN),
        (RUN + "\n" + HEAD + BOIL.strip(), HEAD + BOIL + RUN),
        (f"1. {HEAD}2. {RUN}\n3. {BOIL}\nDone", f"1. {HEAD}3. {BOIL}{RUN}\n\nDone"),
        (HEAD + BOIL + BOIL + RUN, HEAD + BOIL + RUN),
        (HEAD + BOIL + POUR + ":Pour]\n" + RUN, HEAD + BOIL + POUR + ":Boil]\n" + RUN),
        (
            "Boil it, then pour.\n" + HEAD + BOIL.replace("}]", "}:Pour]") + POUR + ":Boil]\n" + RUN,
            "Boil it, then pour.\n" + HEAD + BOIL + POUR + ":Boil]\n" + RUN,
        ),
        (
            HEAD
            + BOIL.replace("}]", "}:Rest]")
            + POUR
            + ':Boil]\n[MULTISTEP:ADD_STEP:workflow_id:Rest:delay:{"seconds":1}:Pour]',
            HEAD + BOIL + POUR + ':Boil]\n[MULTISTEP:ADD_STEP:workflow_id:Rest:delay:{"seconds":1}:Pour]',
        ),
        (HEAD + BOIL + "[MULTISTEP:EXECUTE:workflow_id: workflow_id]", HEAD + BOIL + RUN),
        (HEAD + BOIL + "[MULTISTEP:EXECUTE:workflow_id:{'a':1}", HEAD + BOIL + RUN.replace("]", ':{"a":1}]')),
        (HEAD + BOIL + '[JALANKAN:workflow_id:{a="b"}]', HEAD + BOIL + RUN.replace("]", ':{"a":"b"}]')),
        (
            HEAD + BOIL + '[MULTISTEP:EXECUTE:workflow_id:{"a":["b","c":1}]',
            HEAD + BOIL + RUN.replace("]", ':{"a":["b"],"c":1}]'),
        ),
        (HEAD + "[MULTISTEP:LOG:workflow_id:Boil:it boils]\n" + RUN, HEAD + BOIL.replace("boiling", "it boils") + RUN),
        (
            HEAD + BOIL + '[MULTISTEP:ADD_STEP:workflow_id:Rest:delay:{"seconds":4000}]',
            HEAD.replace("]", "::4060]") + BOIL + '[MULTISTEP:ADD_STEP:workflow_id:Rest:delay:{"seconds":4000}]',
        ),
        (f"[MULTISTEP:EXECUTE:{HEAD.strip()}]\n{BOIL}", f"{HEAD}{BOIL}{RUN}\n"),
        (HEAD + BOIL.replace("workflow_id", "wf_1") + "[MULTISTEP:EXECUTE:wf_1]", HEAD + BOIL + RUN),
        (HEAD + BOIL + "[MULTISTEP:EXECUTE:{workflow_id}]", HEAD + BOIL + RUN),
        (HEAD.strip() + " makes it.\n" + BOIL + RUN, HEAD + "makes it.\n" + BOIL + RUN),
        (
            HEAD + BOIL + RUN + "\nIf you want to stop it, write [MULTISTEP:CANCEL:execution_id].",
            HEAD + BOIL + RUN + "\nIf you want to stop it, write `[MULTISTEP:CANCEL:execution_id]`.",
        ),
        (
            '[MULTISTEP:ADD_STEP:Tea:[{"name":"A","handler":"log","params":{"message":"a"}}]]\n' + HEAD + RUN,
            HEAD + '[MULTISTEP:ADD_STEP:workflow_id:A:log:{"message":"a"}]\n' + RUN,
        ),
    ],
)
def test_codes_of_a_reply_are_corrected_together(bot: MultiStepProcessor, wrong: str, right: str) -> None:
    """What can only be seen from the whole reply: order, circles, the same step twice, ids that were made up."""
    assert right == correct(bot, wrong)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + BOIL + "[MULTISTEP:EXEC",
        HEAD + '[MULTISTEP:ADD_STEP:workflow_id:Boil:log:{"message":"boi',
        HEAD + '[MULTISTEP:ADD_STEP:workflow_id:Rest:delay:{"seconds":6',
        HEAD + '[MULTISTEP:ADD_STEP:workflow_id:Boil:log:{"message":"see [1]',
        "[MULTISTEP:CREATE_WORKFLOW:<name>]\n" + RUN,
        HEAD + '[MULTISTEP:ADD_STEP:workflow_id:Find:database_operation:{"query":{...}}]',
        HEAD + '[MULTISTEP:ADD_STEP:workflow_id:Tell:send_message:{"text":"Dear [name], hello"}]',
        HEAD + BOIL + "[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:tomorrow]",
        HEAD + BOIL + "[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:2030-05-03T12:30]",
        '[MULTISTEP:BATCH_PROCESS:send_message:{"text":"Hi","recipients":["Ana","Budi"]}:2]',
        "[MULTISTEP:PAUSE:a1b2c3]",
        "[MULTISTEP:FLY:me]",
        HEAD + BOIL.replace("}]", "}:Pour]") + POUR + ":Boil]",
        HEAD + '[MULTISTEP:ADD_STEP:workflow_id:Say:{"message":"a"}]',
        HEAD
        + '[MULTISTEP:ADD_STEP:workflow_id:Call:api_call:{"url":"https://a.example.com","json":{"a":1,"method":"PUT"}]',
        HEAD + BOIL.replace("}]", "}]:step0]"),
        HEAD + BOIL + POUR + ":Quarterly report]",
        "[MULTISTEP:CREATE_WORKFLOW:]\n" + RUN,
        HEAD + BOIL + "[MULTISTEP:EXECUTE:Teas 2]",
        HEAD + BOIL + "[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:*/5 * * * *]",
        HEAD + BOIL + "[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:300:{}:daily]",
        "[GROUP:PIN_MESSAGE:12:34]",
        "[MULTISTEP:CANCEL]",
        "[MULTISTEP:CANCEL_ALL]",
        "[MULTISTEP:DELAY_WORKFLOW:Tea:600]",
        "[GROUP:UNPIN_MESSAGE:12]",
    ],
)
def test_nothing_is_offered_where_nobody_can_know(bot: MultiStepProcessor, text: str) -> None:
    """A reply that was cut off, a form with blanks, a time without its zone, people without a chat."""
    assert {""} == {problem.example for problem in check(bot, text).errors}


async def test_what_acts_needs_the_very_name_and_what_makes_a_name_with_a_slip(bot: MultiStepProcessor) -> None:
    """Another number, another word and another last letter are another workflow."""
    for name in ("Sewing Putri", "Bill 1001"):
        made = f"[MULTISTEP:CREATE_WORKFLOW:{name}]\n{BOIL}"
        assert (await bot.process_reply(made, chat_id=5, user_id=5, message_id=name)).ok

    def suggested(code: str) -> str:
        return check(bot, code).errors[0].example

    assert "[MULTISTEP:DELETE_WORKFLOW:Bill 1001]" == suggested("[MULTISTEP:DELETE_WORKFLOW:**bill_1001**]")
    assert "[MULTISTEP:DELETE_WORKFLOW:workflow_id]" == suggested("[MULTISTEP:DELETE_WORKFLOW:<WORKFLOW_ID>]")
    assert "[MULTISTEP:EXECUTE:Sewing Putri]" == suggested("[MULTISTEP:EXECUTE:Sewng Putri]")
    wrong = ("DELETE_WORKFLOW:Sewng Putri", "DELETE_WORKFLOW:Xyz", "EXECUTE:Sewing Putra", "EXECUTE:Bill 1002")
    assert [""] * 4 == [suggested(f"[MULTISTEP:{code}]") for code in wrong]


def test_a_time_that_comes_again_is_told_apart(bot: MultiStepProcessor) -> None:
    """A schedule starts once, and the note says so."""
    [problem] = check(bot, HEAD + BOIL + "[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:every 5 minutes]").errors

    assert "a schedule starts once" in problem.fix


# How it is offered.


def test_all_problems_of_a_code_have_its_one_correction(bot: MultiStepProcessor) -> None:
    """Whichever of them is read, the same code is pasted over the same place."""
    wrong = '[MULTISTEP:ADD_STEP:workflow_id:Note:lgo:{"msg":"a"}:boil]'
    text = f"{HEAD}{BOIL}{wrong}"
    problems = check(bot, text).errors

    assert len(problems) > 1
    assert {'[MULTISTEP:ADD_STEP:workflow_id:Note:log:{"message":"a"}:Boil]'} == {each.example for each in problems}
    assert {wrong} == {text[slice(*each.replaces)] for each in problems}


def test_a_problem_names_the_field_what_it_reads_and_what_is_closest(bot: MultiStepProcessor) -> None:
    """What a reader needs without looking into the text again."""
    text = '[MULTISTEP:CREATE_WORKFLOW:Tea]\n[MULTISTEP:ADD_STEP:workflow_id:Say:lgo:{"message":"a"}]'

    [problem] = check(bot, text).errors

    assert ("handler", "'lgo'", "log") == (problem.field, problem.read, problem.nearest)
    assert "lgo" == text[slice(*problem.position)]


def test_a_correction_is_offered_also_where_another_code_has_none(bot: MultiStepProcessor) -> None:
    """What can be put right is told, beside what cannot."""
    problems = check(bot, f"{HEAD}{BOIL}[MULTISTEP:EXECUT:workflow_id]\n[MULTISTEP:FLY:me]").errors

    assert [RUN, ""] == [problem.example for problem in problems]


def test_the_note_holds_each_correction_once(bot: MultiStepProcessor) -> None:
    """It stands with the first problem of its code."""
    reply = check(bot, '[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:ten:two:"]')

    assert reply.note is not None
    assert 1 == reply.note.count("Write: [MULTISTEP:CREATE_WORKFLOW:Tea:Hot:10:2")


def test_nothing_of_a_checked_reply_is_carried_out(bot: MultiStepProcessor) -> None:
    """Corrections are tried on paper."""
    check(bot, HEAD + BOIL + "[MULTISTEP:EXECUT:workflow_id]")

    assert ([], []) == (bot.list_workflows(), bot.list_executions())


@pytest.mark.parametrize("count", [10, 90])
def test_a_reply_is_read_a_few_times_however_much_is_wrong_with_it(bot: MultiStepProcessor, count: int) -> None:
    """All codes are corrected at the same time."""
    reads = 0

    def read(text: str) -> Paper:
        nonlocal reads
        reads += 1
        return reader(text)

    reader = bot._engine.replies._reader(_chat())  # noqa: SLF001 - counted here, and never called apart
    wrong = "\n".join(
        f'[MULTISTEP:ADD_STEP:workflow_id:Step {n}:lgo:{{"msg":"a"}}:step {n - 1}]' for n in range(1, count)
    )
    problems = completed(read(HEAD + wrong), read)

    assert all(problem.example for problem in problems)
    assert reads <= 10


async def test_a_step_that_is_there_already_is_left_out(bot: MultiStepProcessor) -> None:
    """Written again as the workflow has it, it was meant to be there, not to be there twice."""
    assert (await bot.process_reply(HEAD + BOIL, chat_id=5, user_id=5, message_id=0)).ok
    again = BOIL.replace("workflow_id", "Tea")

    assert "[MULTISTEP:EXECUTE:Tea]" == correct(bot, again + "[MULTISTEP:EXECUTE:Tea]")
    assert "Boil 2" in correct(bot, again.replace("boiling", "hot") + "[MULTISTEP:EXECUTE:Tea]")


@pytest.mark.parametrize("unit", ["a && ", "step 1 and ", "a=1, ", '"a" ', '},{"a', "[]", "_", " is more than "])
def test_a_long_text_is_given_up_soon(bot: MultiStepProcessor, unit: str) -> None:
    """What is no field is not searched for one: a quadratic search in 64 KiB would take minutes."""
    text = f'{HEAD}[MULTISTEP:ADD_STEP:workflow_id:A:log:{{"message":"{{context.a'

    assert not check(bot, text + unit * ((TEXT_CHARS_MAX - len(text)) // len(unit))).ok
    assert not check(bot, (text[:-22] + unit * (60_000 // len(unit)))).ok


def test_a_reply_longer_than_models_write_gets_no_corrections(bot: MultiStepProcessor) -> None:
    """It is told what is wrong, and nothing more is tried."""
    problems = check(bot, "[MULTISTEP:CREAT_WORKFLOW:Tea]" + " x" * TEXT_CHARS_MAX).errors

    assert [""] == [problem.example for problem in problems]


_PIECES = [*'[]{}:,"\\|`²①٣½\n', "workflow_id", "step1_id", "every 5", "30 menit", "+99:99", "P9999999999999D", "<b>"]
_PIECES += ["2030-13-01 10:00 +99:99", "\\:", "&amp;", "[MULTISTEP:", "DELETE_ALL", "[GROUP:PIN_MESSAGE:"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mutated_reply_is_repaired_without_a_fault(data: st.DataObject) -> None:
    """Whatever stands in a reply, its suggestions are not lost by an exception."""
    text = data.draw(st.sampled_from([HEAD + BOIL + RUN, HEAD + "[MULTISTEP:SCHEDULED_WORKFLOW:Tea:in 5 minutes: x]"]))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 6))
        text = text[:start] + data.draw(st.sampled_from(_PIECES)) + text[end:]
    with closing(MultiStepProcessor(store=MemoryStore())) as found:
        read = found._engine.replies._reader(_chat())  # noqa: SLF001 - `complete` would log a fault and go on
        paper = read(text)

        assert len(paper.found) == len(completed(paper, read))


def test_work_without_end_is_given_up(bot: MultiStepProcessor) -> None:
    """Many codes of many pieces: what can be tried is bounded, and the problems are told all the same."""
    wrong = "\n".join(f"[MULTISTEP:ADD_STE:Tea:{': '.join(['a,b|c;d/e.f=g'] * 20)}]" for _ in range(90))

    assert {""} == {problem.example for problem in check(bot, wrong).errors}


def _chat() -> Any:
    from syncara.abc import Chat  # noqa: PLC0415

    return Chat(5, 5, 1)


# Its parts.

texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12).map(str.strip)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | texts, lambda each: st.lists(each, max_size=2)
)


@settings(max_examples=150)
@given(st.data())
def test_what_is_written_is_read_as_it_was_meant(data: st.DataObject) -> None:
    """A code written from fields has exactly these fields, whatever is in them."""
    name = data.draw(texts.filter(_is_plain))
    description = data.draw(texts.filter(_is_plain))
    params = data.draw(st.dictionaries(texts.filter(bool), json_values, max_size=3))
    made = {"name": name, "description": description, "timeout": 60}
    step = {"workflow_id": "w", "name": name, "handler": "log", "params": params, "dependencies": [name], "retries": 2}

    assert made == scan(write(COMMANDS["MULTISTEP:CREATE_WORKFLOW"], made))[0].args
    assert step == scan(write(COMMANDS["MULTISTEP:ADD_STEP"], step))[0].args


def _is_plain(text: str) -> bool:
    """Not empty, no word for nothing, no quotes around the whole, and no label in front."""
    return bool(text) and "=" not in text and text[0] not in "\"'“‘" and " ".join(text.split()) == text


@pytest.mark.parametrize(
    ("edits", "text", "patches"),
    [
        ([[Edit(0, 1, "A")]], "Abcdef", [Edit(0, 1, "A")]),
        ([[Edit(0, 1, "A"), Edit(3, 4, "D")]], "AbcDef", [Edit(0, 1, "A"), Edit(3, 4, "D")]),
        ([[Edit(0, 1, "AAA")], [Edit(5, 6, "D")]], "AAAbcDef", [Edit(0, 1, "AAA"), Edit(3, 4, "D")]),
        ([[Edit(1, 3, "xyz")], [Edit(2, 3, "Y")]], "axYzdef", [Edit(1, 3, "xYz")]),
        ([[Edit(1, 2, "X"), Edit(3, 4, "Y")], [Edit(0, 6, "-")]], "-", [Edit(0, 6, "-")]),
        ([[Edit(1, 3, "X")], [Edit(0, 2, "-")]], "-def", [Edit(0, 3, "-")]),
        ([[Edit(1, 4, "X"), Edit(2, 3, "Y")]], "aXef", [Edit(1, 4, "X")]),
    ],
)
def test_edits_of_edits_are_patches_of_the_original(edits: list[list[Edit]], text: str, patches: list[Edit]) -> None:
    """What was changed bit by bit is known as stretches of the text as it came."""
    edited = Edited("abcdef")
    for each in edits:
        edited.apply(each)

    assert text == edited.text
    assert patches == edited.patches
