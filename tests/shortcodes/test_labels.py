"""A code that makes something may follow a label on its line, and nothing else; and what only looks like a code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncara import MultiStepProcessor
from syncara.core.errors import Problem
from syncara.shortcodes import scan
from syncara.shortcodes.mentions import is_label, is_mentioned
from syncara.shortcodes.problems import CodeProblem
from syncara.stores.memory import MemoryStore
from tests.acceptance.guide import GUIDE
from tests.shortcodes.samples import guide_replies

RUN = '[MULTISTEP:QUICK_WORKFLOW:Nap:[{"name":"Sleep","handler":"delay","params":{"seconds":60}}]]'
CREATE = "[MULTISTEP:CREATE_WORKFLOW:Tea]"
STEP = '[MULTISTEP:ADD_STEP:workflow_id:Serve:log:{"message":"x"}]'


@pytest.fixture
def bot() -> Iterator[MultiStepProcessor]:
    """A processor whose database is empty; replies are only checked."""
    found = MultiStepProcessor(store=MemoryStore())
    yield found
    found.close()


def errors(bot: MultiStepProcessor, text: str) -> list[Problem]:
    text = text.replace("RUN", RUN).replace("CREATE]", CREATE).replace("STEP]", STEP)
    return list(bot.check_reply(text, chat_id=5, user_id=5, message_id=1).errors)


def codes(bot: MultiStepProcessor, text: str) -> set[str]:
    return {problem.code for problem in errors(bot, text)}


LABELLED = [
    "Start: RUN",
    "Mulai: RUN",
    "**Create workflow:** RUN",
    "**Buat alur**: RUN",
    "### Add step: RUN",
    "- Jalankan alur — RUN",
    "1. Start – RUN",
    "Mulai → RUN",
    "Start -> RUN",
    "Mulai => RUN",
    "Ini dia 👉 RUN",
    "開始：RUN",
    "التشغيل: RUN",
    "✅ Mulai: 🚀 RUN",
    "<b>Start:</b> RUN",
    "I'll set this up for you: RUN",
    "Baik, saya buatkan untuk Anda: RUN",
    "No. 1: RUN",
    "Step 1 RUN",
    "**Langkah pertama** RUN",
    "Backup harian 🚀 RUN",
    "② Café ouvert RUN",
    "| 1 | Mulai | RUN |",
    "| Step 1 | RUN |",
    "Start: RUN, RUN",
    "[MULTISTEP:LIST_WORKFLOWS] Mulai: RUN",
]


@pytest.mark.parametrize("text", LABELLED)
def test_a_code_that_makes_something_may_follow_a_label(bot: MultiStepProcessor, text: str) -> None:
    """A label ends in a colon, a dash or an arrow, or is a noun of a few words; signs and cells do not count."""
    assert set() == codes(bot, text)


SPOKEN_OF = [
    "I will not run RUN",
    "Saya belum menjalankan RUN.",
    "Sorry, I am not allowed to do RUN",
    "Never do RUN",
    "Jangan RUN",
    "After your OK I run RUN",
    "Setelah Anda setuju, saya jalankan RUN",
    "Shall I run RUN",
    "Mau saya jalankan RUN",
    "I decided against RUN",
    "Kemarin saya sudah menjalankan RUN",
    "Apa bedanya RUN",
    "Hati-hati dengan RUN",
    "Anda harus mengirim RUN",
    'Tell me "yes" and I do RUN',
    "What does it do? It means RUN",
    "Mau dijalankan? RUN",
    "Siap! RUN",
    "Done. Backup RUN",
    "It is 10:30 RUN",
    "This runs four words RUN",
    "| I ran it yesterday | it was RUN |",
    "これは実行しない RUN",
    "Не запускай RUN",
    '"RUN"',
    "Mulai (RUN)",
    "~~Start:~~ RUN",
    "RUN stops",
    "Start: RUN dan RUN",
]


@pytest.mark.parametrize("text", SPOKEN_OF)
def test_a_code_behind_other_words_is_in_a_sentence(bot: MultiStepProcessor, text: str) -> None:
    """Nothing of the reply runs, and the note names the two ways out."""
    found = errors(bot, text)

    assert {"in_sentence"} == {problem.code for problem in found}
    assert {"put it on a line of its own to act, or between backticks to show it"} == {each.fix for each in found}


@pytest.mark.parametrize(
    "text",
    [
        "I will not run: RUN",
        "Saya tidak akan menjalankan: RUN",
        "Tidak: RUN",
        "We don't start it → RUN",
        "| Jangan | RUN |",
        "Kalau mau, kirim: RUN",
        "If you like, send: RUN",
        "Once you agree: RUN",
        "Begitu Anda setuju: RUN",
        "Shall I run: RUN",
        "Mau saya jalankan: RUN",
        "Mau? 👉 RUN",
        "You have to send: RUN",
        "Anda harus mengirim: RUN",
    ],
)
def test_a_refusal_or_an_offer_labels_nothing(bot: MultiStepProcessor, text: str) -> None:
    """A sentence that is negated, asks, or waits for somebody stays one with a colon; it is corrected to be shown."""
    (found,) = errors(bot, text)

    assert ("in_sentence", f"`{RUN}`") == (found.code, found.example)


@pytest.mark.parametrize(("kind", "code"), [("acts", "CANCEL:x"), ("acts", "PAUSE:x"), ("acts", "DELETE_WORKFLOW:x")])
@pytest.mark.parametrize("label", ["Stop: ", "Hentikan → ", "| 1 | "])
def test_no_label_stands_before_a_code_that_touches_something(
    bot: MultiStepProcessor, label: str, kind: str, code: str
) -> None:
    """It acts only where codes alone fill its line."""
    assert "in_sentence" in codes(bot, f"{label}[MULTISTEP:{code}]"), kind


@pytest.mark.parametrize("text", ["[start](RUN)", "![mulai](RUN)", "[daftar]([MULTISTEP:LIST_WORKFLOWS])"])
def test_a_code_is_no_address_of_a_link(bot: MultiStepProcessor, text: str) -> None:
    """Not even one that only looks; its correction shows it."""
    (found,) = errors(bot, text)

    assert "in_sentence" == found.code
    assert found.example.startswith("`[MULTISTEP:")


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not here")
def test_no_code_of_the_guide_stands_in_a_sentence(bot: MultiStepProcessor) -> None:
    """What people know from it goes on working."""
    assert set() == {code for fence in guide_replies() for code in codes(bot, fence.text) if code == "in_sentence"}


def test_a_label_is_recognised_by_its_form() -> None:
    """What it says is another question."""
    assert [True, True, False] == [is_label("I will not run: "), is_label(""), is_label("I will not run ")]


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("No problem, I'm pausing it with CODE", False),
        ("I'm not pausing it with CODE", True),
        ("Tidak masalah, saya jeda dengan CODE", False),
        ("Saya tidak menjedanya dengan CODE", True),
    ],
)
def test_a_negation_counts_in_its_own_clause(text: str, *, mentioned: bool) -> None:
    """What another clause denies is not the code."""
    start = text.index("CODE")

    assert mentioned == is_mentioned(text, start, start + 4)


# What only looks like a code.


@pytest.mark.parametrize(
    "text",
    [
        "| Kode | Arti |\n|---|---|\n| `[MULTISTEP:DELETE_WORKFLOW:W]` | hapus |",
        "|`[MULTISTEP:STATUS:execution_id]`|status|",
        '👉 `[MULTISTEP:ADD_STEP:workflow_id:S:log:{"message":"x"}]`',
        '"`[MULTISTEP:CANCEL:execution_id]`"',
        "“`[EP:workflow_id:S:log:{}]`”",
        "**Create workflow:** CREATE]\n**Add step:** STEP]",
        "### Buat alur:\nCREATE]\n### Add step:\nSTEP]",
        "CREATE_WORKFLOW:\nCREATE]\n\nADD_STEP:\nSTEP]",
        "Add step:RUN",
        "- **CREATE_WORKFLOW**: creates\n- **ADD_STEP**: adds a step",
        "1. CREATE_WORKFLOW: membuat alur\n2. ADD_STEP: menambah langkah",
        "Langkah ditambah dengan kode langkah (ADD_STEP).",
        "[Group:Keluarga] sudah siap",
        "[GROUP: Family] is ready",
        "[note: workflow_id]",
        "[step1: Kumpulkan data]",
        "[workflow_id: the id of a workflow]",
    ],
)
def test_what_is_shown_or_named_is_no_suspect(bot: MultiStepProcessor, text: str) -> None:
    """Shown codes, labels, lists of commands, and everyday words in brackets."""
    assert [] == errors(bot, text)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ('| [ADD_STEP:workflow_id:S:log:{"message":"x"}] | hapus |', "MULTISTEP:ADD_STEP"),
        ("CREATE_WORKFLOW:Tea:Makes tea", "MULTISTEP:CREATE_WORKFLOW"),
        ('- ADD_STEP: workflow_id: S: log: {"message":"x"}', "MULTISTEP:ADD_STEP"),
        ('ADD_STEP: Pagi: S: log: {"message":"x"}', "MULTISTEP:ADD_STEP"),
        ("[GROUP:PIN_MESAGE:7]", "GROUP:PIN_MESSAGE"),
        ("[GROUP:BAN:7]", ""),
        ('[EP:workflow_id:Send Notifications:send_message:{"text":"x"}]', "MULTISTEP:ADD_STEP"),
        ('2. [UTE:workflow_id:{"a":1}]', "MULTISTEP:EXECUTE"),
        ('[XQ:workflow_id:S:log:{"message":"x"}]', ""),
        ('[:workflow_id:S:log:{"message":"x"}]', ""),
        ('- [workflow_id:S:log:{"message":"x"}]', ""),
        ('[step1_id:log:{"message":"x"}]', ""),
        ("[XQ:execution_id]", ""),
    ],
)
def test_what_has_the_fields_of_a_code_is_one(bot: MultiStepProcessor, text: str, nearest: str) -> None:
    """However its head is mangled: the codes around it would run without it."""
    found = errors(bot, f"CREATE]\n{text}")

    assert [nearest] == [problem.nearest for problem in found if isinstance(problem, CodeProblem)]


# What is not said to anybody.


@pytest.mark.parametrize("tag", ["think", "thinking", "THINK"])
def test_codes_in_the_thinking_that_a_reply_begins_with_are_shown(bot: MultiStepProcessor, tag: str) -> None:
    """Nor is it looked through for what may have been meant as a code."""
    text = f"\n<{tag}>maybe\n{RUN}\nADD_STEP:workflow_id:x\n</{tag}>"

    assert [] == errors(bot, f"{text}\nSiap.")
    assert [(True, True)] == [(call.alone, call.ends_line) for call in scan(f"{text}{CREATE}")]


def test_thinking_may_begin_without_its_tag(bot: MultiStepProcessor) -> None:
    """As the templates of some models have it; a closing tag within a line is a word."""
    text = f"maybe\n{RUN}\n</think>\n"

    assert [(True, True)] == [(call.alone, call.ends_line) for call in scan(f"{text}{CREATE}")]
    assert 2 == len(scan(f"{text.replace('</think>', 'see </think> there')}{CREATE}"))
    assert [] == errors(bot, text)


@pytest.mark.parametrize("text", ["<think>RUN", "<thinking>\nRUN\n</think>\nRUN", " <think>hm"])
def test_a_reply_that_ends_in_its_thinking_was_cut_off(bot: MultiStepProcessor, text: str) -> None:
    """Nothing of it runs, and the note says so."""
    (found,) = errors(bot, text)

    assert ("cut_off", "the reply ends in the middle of its thinking") == (found.code, found.message)


@pytest.mark.parametrize("text", ["So:\n<think>\nRUN", "`<think>` opens it.\n\nRUN", "<thinker>\nRUN"])
def test_thinking_elsewhere_is_a_word(bot: MultiStepProcessor, text: str) -> None:
    """Only what a reply begins with is thought."""
    assert ([], 1) == (errors(bot, text), len(scan(text.replace("RUN", RUN))))


# The line above.


LEADS = ["For example, a nap looks like this:", "**Kalau mau:**", "Contoh:", "Done. If you like, I can send this:"]
TOUCHING = [
    *LEADS,
    "I'm not going to run this, because it would undo all that we have:",
    "Should I cancel it? If you say yes, I'll send this:",
    "Jangan khawatir, saya belum menjalankan ini:",
]
LEADS_IN = [
    "Done as you asked:",
    "Kalau begitu, saya jalankan:",
    "It is not hard. Here it is:",
    "I look for them, and tell you if there are any:",
    "If so.\n\nHere:",
    "Tidak!",
]


@pytest.mark.parametrize("between", ["\n", "\n\n", "\n- "])
@pytest.mark.parametrize("lead", LEADS)
def test_a_line_that_begins_an_example_or_an_offer_withholds_the_codes_below_it(
    bot: MultiStepProcessor, lead: str, between: str
) -> None:
    """All of them, as if they stood behind its colon."""
    found = errors(bot, f"{lead}{between}{CREATE}{between}{RUN}")

    assert ["in_sentence"] * 2 == [problem.code for problem in found]
    assert {"the words above it do not say that it is to act"} == {
        problem.message.partition(": ")[2] for problem in found
    }


@pytest.mark.parametrize("lead", TOUCHING)
def test_above_what_touches_something_every_word_counts(bot: MultiStepProcessor, lead: str) -> None:
    """As in the line of a code that makes something."""
    assert "in_sentence" in codes(bot, f"{lead}\n\n[MULTISTEP:CANCEL:execution_id]")
    assert "in_sentence" not in codes(bot, "Now:\n\n[MULTISTEP:CANCEL:execution_id]")


@pytest.mark.parametrize("lead", LEADS_IN)
def test_other_lines_above_codes_do_not_count(bot: MultiStepProcessor, lead: str) -> None:
    """Each line leads in to the codes below it alone."""
    assert [] == errors(bot, f"{lead}\n{RUN}\nAnd now:\n{RUN}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Here:\n\n    RUN\n\nThanks.", True),
        ("Here:\n\n\tRUN", True),
        ("Here:\n    RUN", False),
        ("1. Here:\n\n    RUN", False),
        ("    Here:\n\n    RUN", False),
    ],
)
def test_a_code_that_is_indented_as_a_code_block_is_in_doubt(bot: MultiStepProcessor, text: str, shown: bool) -> None:
    """Below a line that is not, and in no list; elsewhere indentation says nothing."""
    assert (["in_sentence"] if shown else []) == [problem.code for problem in errors(bot, f"{CREATE}\n\n{text}")]


@pytest.mark.parametrize("label", ["**Step 1: Create the workflow**", "- __Run the whole of it__"])
def test_bold_words_label_a_code(bot: MultiStepProcessor, label: str) -> None:
    """As a heading would; but not where they refuse."""
    assert [] == errors(bot, f"{label} {CREATE}")
    assert ["in_sentence"] == [problem.code for problem in errors(bot, f"**I will not run this** {CREATE}")]
