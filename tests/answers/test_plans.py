"""What people read of a plan before it runs, when they are asked for it, and once somebody has answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.answers import (
    FORMS,
    LANGUAGES,
    Answer,
    Language,
    Planned,
    PlannedEffect,
    Wait,
    approval_answered,
    approval_note,
    approval_question,
    cannot_run,
    plan,
    question_rows,
    render,
)
from syncara.answers.catalogue import catalogue
from syncara.answers.effects import Decision
from syncara.answers.fit import CHARS_MAX
from syncara.answers.icons import ICONS
from syncara.answers.parts import units
from syncara.answers.plans import Outcome
from syncara.core.errors import Problem
from syncara.core.model import Step
from syncara.policy.effects import Kind
from syncara.policy.policy import COLLECTION_OPERATIONS, FILE_OPERATIONS
from tests.answers.parsed import html_words, lines, markdown_words
from tests.core.build import delay, step, workflow

HASH = "3fa9c1d2e4b5aa"
LONG = "&" * 400
"""Of the character that grows most when it is escaped."""
NOON = 1_795_417_859.0


def effect(
    step: str = "Fetch",
    kind: str = "web",
    operation: str = "GET",
    address: Any = "api.example.com",
    *,
    own: bool | None = None,
    decision: Decision = "approve",
    rule: str = "because",
    handler: str = "api_call",
    detail: str = "",
) -> PlannedEffect:
    return PlannedEffect(step, kind, handler, operation, address, own, decision, rule, detail)


def planned(*effects: PlannedEffect, steps: list[Step] | None = None, **fields: Any) -> Planned:
    decisions: list[Decision] = [each.decision for each in effects]
    strictest: Decision = "deny" if "deny" in decisions else "approve" if "approve" in decisions else "allow"
    definition = workflow(*(steps or [step("Fetch")]))
    return Planned(definition, HASH, strictest, effects, (), (), 90, 4)._replace(**fields)


def rows(*effects: PlannedEffect, language: Language = "en") -> list[str]:
    """The lines of a plan that tell of effects."""
    _head, _tree, _title, told, *_ = render(plan(planned(*effects)), language).split("\n\n")
    return told.splitlines()


# A plan.


def test_a_plan_is_the_tree_the_effects_the_waits_and_who_may_approve() -> None:
    """Under a line with what becomes of it, its hash, and how long it can take."""
    answer = plan(
        planned(
            effect(),
            effect("Tell", "message", "send", None, own=True, decision="allow"),
            steps=[step("Fetch", handler="api_call"), delay("Pause", 60, ["Fetch"]), step("Tell", ["Pause"])],
            approvers=(1, "ana"),
            waits=[Wait("Pause", "delay", 60), Wait("Later", "delay", None, "{context.n}"), Wait("Fetch", "person")],
        )
    )

    assert [
        "✋ Flow · needs a person's approval · plan 3fa9c1d2e4b5",
        "3 steps · takes at most 1 min 30 s · at most 4 attempts",
        "",
        "🔹 Fetch · api_call",
        "   ↳ Pause · delay",
        "      ↳ Tell · work",
        "",
        "It would do these 2 things:",
        "",
        "✋ 🌐 calls api.example.com with GET · Fetch · needs approval: because",
        "🟢 ✉️ writes to this chat · Tell",
        "",
        "It would wait at 3 steps:",
        "",
        "💤 Pause · 1 min 00 s",
        "💤 Later · as long as {context.n} says",
        "✋ Fetch · asks whether it runs again if the program ends in the middle of it",
        "",
        "✋ Who may approve: 1, ana",
    ] == render(answer).splitlines()
    assert [
        "✋ Flow · perlu persetujuan seseorang · rencana 3fa9c1d2e4b5",
        "3 langkah · paling lama 1 min 30 s · paling banyak 4 percobaan",
    ] == render(answer, "id").splitlines()[:2]


@pytest.mark.parametrize(
    ("decision", "head"),
    [
        ("allow", "🟢 Flow · may run at once · plan 3fa9c1d2e4b5"),
        ("approve", "✋ Flow · needs a person's approval · plan 3fa9c1d2e4b5"),
        ("deny", "🚫 Flow · may not run · plan 3fa9c1d2e4b5"),
    ],
)
def test_the_first_line_says_what_becomes_of_the_plan(decision: Decision, head: str) -> None:
    """It stands for the whole where there is room for one line only."""
    text = render(plan(planned(effect(decision=decision))))

    assert head == text.splitlines()[0]
    assert (decision == "approve") is ("Nobody is set who may approve it." in text)


def test_what_is_not_allowed_comes_first_and_what_is_allowed_last() -> None:
    """Of each what deletes before what reads, then by kind, and in the order of the steps."""
    found = rows(
        effect("A", "message", "notify", None, decision="allow"),
        effect("B", "file", "read", "a"),
        effect("C", "message", "send", -5, own=False),
        effect("D", "custom", handler="report", address="report", decision="deny"),
        effect("E", "file", "write", "a"),
        effect("F", "collection", "delete", "notes"),
        effect("G", operation="PUT"),
        effect("H", operation="GET"),
    )

    assert [
        "🚫 🔧 runs report · D · not allowed: because",
        "✋ 🗂️ deletes from the collection notes · F · needs approval: because",
        "✋ ✉️ writes to another chat, -5 · C · needs approval: because",
        "✋ 🌐 calls api.example.com with PUT · G · needs approval: because",
        "✋ 📄 writes the file a · E · needs approval: because",
        "✋ 🌐 calls api.example.com with GET · H · needs approval: because",
        "✋ 📄 reads the file a · B · needs approval: because",
        "🟢 ✉️ sends a notification · A",
    ] == found


def test_effects_that_differ_in_their_steps_only_are_one_line() -> None:
    """With their number and the first few; 5 and "5" are two chats, and look it."""
    found = rows(
        *(effect(name) for name in "ABCDE"),
        effect("F", "message", "send", 5, own=False),
        effect("G", "message", "send", "5", own=False),
        effect("H", "none", decision="allow"),
    )

    assert [
        "✋ ✉️ writes to another chat, 5 · F · needs approval: because",
        '✋ ✉️ writes to another chat, "5" · G · needs approval: because',
        "✋ 🌐 calls api.example.com with GET · 5\N{MULTIPLICATION SIGN} A, B, C, … · needs approval: because",
    ] == found


@pytest.mark.parametrize(
    ("asked", "en", "id"),
    [
        (effect(address=None), "calls an address that is not plain, with GET", "memanggil alamat yang tidak jelas"),
        (effect(kind="shortcode", address="BOT:BAN", detail="9"), "runs BOT:BAN 9", "menjalankan BOT:BAN 9"),
        (
            effect(kind="collection", operation="find", address="all", own=False),
            "looks into the collection all, which others share",
            "mencari di koleksi all, yang dipakai bersama",
        ),
        (effect(kind="file", operation="{context.x}", address="a"), "does {context.x} in a", "melakukan {context.x}"),
        (effect(kind="none", handler="log"), "runs log", "menjalankan log"),
    ],
)
def test_what_is_out_of_the_ordinary_has_words_too(asked: PlannedEffect, en: str, id: str) -> None:
    """In both languages."""
    assert [True, True] == [en in rows(asked)[0], id in rows(asked, language="id")[0]]


def test_every_operation_of_files_and_collections_has_words() -> None:
    """And every kind of effect and decision a picture, in every language."""
    keys = {key.removeprefix("effect.") for key in catalogue("en") if key.startswith(("effect.file_", "effect.coll"))}

    assert keys == {f"file_{each}" for each in FILE_OPERATIONS} | {
        f"collection_{each}" for each in COLLECTION_OPERATIONS
    }
    assert ICONS.keys() >= {*get_args(Kind), *get_args(Outcome)}
    assert {"allow", "approve", "deny"} <= {key.removeprefix("plan.") for key in catalogue("en")}


def test_an_address_keeps_both_of_its_ends() -> None:
    """A site is told by the end of its name, a file by the end of its path."""
    host, path = f"www.bank.example.{'a' * 300}.evil.example", f"notes/{'../' * 200}secret.txt"
    (site, file) = rows(effect(address=host), effect(kind="file", operation="read", address=path))

    assert "calls www.bank.example.aaa" in site
    assert "aaa.evil.example with GET" in site
    assert "reads the file notes/../" in file
    assert "/../secret.txt · Fetch" in file


def test_two_long_addresses_do_not_look_the_same() -> None:
    """A hash of the whole stands where something is left out, and where white space is."""
    paths = ["a" * 400, f"{'a' * 200}b{'a' * 199}", "a b", "a  b", " a b"]
    shown = [rows(effect(kind="file", operation="read", address=path))[0] for path in paths]

    assert len(paths) == len(set(shown))
    assert "reads the file a b [#" in shown[3]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("a\u200bb", r"a\u200bb"),
        ("a\u202eb", r"a\u202eb"),
        ("a\nb", r"a\u000ab"),
        ("a\U000e0001", r"a\U000e0001"),
        ("a\u3164b\u2800", r"a\u3164b\u2800"),
        ("a\xa0b", r"a\u00a0b"),
        ("❤\ufe0f", r"❤\ufe0f"),
        (r"a\u200bb", r"a\\u200bb"),
    ],
)
def test_what_cannot_be_seen_in_an_address_is_spelled_out(address: str, shown: str) -> None:
    """Two addresses that are not the same do not look the same."""
    assert f"reads the file {shown} · Fetch" in rows(effect(kind="file", operation="read", address=address))[0]


# The question.


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


def test_what_cannot_run_is_told_with_what_is_wrong() -> None:
    """In the words of refusals."""
    found = [Problem("unknown_handler", "step 'A', field 'handler'", ""), Problem("dependency_cycle", "", "")]

    assert [
        "🚫 Flow cannot run: 2 things are not right.",
        "",
        "🔸 Step A: there is nothing that could run this step",
        "🔸 its steps wait for one another in a circle",
    ] == render(cannot_run("Flow", found)).splitlines()
    assert "🚫 Flow cannot run: one thing is not right." == render(cannot_run("Flow", found[:1])).splitlines()[0]


# Bounds.


def longest() -> Iterator[Answer]:
    """Each answer at its longest."""
    many = [
        effect(
            f"{n}{LONG}", kind, LONG, f"{n}{LONG}", decision=decision, rule=LONG, handler=LONG, own=False, detail=LONG
        )
        for n in range(50)
        for kind in get_args(Kind)
        for decision in get_args(Decision)
    ]
    waits = [*[Wait(LONG, "delay", None, LONG)] * 50, *[Wait(LONG, "person")] * 50]
    steps = [step(f"{n}".ljust(200, "&"), handler=LONG[:200], condition="context.x") for n in range(50)]
    whole = planned(*many, steps=steps, waits=waits, approvers=(LONG,) * 9)
    yield from (plan(whole), plan(whole._replace(decision="approve")))
    yield approval_question(
        LONG, LONG, many, approval_id="ap", plan_hash=HASH, expires_at=NOON, start_at=NOON, how=LONG
    )
    yield from (approval_note((LONG,) * 9), approval_answered("refused", LONG, "ex", LONG, LONG))
    yield cannot_run(LONG, [Problem("wrong_type", f"step '{n}{LONG}'", LONG) for n in range(50)])


def test_nothing_said_of_a_plan_is_longer_than_a_message() -> None:
    """In no language and no form, with the longest of everything; what is left out is counted."""
    answers = list(longest())
    texts = [render(answer, language, form) for answer in answers for language in LANGUAGES for form in FORMS]

    assert max(map(len, texts)) <= CHARS_MAX
    assert [True, True, True] == ["more" in render(answer) for answer in answers[:3]]


def test_a_crowd_of_harmless_effects_hides_no_other() -> None:
    """What needs a person is above them, whatever the order of the steps; and a long tree leaves it its room."""
    crowd = [effect(f"S{n}", "custom", "", f"h{n}", decision="allow", handler=f"handler {n}") for n in range(500)]
    answer = plan(planned(*crowd, effect("Last"), steps=[step(f"S{n}") for n in range(500)]))
    text = render(answer)

    assert "It would do these 501 things:\n\n✋ 🌐 calls api.example.com with GET · Last" in text
    assert 2 == text.count(" more\n")


WORDS = st.lists(
    st.sampled_from(
        ["`", "*", "_", "<b>", "</code>", "[a](http://b.c)", "\n", "\n\n# x", "|", "&amp;", "é", "~~", "- "]
    ),
    max_size=8,
).map("".join)


@given(WORDS, WORDS, st.sampled_from(get_args(Kind)), st.sampled_from(get_args(Decision)), st.sampled_from(LANGUAGES))
def test_what_a_model_wrote_stays_words(
    one: str, other: str, kind: str, decision: Decision, language: Language
) -> None:
    """Names, addresses and operations format nothing, link nothing and stay on their line."""
    asked = effect(f"A{one}", kind, other, f"/{other}", own=False, decision=decision, rule=one, handler=f"h{other}")
    answers = [
        plan(planned(asked, waits=[Wait(f"W{one}", "delay", None, other)], approvers=(f"x{other}",))),
        approval_question(f"N{one}", f"u{other}", [asked], approval_id="ap", plan_hash=HASH, expires_at=NOON, how=one),
        approval_answered("refused", f"N{one}", "ex", f"u{other}", one),
    ]

    for answer in answers:
        plain = lines(render(answer, language))
        markdown, kinds = markdown_words(render(answer, language, "markdown"))
        html, tags = html_words(render(answer, language, "html"))
        assert (plain, plain) == (markdown, html)
        assert set() == kinds - {"strong", "code_inline"}
        assert set() == tags - {"b", "code"}
