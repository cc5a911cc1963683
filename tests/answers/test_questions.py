"""What people read when they are asked whether a plan may run, and once somebody has answered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.answers import (
    Answer,
    Language,
    PlannedEffect,
    approval_answered,
    approval_note,
    approval_question,
    question_rows,
    render,
)
from syncara.answers.parts import units
from syncara.answers.plans import Outcome
from tests.answers.plans import HASH, LONG, NOON, effect


def question(*effects: PlannedEffect, **fields: Any) -> Answer:
    given = {"approval_id": "ap_1", "plan_hash": HASH, "expires_at": NOON, **fields}
    return approval_question("Flow", 7, effects, **given)


def test_a_question_names_what_needs_the_person_and_how_to_answer() -> None:
    """Who asked, until when, and the beginning of the hash; what needs no approval is left out."""
    answer = question(
        effect(), effect("Tell", "message", "send", None, own=True, decision="allow"), how="syncara approve ap_1"
    )

    assert [
        "✋ May Flow run? · asked for by 7",
        "These steps need a person's approval:",
        "",
        "🌐 calls api.example.com with GET · Fetch",
        "",
        "answer by 2026-11-23 07:10 UTC · plan 3fa9c1d2e4b5 · ap_1",
        "To answer: syncara approve ap_1",
    ] == render(answer).splitlines()
    assert "✋ Bolehkah <b>Flow</b> dijalankan? · diminta oleh <code>7</code>" in render(answer, "id", "html")


def crowd(count: int, **fields: Any) -> list[PlannedEffect]:
    return [effect(f"S{n}", **{"detail": f"/p{n}", **fields}) for n in range(count)]


def shown(*effects: PlannedEffect, language: Language = "en") -> list[str]:
    """The rows of a question, without the hashes of what shares one."""
    return [
        re.sub(r" #\w{10}(?= ·)", "", row) for row in render(question(*effects), language).split("\n\n")[1].splitlines()
    ]


@pytest.mark.parametrize(
    ("many", "one", "expected"),
    [
        (
            crowd(40),
            effect("Evil", operation="POST", address="evil.example.com", detail="/steal"),
            [
                "🌐 calls evil.example.com with POST /steal · Evil",
                "🌐 calls api.example.com with GET · 40 different: /p0 … /p39 · S0, S1, S2, …",
            ],
        ),
        (
            [effect(f"S{n}", "file", "read", f"f{n}", own=True) for n in range(40)],
            effect("Evil", "file", "delete", "important", own=True),
            ["📄 deletes the file important · Evil", "📄 reads 40 files: f0 … f39 · S0, S1, S2, …"],
        ),
        (
            [effect(f"S{n}", "file", "read", f"f{n}", own=True) for n in range(40)],
            effect("Evil", "file", "read", "common/f", own=False),
            [
                "📄 reads 40 files: f0 … f39 · S0, S1, S2, …",
                "📄 reads the file common/f, which others share · Evil",
            ],
        ),
        (
            [effect(f"S{n}", "file", "read", f"./common/{n}", own=False) for n in range(40)],
            effect("Evil", "file", "read", "accounts/f", own=False),
            [
                "📄 reads 40 files: ./common/0 … ./common/39, which others share · S0, S1, S2, …",
                "📄 reads the file accounts/f, which others share · Evil",
            ],
        ),
        (
            crowd(40, kind="shortcode", operation="", address="GROUP:SAY"),
            effect("Evil", "shortcode", "", "GROUP:KICK", detail="ana"),
            ["📨 runs GROUP:SAY · 40 different: /p0 … /p39 · S0, S1, S2, …", "📨 runs GROUP:KICK ana · Evil"],
        ),
        (
            crowd(40, kind="message", operation="send", address=6, own=False),
            effect("Evil", "message", "send", "6", own=False),
            [
                "✉️ writes to another chat, 6 · 40 different: /p0 … /p39 · S0, S1, S2, …",
                '✉️ writes to another chat, "6" · Evil',
            ],
        ),
        (
            crowd(40, kind="custom", operation="", address="greet", handler="greet"),
            effect("Evil", "custom", "", "ban", handler="ban", detail="{}"),
            ["🔧 runs greet · 40 different: /p0 … /p39 · S0, S1, S2, …", "🔧 runs ban {} · Evil"],
        ),
        (
            crowd(40, kind="collection", operation="delete", address="a", own=True),
            effect("Evil", "collection", "delete", "b", own=True),
            [
                "🗂️ deletes from the collection a · 40 different: /p0 … /p39 · S0, S1, S2, …",
                "🗂️ deletes from the collection b · Evil",
            ],
        ),
    ],
)
def test_a_crowd_hides_nothing_that_it_is_not_like(
    many: list[PlannedEffect], one: PlannedEffect, expected: list[str]
) -> None:
    """What differs in what it does, or in where it goes, has a row of its own, wherever it stands."""
    for place in (0, 20, 40):
        assert sorted(expected) == sorted(shown(*many[:place], one, *many[place:]))
    assert expected == shown(*many, one)


def test_files_are_counted_and_so_are_the_times_that_each_is_written() -> None:
    """Where one is written again and again, the first and the last of what goes into it are shown."""
    again = [effect(f"S{n}", "file", "write", "f", own=True, detail=f'"{n}"') for n in range(40)]
    other = effect("Last", "file", "write", "g", own=True, detail='"x"')

    assert ['📄 writes the file f · 40 different: "0" … "39" · S0, S1, S2, …'] == shown(*again)
    assert ["📄 writes 2 files: f … g · 41\N{MULTIPLICATION SIGN} S0, S1, S2, …"] == shown(*again, other)


def test_a_few_that_are_alike_have_rows_of_their_own() -> None:
    """More of them where they change something than where they only read."""
    assert 8 + 3 == len(shown(*crowd(8, operation="POST"), *crowd(3)))
    assert 1 + 1 == len(shown(*crowd(9, operation="POST"), *crowd(4)))
    assert ["🌐 memanggil api.example.com dengan GET · 4 yang berbeda: /p0 … /p3 · S0, S1, S2, …"] == shown(
        *crowd(4), language="id"
    )


def test_the_more_there_is_to_show_the_shorter_it_is_said() -> None:
    """Long details give way before anything is left out; then the first and the last of those that share a place."""
    chats = [effect(f"S{n}", "message", "send", n, own=False, detail=f"{n} {LONG}") for n in range(15)]
    long = question(*chats[:1])
    short = question(*chats)

    assert LONG in render(long)
    assert (15, False) == (render(short).count("…[#"), "NOT ALL" in render(short))


def test_what_a_question_cannot_show_it_tells_first() -> None:
    """How many things that is; the riskiest are those that are shown."""
    hosts = [effect(f"S{n}", address=f"h{n}.example.com") for n in range(90)]
    answer = question(*hosts, effect("Last", "file", "delete", "important", own=True))
    found = question_rows(hosts)

    lines = render(answer).splitlines()
    count = len([line for line in lines if " with GET" in line])
    assert f"⚠️ NOT ALL IS SHOWN: {90 - count} more things need approval." == lines[0]
    assert "📄 deletes the file important · Last" == lines[4]
    assert render(answer, "id").startswith(f"⚠️ TIDAK SEMUA DITAMPILKAN: {90 - count} hal lain")
    assert (90, True) == (len(found.lines) + found.hidden, found.hidden > 0)


@given(st.lists(st.tuples(st.sampled_from(["GET", "POST"]), st.text(max_size=300)), min_size=1, max_size=40))
def test_what_fits_into_the_room_of_a_question_fits_into_every_question(calls: list[tuple[str, str]]) -> None:
    """Whatever the workflow is called, whoever asked, and with the words that answer it."""
    effects = [effect(f"S{n}", "web", method, text, detail=text) for n, (method, text) in enumerate(calls)]
    answer = approval_question(
        LONG,
        LONG,
        [*effects, effect(LONG, "file", "write", "shared/a", own=False)],
        approval_id="a" * 30,
        plan_hash=HASH,
        expires_at=NOON,
        start_at=NOON,
        how="w" * 80,
        approvers=(),
    )
    effects.append(effect(LONG, "file", "write", "shared/a", own=False))

    assert (question_rows(effects).hidden > 0) or "NOT ALL" not in render(answer)
    assert units(render(answer, "id", "html")) < 4_000


def test_a_question_that_nobody_can_answer_says_so_and_why() -> None:
    """One step that reaches beyond the chat is named; to an approver, a question says nothing of that."""
    asked = [effect("Tell 1"), *(effect(f"Tell {n}", "message", "send", 5, own=False) for n in (2, 3))]

    nobody = render(question(*asked, approvers=())).splitlines()

    assert [
        render(approval_note(())),
        "Tell 2 reaches beyond this chat, so whoever asked may not approve it.",
    ] == nobody[-2:]
    assert render(question(*asked)) == render(question(*asked, approvers=(1,))) == "\n".join(nobody[:-2])
    assert "beyond" not in render(question(effect(), approvers=()))


def test_a_question_about_a_later_start_says_when() -> None:
    """It is part of what is approved; where buttons answer, nothing says how."""
    text = render(question(effect(), start_at=NOON))

    assert "starts at 2026-11-23 07:10 UTC · answer by 2026-11-23 07:10 UTC" in text
    assert "To answer" not in text


@pytest.mark.parametrize(
    ("approvers", "said"),
    [
        ((), "🚫 Nobody is set who may approve it. The bot's owner can name owners, or approvers of this chat, in its"),
        ((1,), "✋ Who may approve: 1"),
        ((1, 2, 3, 4), "✋ Who may approve: 1, 2, 3, …"),
    ],
)
def test_a_note_says_who_may_approve(approvers: tuple[int, ...], said: str) -> None:
    """Or that nobody may, and who can change that."""
    assert render(approval_note(approvers)).startswith(said)


@pytest.mark.parametrize(
    ("outcome", "by", "reason", "said"),
    [
        ("approved", 7, None, "✅ Flow was approved · by 7 · ex_1"),
        ("refused", 7, "not <now>", "🚫 Flow was not approved, and does not run · by 7 · not <now> · ex_1"),
        ("refused", None, None, "🚫 Flow was not approved, and does not run · ex_1"),
        ("expired", None, None, "⌛ Flow does not run: nobody answered in time · ex_1"),
    ],
)
def test_what_came_of_the_question_is_one_line(outcome: Outcome, by: int | None, reason: str | None, said: str) -> None:
    """With who answered, and why where they said so."""
    assert said == render(approval_answered(outcome, "Flow", "ex_1", by, reason))
