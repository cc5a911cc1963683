"""What people read of a plan before it runs, and what bounds there are to all that is said of it."""

from __future__ import annotations

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
    render,
)
from syncara.answers.catalogue import catalogue
from syncara.answers.effects import Decision
from syncara.answers.fit import CHARS_MAX
from syncara.answers.icons import ICONS
from syncara.answers.plans import Outcome
from syncara.core.errors import Problem
from syncara.core.model import Step
from syncara.policy.effects import Kind
from syncara.policy.policy import COLLECTION_OPERATIONS, FILE_OPERATIONS
from tests.answers.parsed import html_words, lines, markdown_words
from tests.answers.plans import HASH, LONG, NOON, effect
from tests.core.build import delay, step, workflow


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
