"""Why a step did not run, failed or waits: what the machine decided, in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncara.answers import LANGUAGES, Language, render, status
from syncara.core.events import SKIPPED_BY_CONDITION, SKIPPED_BY_FAILURE
from syncara.core.views import snapshot
from tests.answers.runs import seen
from tests.core.build import Run, delay, group, step, task


def condition_false() -> Run:
    run = Run(step("A"), step("X", ["A"], condition="context.x == 'a: b'"), context={"x": 1})
    run.succeed("A")
    return run


def condition_error() -> Run:
    run = Run(step("A"), step("X", ["A"], condition="context.x > 10"), context={"x": None})
    run.succeed("A")
    return run


def never_true() -> Run:
    run = Run(step("A"), step("X", condition="context.alarm"), context={"alarm": False})
    run.succeed("A")
    return run


def not_needed() -> Run:
    run = Run(step("A"), step("X", ["A"], run_when="any_failed"))
    run.succeed("A")
    return run


def upstream_failed() -> Run:
    run = Run(step("A"), step("Rescue: it", ["A"], run_when="any_failed"), step("X", ["Rescue: it"]))
    run.fail("A")
    run.fail("Rescue: it")
    return run


def run_failed() -> Run:
    run = Run(step("A"), step("X", ["A"]))
    run.fail("A", "no: route")
    return run


def run_failed_meanwhile() -> Run:
    run = Run(step("A"), delay("X", 60))
    run.fail("A", "no: route")
    return run


def run_failed_before_it_was_cancelled() -> Run:
    run = Run(step("A"), step("X", ["A"]), step("Rescue", ["A"], run_when="any_failed"))
    run.fail("A", "no: route")
    run.cancel("never mind")
    return run


def run_cancelled() -> Run:
    run = Run(step("A"), step("X", ["A"]))
    run.cancel("not now: later")
    return run


def run_refused() -> Run:
    run = Run(step("X"))
    run.cancel("refused by 7: too early: wait")
    return run


def run_not_approved() -> Run:
    run = Run(step("X"), approve_by=1_060.0)
    run.tick()
    return run


def run_cancelled_silently() -> Run:
    run = Run(step("X"))
    run.cancel()
    return run


def global_timeout() -> Run:
    run = Run(step("A"), step("X", ["A"]), global_timeout=100)
    run.tick()
    return run


def recovery_timeout() -> Run:
    run = Run(step("A"), step("X", ["A"], run_when="any_failed"), recovery_timeout=30)
    run.fail("A")
    run.tick()
    return run


def failing(code: str, error: str = "boom: bang") -> Callable[[], Run]:
    def fail() -> Run:
        run = Run(step("X", retry_count=0), step("A"))
        run.err("X", error, code=code)
        return run

    return fail


def group_failed() -> Run:
    run = Run(group("X", task("one"), task("two")))
    run.succeed("X/one")
    run.fail("X/two")
    return run


def poison() -> Run:
    run = Run(step("X"))
    run.lose_runner()
    run.lose_runner()
    run.signal("X", "turn")
    run.lose_runner()
    return run


def crashed() -> Run:
    run = Run(step("X", on_crash="fail"))
    run.lose_runner()
    return run


def missing_placeholder() -> Run:
    return Run(step("X", params={"text": "{context.name}"}))


def asks() -> Run:
    run = Run(step("X", on_crash="ask"))
    run.lose_runner()
    return run


def awaits_turn() -> Run:
    run = Run(step("X"))
    run.lose_runner()
    run.lose_runner()
    return run


def awaits_handler() -> Run:
    run = Run(step("X"))
    run.err("X", "the handler 'work' is not registered", code="unknown_handler")
    return run


SAID = [
    (condition_false, "⏭️ X · skipped: its condition was false: `context.x == 'a: b'`"),
    (condition_false, "⏭️ X · dilewati: syaratnya tidak terpenuhi: `context.x == 'a: b'`"),
    (
        condition_error,
        "⏭️ X · skipped: its condition could not be decided: '>' does not go with null and a number: context.x > 10",
    ),
    (condition_error, "⏭️ X · dilewati: syaratnya tidak dapat diperiksa: `context.x > 10`"),
    (never_true, "⏭️ X · skipped: its condition never came true: `context.alarm`"),
    (not_needed, "⏭️ X · skipped: the steps before it gave no cause for it"),
    (upstream_failed, "⏭️ X · skipped: it needed Rescue: it"),
    (run_failed, "⏭️ X · skipped: the run had already failed: step *A*: no: route"),
    (
        run_failed_meanwhile,
        "⏹️ X · dihentikan: prosesnya sudah gagal lebih dulu: langkah *A*: pesannya “no: route” · 0 ms",
    ),
    (run_failed_before_it_was_cancelled, "⏭️ X · skipped: the run had already failed: step *A*: no: route"),
    (run_cancelled, "⏭️ X · skipped: the run was cancelled: not now: later"),
    (run_refused, "⏹️ X · stopped: the run was cancelled: refused by 7: too early: wait · 0 ms"),
    (run_refused, "⏹️ X · dihentikan: prosesnya dibatalkan: ditolak oleh 7: too early: wait · 0 ms"),
    (run_not_approved, "⏭️ X · skipped: the run was cancelled: nobody approved it in time"),
    (run_not_approved, "⏭️ X · dilewati: prosesnya dibatalkan: tidak ada yang menyetujuinya sampai batas waktunya"),
    (run_cancelled_silently, "⏹️ X · stopped: the run was cancelled · 0 ms"),
    (run_cancelled_silently, "⏹️ X · dihentikan: prosesnya dibatalkan · 0 ms"),
    (global_timeout, "⏭️ X · skipped: the time for the run was over"),
    (recovery_timeout, "⏹️ X · stopped: the time for clearing up was over · 30.0 s"),
    (failing("error"), "❌ X · failed: boom: bang · 0 ms"),
    (failing("status"), "❌ X · failed: boom: bang · 0 ms"),
    (failing("status"), "❌ X · gagal: pesannya “boom: bang” · 0 ms"),
    (failing("timeout"), "❌ X · failed: it took longer than it may · 0 ms"),
    (failing("timeout"), "❌ X · gagal: melebihi batas waktu · 0 ms"),
    (failing("result_too_large"), "❌ X · failed: its result is too large: boom: bang · 0 ms"),
    (failing("invalid_result", ""), "❌ X · failed: its result cannot be stored · 0 ms"),
    (group_failed, "❌ X · failed: not all of its tasks worked · 2 of 2 tasks · 0 ms"),
    (poison, "❌ X · failed: the program died each time this step ran · 0 ms"),
    (crashed, "❌ X · gagal: program berhenti di tengah langkah ini · 0 ms"),
    (missing_placeholder, "❌ X · failed: a value that it needs is missing: context has no 'name'. It is empty"),
    (asks, "✋ X · waiting: the program ended in the middle of it; somebody must say whether it runs again"),
    (awaits_turn, "🚧 X · held back: the program ended while it ran; it runs again when it has the machine to itself"),
    (missing_placeholder, "❌ X · gagal: nilai yang diperlukan tidak ada: `context.name`"),
    (awaits_handler, "🚧 X · tertahan: yang menjalankan langkah ini sedang tidak tersedia"),
]


def row(run: Run, language: Language) -> str:
    """What the status says of step X, with backticks and asterisks instead of tags."""
    execution, workflow = seen(run)
    text = render(status(execution, run.now, workflow), language, "html")
    (found,) = [line for line in text.split("\n") if line.split(" ")[1:2] == ["X"]]
    for entity, character in (("<code>", "`"), ("</code>", "`"), ("<b>", "*"), ("</b>", "*"), ("&gt;", ">")):
        found = found.replace(entity, character)
    return found


@pytest.mark.parametrize(("made", "said"), SAID)
def test_a_step_says_why_it_is_so(made: Callable[[], Run], said: str) -> None:
    """In words for its code, with what only this run can tell: a condition, an error, the reason of a cancel."""
    assert said in {row(made(), language) for language in LANGUAGES}


def test_the_runs_above_bring_about_every_code_of_a_step_that_did_not_run() -> None:
    """So that none goes without an example."""
    codes = {state.code for made, _ in SAID for state in snapshot(made().board).steps.values()}

    assert {*SKIPPED_BY_CONDITION, *SKIPPED_BY_FAILURE} <= codes


def test_without_the_definition_a_failure_upstream_has_no_name() -> None:
    """A snapshot does not hold what a step depends on."""
    run = upstream_failed()

    text = render(status(snapshot(run.board), run.now))

    assert "⏭️ X · skipped: a step before it did not go well" in text


def test_a_code_that_is_not_known_leaves_the_reason_as_it_was_written() -> None:
    """So that a newer engine's journal can still be read."""
    run = Run(step("A"), step("X", ["A"]))
    run.cancel()
    run.node("X").code, run.node("X").reason = "by_order", "somebody said so"

    assert "⏭️ X · skipped: somebody said so" == row(run, "en")
