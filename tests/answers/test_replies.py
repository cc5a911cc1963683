"""What people are told of a reply."""

from __future__ import annotations

import pytest

from syncara.answers import (
    CommandHelp,
    command_help,
    not_done,
    outside_started,
    refusal,
    render,
    run_started,
    told,
)
from syncara.answers.replies import Action
from syncara.core.check import problems
from syncara.core.errors import Problem
from tests.core.build import step, workflow


@pytest.mark.parametrize(
    ("status", "at", "en", "id"),
    [
        ("running", None, "🚀 Flow has been started · ex", "🚀 Flow sudah dijalankan · ex"),
        (
            "scheduled",
            1_795_417_859.0,
            "🕒 Flow will start at 2026-11-23 07:10 UTC · ex",
            "🕒 Flow akan dimulai pada 2026-11-23 07:10 UTC · ex",
        ),
        ("awaiting_approval", None, "✋ Flow is waiting for approval · ex", "✋ Flow menunggu persetujuan · ex"),
    ],
)
def test_a_start_says_whether_it_is_now(status: str, at: float | None, en: str, id: str) -> None:
    """With the id to ask about it."""
    answer = run_started("ex", "Flow", status, at)

    assert [en, id] == [render(answer, "en"), render(answer, "id")]


@pytest.mark.parametrize(
    ("action", "changed", "said"),
    [
        ("cancel", True, "⏹️ Flow was cancelled · ex"),
        ("cancel", False, "💬 Flow had already ended; there was nothing to cancel · ex"),
        ("pause", True, "⏸️ Flow is paused · ex"),
        ("resume", True, "▶️ Flow goes on · ex"),
        ("unschedule", True, "⏹️ Flow will not start; its schedule was cancelled · ex"),
        ("unschedule", False, "💬 Flow was not scheduled any more; there was nothing to cancel · ex"),
    ],
)
def test_an_action_says_whether_it_changed_anything(action: Action, changed: bool, said: str) -> None:
    """A second cancel is no error, and no news."""
    assert said == render(told(action, "ex", "Flow", changed))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("running", "📨 <code>GROUP:PIN_MESSAGE</code> sedang dijalankan"),
        ("awaiting_approval", "✋ <code>GROUP:PIN_MESSAGE</code> menunggu persetujuan"),
    ],
)
def test_a_code_of_another_family_is_named(status: str, said: str) -> None:
    """Its effect shows elsewhere, once it may be carried out."""
    assert said == render(outside_started("GROUP:PIN_MESSAGE", status), "id", "html")


# Refusals.


def test_a_refusal_says_first_that_nothing_was_done() -> None:
    """Then what is wrong and where, without the words of a programmer."""
    found = problems(workflow(step("A", handler="send_mail"), step("Send 'it', now", ["Nobody"])), {"work": None})

    assert [
        "🚫 Nothing was done: 2 things in the reply are not right.",
        "",
        "🔸 Step A: there is nothing that could run this step",
        "🔸 Step Send 'it', now: it is to come after a step that does not exist",
    ] == render(refusal(found)).splitlines()
    assert "🔸 Langkah A: tidak ada yang dapat menjalankan langkah ini" == render(refusal(found), "id").splitlines()[2]


@pytest.mark.parametrize(
    ("code", "where", "said"),
    [
        ("empty_workflow", "workflow 'Flow'", "Workflow Flow: it has no steps"),
        ("wrong_type", "step 3 of the list, step 'C', field 'timeout'", "Step C: a value does not fit"),
        ("missing_field", "field 'name'", "Field name: something needed was left out"),
        ("in_sentence", "", "a command stands in the middle of a sentence"),
        ("message_changed", "message 5", "message 5: this message has been acted on already, with other words"),
        ("unknown_name", "step 'C', field 'condition', column 3", "Step C: its condition cannot be understood"),
        (
            "some_new_code",
            "MULTISTEP:EXECUTE, field 'context'",
            "Field context: something here cannot be understood",
        ),
        ("some_new_code", "", "something here cannot be understood"),
        ("not_found", "workflow_id", "Field workflow_id: it does not exist, or not in this chat"),
    ],
)
def test_what_is_wrong_has_a_place_and_simple_words(code: str, where: str, said: str) -> None:
    """A code that is not known gets a sentence that is true of all of them."""
    text = render(refusal([Problem(code, where, "a message for a model")]))

    assert ["🚫 Nothing was done: one thing in the reply is not right.", "", f"🔸 {said}"] == text.splitlines()


@pytest.mark.parametrize(
    ("code", "where", "en", "id"),
    [
        ("message_changed", "message 5", "message 5: this message", "Pesan 5: pesan ini"),
        ("quota_exceeded", "this chat", "this chat: it is more", "Chat ini: melebihi"),
        ("quota_exceeded", "the reply", "the reply: it is more", "Balasan ini: melebihi"),
        ("quota_exceeded", "the start", "the start: it is more", "Waktu mulainya: melebihi"),
        ("invalid_params", "template 'Tea'", "Template Tea: its values", "Templat Tea: nilainya"),
        ("denied", "some other place", "some other place: it is not", "tidak diizinkan"),
        ("unknown_secret", "step 'A', field 'params'", "Step A: there is no such", "Langkah A: tidak ada rahasia"),
    ],
)
def test_the_place_of_a_problem_is_said_in_each_language(code: str, where: str, en: str, id: str) -> None:
    """A place that the catalogues have no words for is left out where English is not spoken."""
    rows = [render(refusal([Problem(code, where, "")]), language).splitlines()[-1] for language in ("en", "id")]

    assert [True, True] == [row.startswith(f"🔸 {said}") for row, said in zip(rows, (en, id), strict=True)]


def test_a_code_that_was_not_carried_out_says_why() -> None:
    """In English as the problem says it; a code that was right says that another one was not."""
    wrong = not_done(Problem("unknown_handler", "", "there is no handler 'x'"))

    assert ["there is no handler 'x'", "tidak ada yang dapat menjalankan langkah ini"] == [
        render(wrong, "en"),
        render(wrong, "id"),
    ]
    assert "tidak dijalankan, karena ada kode lain yang salah" == render(not_done(None), "id")


def test_many_problems_are_counted() -> None:
    """As they are told, each once; the first few are."""
    found = [Problem("wrong_type", f"step '{n}', field '{field}'", "") for n in range(9) for field in ("a", "b")]

    rows = render(refusal(found)).splitlines()

    assert "🚫 Nothing was done: 9 things in the reply are not right." == rows[0]
    assert ["🔸 Step 4: a value does not fit", "… 4 more"] == rows[-2:]


# Help.


def test_help_lists_the_commands() -> None:
    """Name and summary."""
    commands = [CommandHelp("MULTISTEP:STATUS", "Show a run."), CommandHelp("MULTISTEP:HELP", "Show this.")]

    expected = ["💡 2 commands", "", "MULTISTEP:STATUS · Show a run.", "MULTISTEP:HELP · Show this."]
    assert expected == render(command_help(commands)).splitlines()


def test_help_on_one_command_shows_its_fields_and_an_example() -> None:
    """The example can be copied, and is not read as a code."""
    command = CommandHelp(
        "MULTISTEP:STATUS",
        "Show a run.",
        [("execution_id", "its id"), ("more", "what English alone knows"), ("bare", "")],
        "[MULTISTEP:STATUS:execution_id]",
    )

    english = render(command_help([command]), "en").splitlines()
    assert ["💡 MULTISTEP:STATUS · Show a run.", "· execution_id: its id"] == [english[0], english[2]]
    assert [
        "💡 `MULTISTEP:STATUS` · Tampilkan sebuah proses dan setiap langkahnya.",
        "",
        "- execution\\_id: id-nya; kata execution\\_id berarti proses yang terakhir dimulai",
        "- more: what English alone knows",
        "- bare",
        "",
        "Contoh: `[MULTISTEP:STATUS:execution_id]`",
    ] == render(command_help([command]), "id", "markdown").splitlines()


def test_of_a_command_of_another_family_help_knows_its_name() -> None:
    """What the program registered itself has no declaration to read."""
    help_text = command_help([CommandHelp("BOT:BAN")])

    assert ["💡 BOT:BAN · Run BOT:BAN.", "💡 BOT:BAN · Jalankan BOT:BAN."] == [
        render(help_text, "en"),
        render(help_text, "id"),
    ]
