"""How a run stands, in each form; how it ended; what it waits for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from syncara.answers import (
    FORMS,
    LANGUAGES,
    Form,
    Language,
    announcement,
    execution_list,
    progress,
    render,
    status,
    status_line,
    why,
)
from syncara.core.views import Steps, snapshot
from tests.answers.runs import failed, mixed, seen
from tests.core.build import START, Run, delay, step

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", FORMS)
def test_the_status_of_a_run_with_something_of_everything(language: Language, form: Form) -> None:
    """The bar, and each step with its icon, its reason, its attempts and its time."""
    run = mixed()
    execution, workflow = seen(run)

    text = render(status(execution, run.now + 3, workflow), language, form)

    assert (GOLDEN / f"status.{language}.{form}.txt").read_text("utf-8") == text + "\n"


@pytest.mark.parametrize(
    ("paused", "after", "said"),
    [
        (False, 10, "delayed, goes on in 1 min 20 s"),
        (False, 91, "delayed, goes on now"),
        (True, 10, "delayed, goes on in 1 min 20 s"),
        (True, 91, "delayed, goes on once the run is resumed"),
    ],
)
def test_a_delay_says_when_it_is_over(paused: bool, after: float, said: str) -> None:
    """A pause lets it run on, and holds back what follows."""
    run = Run(delay("Wait", 90))
    if paused:
        run.pause()

    assert f"💤 Wait · {said}" == render(status(snapshot(run.board), START + after)).splitlines()[-1]


def test_a_step_that_has_not_started_says_what_it_waits_for() -> None:
    """For steps, for its condition, or for a free slot; only the definition tells, and only of a run under way."""
    run = Run(step("A"), step("B", ["A"]), step("C"), step("D", condition="context.go"), max_parallel_steps=1)
    execution, workflow = seen(run)

    rows = render(status(execution, run.now, workflow)).splitlines()[-3:]
    assert ["▫️ B · comes after A", "▫️ C · next in line", "▫️ D · waiting until context.go"] == rows
    assert ["▫️ B", "▫️ C", "▫️ D"] == render(status(execution, run.now)).splitlines()[-3:]

    run.pause()
    execution, workflow = seen(run)
    assert ["▫️ B", "▫️ C", "▫️ D"] == render(status(execution, run.now, workflow)).splitlines()[-3:]


def test_a_run_that_failed_by_itself_says_so_below_its_steps() -> None:
    """No step has said it."""
    run = Run(step("A"), global_timeout=60)
    run.tick()

    assert "❌ the run took longer than it may" == render(status(snapshot(run.board), run.now)).splitlines()[-1]


def test_a_scheduled_run_has_taken_no_time() -> None:
    """It has not begun."""
    run = Run(step("A"), start_at=START + 3_600)

    first = render(status(snapshot(run.board), START + 60)).splitlines()[0]

    assert "🕒 Flow · scheduled · starts at 1970-01-01 01:16 UTC" == first


def test_progress_is_the_bar_and_what_is_under_way() -> None:
    """Groups by their tasks; the first failure that the run went on after is not kept quiet."""
    expected = [
        "⏳ Flow · running",
        "▓▓▓░░░░░░░ 31 %",
        "",
        "🔁 Mail · attempt 2 at 1970-01-01 00:17 UTC: no route to host",
        "⏳ Fan out/*two* · running",
        "💤 Cool down · delayed, goes on at 1970-01-01 00:18 UTC",
        "",
        "❌ step Call_API: HTTP 500: <b>oops</b>",
    ]

    assert expected == render(progress(snapshot(mixed().board))).splitlines()


def test_one_line_for_the_middle_of_a_sentence() -> None:
    """What goes on, how far, and at what; of a run that is over only how it ended."""
    assert "⏳ Flow · running · 31 % · now: Mail, Fan out/*two*, Cool down" == render(status_line(seen(mixed())[0]))
    assert "❌ <b>Flow</b> · gagal" == render(status_line(failed()), "id", "html")


# The end.


def completed() -> Run:
    run = Run(step("A"))
    run.succeed("A", after=65)
    return run


def with_errors() -> Run:
    run = Run(step("A", on_error="continue"))
    run.fail("A", "no luck")
    return run


def failing() -> Run:
    run = Run(step("A"), step("B"))
    run.fail("A", "no luck", after=4.2)
    run.succeed("B")
    return run


def cancelled(reason: str = "") -> Run:
    run = Run(step("A"))
    run.cancel(reason, after=1)
    return run


def paused() -> Run:
    run = Run(step("A"))
    run.pause()
    return run


@pytest.mark.parametrize(
    ("run", "en", "id"),
    [
        (completed, "✅ Flow is done · 1 min 05 s", "✅ Flow sudah selesai · 1 min 05 s"),
        (
            with_errors,
            "⚠️ Flow is done, but not all of it worked: step A: no luck · 0 ms",
            "⚠️ Flow sudah selesai, tetapi tidak semuanya berhasil: langkah A: pesannya “no luck” · 0 ms",
        ),
        (failing, "❌ Flow failed: step A: no luck · 4.2 s", "❌ Flow gagal: langkah A: pesannya “no luck” · 4.2 s"),
        (cancelled, "⏹️ Flow was cancelled · 1.0 s", "⏹️ Flow dibatalkan · 1.0 s"),
        (
            lambda: cancelled("enough"),
            "⏹️ Flow was cancelled: enough · 1.0 s",
            "⏹️ Flow dibatalkan: enough · 1.0 s",
        ),
        (paused, "⏸️ Flow is paused", "⏸️ Flow dijeda"),
        (lambda: Run(step("A"), start_at=START + 5), "🕒 Flow is scheduled", "🕒 Flow sudah dijadwalkan"),
    ],
)
def test_a_run_is_announced_in_one_line(run: object, en: str, id: str) -> None:
    """How it ended, the first error with its step, how long it took; or what it waits for."""
    assert callable(run)
    answer = announcement(snapshot(run().board))

    assert [en, id] == [render(answer, language) for language in LANGUAGES]


def test_a_run_that_waits_for_somebody_is_announced() -> None:
    """At which steps, and for what; a step that is held back waits for nobody."""
    run = Run(step("Held"), step("A", on_crash="ask"), step("B", on_crash="ask"))
    run.err("Held", code="unknown_handler")
    run.lose_runner()
    answer = announcement(snapshot(run.board))

    why = "the program ended in the middle of it; somebody must say whether it runs again"
    assert f"✋ Flow is waiting at A, B: {why}" == render(answer)
    assert "✋ <b>Flow</b> menunggu di <b>A, B</b>: program berhenti" in render(answer, "id", "html")


def test_a_run_that_cannot_be_read_says_so() -> None:
    """It has an error, and no steps; what its status was last is no longer sure."""
    damaged = msgspec.structs.replace(failed(), steps=Steps([]), error="the journal is damaged", code="journal_damaged")

    assert "❌ Flow failed: the journal is damaged · 1 min 05 s" == render(announcement(damaged))
    assert render(execution_list([damaged], 1, False)).endswith("· ex · the journal is damaged")
    assert render(status(damaged, START)).endswith("· ex\n❌ the journal is damaged")


# Why.


def test_why_names_every_step_that_did_not_run_and_what_the_run_waits_for() -> None:
    """Without those that went well, have yet to come, or only contain others; each by its whole name."""
    expected = [
        "⏳ Flow · running",
        "",
        "⏭️ Greet VIPs · skipped: its condition was false: context.vips > 5",
        "❌ Call_API · failed: HTTP 500: <b>oops</b> · 2 attempts · 4.1 s",
        "🔁 Mail · attempt 2 at 1970-01-01 00:17 UTC: no route to host",
        "⏳ Fan out/*two* · running",
        "💤 Cool down · delayed, goes on at 1970-01-01 00:18 UTC",
        "",
        "❌ step Call_API: HTTP 500: <b>oops</b>",
    ]

    assert expected == render(why(snapshot(mixed().board))).splitlines()


def test_why_of_a_run_in_which_all_went_well() -> None:
    """There is nothing to explain."""
    text = render(why(snapshot(completed().board)))

    assert "✅ Flow · completed\nNothing has failed or been left out, and nothing is being waited for." == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "Fan out",
            ["⏳ Fan out · running · 1 of 2 tasks", "Started 1970-01-01 00:16 UTC", "", "⏳ Fan out/*two* · running"],
        ),
        ("Report", ["▫️ Report · comes after Fan out", "", "⏳ Fan out · running · 1 of 2 tasks"]),
        (
            "id of Load <Users>",
            ["✅ Load <Users> · 1.2 s", "Started 1970-01-01 00:16 UTC", "Ended 1970-01-01 00:16 UTC"],
        ),
    ],
)
def test_why_of_one_step_shows_the_steps_behind_it(name: str, expected: list[str]) -> None:
    """By its name or id: how it stands, when it ran, and what that comes from."""
    execution, workflow = seen(mixed())

    assert expected == render(why(execution, name, workflow)).splitlines()


def test_why_of_a_step_that_a_failure_left_out_shows_the_failure() -> None:
    """Wherever in the run it was."""
    expected = [
        "⏭️ C · skipped: the run had already failed: step B: no <route>",
        "Ended 1970-01-01 00:17 UTC",
        "",
        "❌ B · failed: no <route> · 1 min 03 s",
    ]

    assert expected == render(why(failed(), "C")).splitlines()


def test_why_of_a_step_that_is_not_there_is_an_error() -> None:
    """The caller knows which ones there are."""
    with pytest.raises(KeyError):
        why(failed(), "Nobody")


# Lists.


def test_runs_are_listed_by_page() -> None:
    """Each with its status, its progress, its start and its id; whether there are more is said."""
    runs = [snapshot(completed().board), failed()]

    expected = [
        "Daftar proses, halaman 2",
        "",
        "✅ Flow · selesai · 100 % · 1970-01-01 00:16 UTC · ex",
        "❌ Flow · gagal · 33 % · 1970-01-01 00:16 UTC · ex",
        "",
        "Masih ada lagi di halaman 3.",
    ]
    assert expected == render(execution_list(runs, 2, True), "id").splitlines()
    assert expected[:-2] == render(execution_list(runs, 2, False), "id").splitlines()
    assert "There are no runs here." == render(execution_list([], 1, False))
