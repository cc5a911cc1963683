"""Whether an event may happen in the state that a run is in, and whether nothing that had to happen is missing.

Each check names the rule it holds the engine to. Times are seconds.
"""

from __future__ import annotations

from typing import Any

from syncara.testing.fold import BY_CONDITION, POISON_DEATHS, RunFold, StepFold, method_of
from syncara.testing.language import Missing, Seen

TINY = 1e-4
"""Unix time as a float is good to about a microsecond."""


class Violation(Exception):
    """The engine broke a rule."""


def need(holds: bool, rule: str) -> None:
    if not holds:
        raise Violation(rule)


class Rules:
    """The rules for the events of one run. `check` comes before the fold takes the event."""

    def __init__(self, fold: RunFold) -> None:
        self.fold = fold
        self.leftover: set[str] | None = None
        """The watchers that are being skipped together, and how their conditions stood at that moment."""
        self.verdicts: dict[str, bool | None] = {}
        self.last = ""

    def check(self, event: dict[str, Any]) -> None:
        fold, kind = self.fold, event["event"]
        need(event["at"] >= fold.at, "`at` never runs backwards")
        need((kind == "Started") == (not fold.contexts), "a journal begins with Started, and only there")
        need(fold.status in ("none", *OPEN_RUN), "nothing happens after Finished")
        if "step" in event:
            need(event["step"] in fold.steps, f"there is a step {event['step']!r}")
            need(fold.exists(fold.steps[event["step"]]), "a task exists once its group has expanded")
        if kind not in FACTS:
            need(not fold.paused, "pause decides nothing until resume")
            need(fold.approve_by is None or fold.cancelled, "nothing is decided before the approval")
            need(fold.start_at is None or fold.cancelled, "nothing is decided before the start")
        if kind != "StepSkipped" or event["code"] not in ("never_true", "condition_error"):
            self.leftover = None
        getattr(self, method_of(kind))(event)
        if kind in ("StepSkipped", "StepCancelled"):
            need(bool(event["reason"]), "each step that did not run says why")
        self.last = kind

    def _step(self, event: dict[str, Any]) -> StepFold:
        return self.fold.steps[event["step"]]

    # Facts.

    def _started(self, event: dict[str, Any]) -> None:
        pass

    def _step_succeeded(self, event: dict[str, Any]) -> None:
        self._ends_an_attempt(event)

    def _step_erred(self, event: dict[str, Any]) -> None:
        self._ends_an_attempt(event)

    def _ends_an_attempt(self, event: dict[str, Any]) -> None:
        step = self._step(event)
        need(step.in_handler, "only an attempt that is in a handler has a result")
        need(step.attempt == event["attempt"], "a result is that of the attempt under way")

    def _paused(self, event: dict[str, Any]) -> None:
        need(not self.fold.paused, "a repeated pause changes nothing")

    def _resumed(self, event: dict[str, Any]) -> None:
        need(self.fold.paused, "only what is paused is resumed")

    def _cancelled(self, event: dict[str, Any]) -> None:
        need(not self.fold.cancelled, "a repeated cancel changes nothing")

    def _approved(self, event: dict[str, Any]) -> None:
        approve_by = self.fold.approve_by
        need(approve_by is not None, "an approval counts once, where one is needed")
        assert approve_by is not None
        need(event["at"] < approve_by, "an approval that comes too late is none")

    def _signalled(self, event: dict[str, Any]) -> None:
        step = self._step(event)
        need(step.status in ("waiting", "blocked"), "a signal reaches a step that waits for one")
        need(
            step.signal == event["signal"] and step.signalled is None, "a signal is the one waited for, and comes once"
        )

    def _runner_lost(self, event: dict[str, Any]) -> None:
        need(any(step.in_handler for step in self.fold.steps.values()), "only attempts under way can be lost")

    def _ticked(self, event: dict[str, Any]) -> None:
        need(not self.fold.paused, "nothing is due while paused")

    # Starts.

    def _may_go_on(self, step: StepFold) -> None:
        fold = self.fold
        need(not fold.cancelled, "nothing starts after a cancel")
        need(not (step.recovery and fold.recovery_timed_out), "nothing starts after the recovery timeout")

    def _may_start(self, step: StepFold) -> None:
        self._may_go_on(step)
        need(not self.fold.failing or step.recovery, "after a failure only recovery steps start")
        self._within_reach(step)
        if step.plan.condition is not None:
            need(self._ask(step) is True, "a step with a condition starts when the condition is true")

    def _within_reach(self, step: StepFold) -> None:
        need(self.fold.within_reach(step), "a step is decided once, when all its dependencies have settled")
        need(not self.fold.unmet(step), f"run_when {step.plan.run_when} is met before a step is decided further")

    def _slot(self) -> None:
        need(self.fold.slots_free > 0, "at most max_parallel_steps attempts and delays are under way")

    def _ask(self, step: StepFold) -> bool | None:
        assert step.plan.condition is not None
        return step.plan.condition.ask(self.fold.seen())

    def _step_scheduled(self, event: dict[str, Any]) -> None:
        step = self._step(event)
        need(not step.plan.group and not step.plan.delay, "groups and delays have no handler")
        self._slot()
        need(not step.settled, "a finished step never runs again")
        if step.status == "pending":
            self._may_start(step)
            need(event["attempt"] == 1, "the first attempt is number 1")
            self._params(step, event)
            return
        self._may_go_on(step)
        need(event.get("params") in (None, (step.first or {}).get("params")), "params are rendered once")
        if step.status == "retrying":
            need(not self.fold.failing or step.recovery, "in a failing run only recovery steps are retried")
            need(event["at"] >= step.wake_at - TINY, "a retry waits for its time")
            need(event["attempt"] == step.coming, "a retry has the next number")
            return
        need(event["attempt"] == step.coming, "a re-run repeats the number of its attempt")
        if step.lost:
            need(step.plan.on_crash == "retry", "on_crash=retry runs a lost attempt again")
            need(not step.suspect, "a suspect waits for its turn")
            return
        need(step.signalled is not None, "a step under way does not start again")
        assert step.signalled is not None
        need(step.signalled.get("data") != "fail", "the answer was not to run it again")
        need(not step.suspect or step.signal == "turn", "a suspect waits for its turn")

    def _params(self, step: StepFold, event: dict[str, Any]) -> None:
        params, step.wanted = event.get("params"), self._rendered(step)
        untouched = params is None and step.plan.params.literal
        need(params == step.wanted or untouched, "params are rendered from the context")

    def _step_expanded(self, event: dict[str, Any]) -> None:
        step = self._step(event)
        need(step.plan.group and step.status == "pending", "a group expands once")
        self._may_start(step)

    def _step_slept(self, event: dict[str, Any]) -> None:
        step = self._step(event)
        need(step.plan.delay and step.status == "pending", "a delay begins once")
        self._slot()
        self._may_start(step)
        need(event["seconds"] == self._rendered(step)["seconds"], "a delay takes the seconds that it was given")
        need(abs(event["wake_at"] - event["at"] - event["seconds"]) < TINY, "a delay counts from its start")

    def _rendered(self, step: StepFold) -> Any:
        try:
            return step.plan.params.rendered(self.fold.seen())
        except Missing as error:
            raise Violation(f"a step whose placeholder {error} names nothing fails and does not start") from None

    # What comes of a start.

    def _step_woke(self, event: dict[str, Any]) -> None:
        step = self._step(event)
        need(step.status == "delayed", "only a delay wakes")
        self._may_go_on(step)
        need(not self.fold.failing or step.recovery, "a failing run ends its delays")
        need(event["at"] >= step.wake_at - TINY, "a delay lasts as long as it says")

    def _step_joined(self, event: dict[str, Any]) -> None:
        group = self._settled_group(event)
        need(not any(_fails_group(task) for task in group.tasks), "a group with a failed task fails")
        need(not any(_ended(task) for task in group.tasks), "a group whose tasks were ended does not complete")

    def _settled_group(self, event: dict[str, Any]) -> StepFold:
        group = self._step(event)
        need(group.plan.group and group.status == "running", "only a group that has expanded is joined")
        need(all(task.settled for task in group.tasks), "a group waits for all its tasks")
        return group

    def _step_waiting(self, event: dict[str, Any]) -> None:
        step = self._step(event)
        need(event["signal"] == "on_crash", "a step waits only for a person's answer after a crash")
        need(step.lost and step.plan.on_crash == "ask", "on_crash=ask waits for a person's answer")

    def _step_blocked(self, event: dict[str, Any]) -> None:
        step = self._step(event)
        if event["signal"] == "turn":
            otherwise_free = step.status == "retrying" or (step.signalled is not None and step.signal != "turn")
            need(step.lost or otherwise_free, "a step waits for its turn when it could run again")
            need(step.deaths >= POISON_DEATHS - 1, "after two unclean deaths a step is a suspect")
        else:
            need(event["signal"] == "handler", "a step is blocked for a handler or a turn")
            need(step.erred is not None and step.erred["code"] == "unknown_handler", "the handler was missing")

    def _retry_planned(self, event: dict[str, Any]) -> None:
        step, erred = self._step(event), self._step(event).erred
        need(erred is not None, "a retry follows a failed attempt")
        assert erred is not None
        need(not self.fold.failing or step.recovery, "in a failing run only recovery steps are retried")
        need(self._may_retry(step), "an attempt is retried while retries are left and trying again may help")
        need(event["attempt"] == erred["attempt"] + 1, "a retry has the next number")
        plan = step.plan
        least = min(plan.retry_delay * plan.retry_backoff ** (erred["attempt"] - 1), plan.max_retry_delay)
        most = least * 1.1
        after = erred.get("retry_after") or 0.0
        wait = event["wake_at"] - erred["at"]
        in_bounds = max(least, after) - TINY <= wait <= max(most, after * 1.1) + TINY
        need(in_bounds, "the wait before a retry follows its formula")

    def _may_retry(self, step: StepFold) -> bool:
        erred = step.erred
        assert erred is not None
        retries = step.plan.retry_count if self.fold.workflow.auto_retry else 0
        return bool(erred["attempt"] <= retries and erred.get("retryable", True))

    # Ends.

    def _step_failed(self, event: dict[str, Any]) -> None:
        step, code = self._step(event), event["code"]
        need(bool(event["error"]), "a failure says what went wrong")
        if code == "group_failed":
            group = self._settled_group(event)
            need(any(_fails_group(task) for task in group.tasks), "a group fails for a failed task")
        elif code in ("missing_placeholder", "invalid_params"):
            self._slot()
            self._may_start(step)
            self._cannot_render(step, code)
        elif code == "poison":
            need(step.lost and step.deaths >= POISON_DEATHS, "three unclean deaths make a step poison")
        elif code == "crashed":
            refused = step.signalled is not None and step.signalled.get("data") == "fail"
            need((step.lost and step.plan.on_crash == "fail") or refused, "a lost attempt fails when it says so")
        else:
            need(step.erred is not None, "a step fails after a failed attempt")
            assert step.erred is not None
            last = not self._may_retry(step) or (self.fold.failing and not step.recovery)
            need(last, "a step fails for good when no retry is left")
            need(code == step.erred["code"], "a failure has the code of its last attempt")
            need(event["error"] == step.erred["error"], "a failure has the text of its last attempt")

    def _cannot_render(self, step: StepFold, code: str) -> None:
        if code == "invalid_params":
            seconds = self._rendered(step)["seconds"]
            need(step.plan.delay and not isinstance(seconds, int | float), "a delay needs a number")
            return
        seen = self.fold.seen()
        completed = {name: value for name, value in seen.data.items() if seen.status[name] == "completed"}
        try:
            step.plan.params.rendered(Seen(seen.context, seen.status, completed))
        except Missing:
            return
        raise Violation("a placeholder is missing only when what it names is not there")

    def _step_skipped(self, event: dict[str, Any]) -> None:
        step, code, fold = self._step(event), event["code"], self.fold
        need(step.status == "pending", "only what has not started is skipped")
        ended = {
            "run_cancelled": fold.cancelled,
            "run_failed": fold.failing and not step.recovery,
            "global_timeout": fold.timed_out and not step.recovery,
            "recovery_timeout": fold.recovery_timed_out and step.recovery,
        }
        if code in ended:
            need(ended[code], f"the reason {code} is true")
        elif code in ("upstream_failed", "not_needed"):
            need(fold.within_reach(step), "run_when is decided when all dependencies have settled")
            need(fold.unmet(step) == code, f"the reason {code} is true")
        elif step.watcher:
            self._leftover_watcher(step, code)
        else:
            need(code in ("condition_false", "condition_error"), "a condition is false or cannot be evaluated")
            self._within_reach(step)
            if not step.plan.group:
                self._slot()
            need(self._ask(step) is (False if code == "condition_false" else None), f"the reason {code} is true")

    def _leftover_watcher(self, step: StepFold, code: str) -> None:
        """Watchers are skipped together: one does not see that another was skipped."""
        if self.leftover is None:
            need(self._quiet(), "watchers are skipped when the run is quiet")
            self.leftover = {other.name for other in self._pending_watchers()}
            self.verdicts = {name: self._ask(self.fold.steps[name]) for name in self.leftover}
            need(True not in self.verdicts.values(), "a watcher whose condition is true starts")
        verdict = self.verdicts.get(step.name, True)
        need(verdict is (False if code == "never_true" else None), f"the reason {code} is true")

    def _pending_watchers(self) -> list[StepFold]:
        return [step for step in self.fold.top if step.watcher and step.status == "pending"]

    def _quiet(self) -> bool:
        fold = self.fold
        startable = any(fold.within_reach(step) and not step.watcher for step in fold.steps.values())
        return not startable and not any(True for _ in fold.under_way())

    def _step_cancelled(self, event: dict[str, Any]) -> None:
        step, code, fold = self._step(event), event["code"], self.fold
        need(step.status != "pending" and not step.settled, "only what is under way is cancelled")
        if code == "run_cancelled":
            need(fold.cancelled, "the run was cancelled")
        elif step.plan.group:
            need(all(task.settled for task in step.tasks), "a group waits for all its tasks")
            need(any(_ended(task) for task in step.tasks), "a group is cancelled when its tasks were ended")
            need(not any(_fails_group(task) for task in step.tasks), "a group with a failed task fails")
        elif code == "recovery_timeout":
            need(fold.recovery_timed_out and step.recovery, "the recovery timeout has struck")
        else:
            need(fold.failing and not step.recovery, "a failing run ends what is no recovery")
            need(code in ("run_failed", "global_timeout"), "the code names what ended the step")
            need(code == "run_failed" or fold.timed_out, "the global timeout has struck")
            need(not step.in_handler or fold.timed_out, "attempts in a handler finish when the run fails")

    def _timed_out(self, event: dict[str, Any]) -> None:
        fold, workflow = self.fold, self.fold.workflow
        need(bool(event["error"]), "a failure says what went wrong")
        need(fold.clock_runs(), "the deadlines stand still while nothing but a person or an event is waited for")
        more = event["at"] - fold.at
        if event["code"] == "global_timeout":
            need(not fold.timed_out, "the global timeout strikes once")
            need(fold.active_seconds + more >= workflow.global_timeout - TINY, "the global timeout leaves its time")
        else:
            need(fold.recovery_began and not fold.recovery_timed_out, "the recovery timeout strikes once")
            spent = fold.recovery_seconds + more
            need(spent >= workflow.recovery_timeout - TINY, "the recovery timeout leaves its time")

    def _finished(self, event: dict[str, Any]) -> None:
        fold = self.fold
        need(all(step.settled for step in fold.top), "a run ends when all its steps have settled")
        if fold.cancelled:
            wanted = "cancelled"
        elif fold.failing:
            wanted = "failed"
        else:
            wanted = "completed" if fold.first_failure is None else "completed_with_errors"
        need(event["status"] == wanted, f"the run ends {wanted}, not {event['status']}")
        if wanted == "cancelled":
            code = "not_approved" if fold.expired else "cancelled"
            need(event["code"] == code, f"a cancelled run has the code {code}")
        if wanted == "completed":
            fine = all(s.status == "completed" or s.code in BY_CONDITION for s in fold.steps.values() if fold.exists(s))
            need(fine, "completed means that every step completed or was skipped by its own condition")
        if fold.out_of_time and wanted == "failed":
            need(event["code"] == "global_timeout", "a run that was out of time has the code global_timeout")
        elif wanted in ("failed", "completed_with_errors"):
            assert fold.first_failure is not None
            need(event["code"] == fold.first_failure["code"], "the code is that of the first failure")
            need(fold.first_failure["error"] in event["error"], "the error is the first failure")

    # What must not be left undone.

    def complete(self) -> None:
        """After an event's decisions: everything that had to follow has followed."""
        fold = self.fold
        if fold.status != "running" and not fold.cancelled:
            return
        if fold.status in FINAL_RUN:
            return
        need(not fold.cancelled, "a cancel ends the run at once")
        seen = fold.seen()
        free = fold.slots_free > 0
        for step in fold.steps.values():
            if step.status == "pending":
                self._rightly_pending(step, seen, free)
            elif not step.settled:
                self._rightly_under_way(step, free)
        need(not all(step.settled for step in fold.top), "a run whose steps have all settled ends")
        need(any(True for _ in fold.under_way()), "a quiet run skips its watchers and ends")

    def _rightly_pending(self, step: StepFold, seen: Seen, free: bool) -> None:
        fold = self.fold
        if not fold.exists(step):
            return
        what = f"{step.name!r}: "
        need(not fold.failing or step.recovery, what + "a failing run skips what is no recovery and has not started")
        need(not (fold.recovery_timed_out and step.recovery), what + "the recovery timeout skips what has not started")
        if not fold.within_reach(step):
            return
        need(not fold.unmet(step), what + "a step whose run_when is not met is skipped at once")
        if step.watcher and step.plan.condition and step.plan.condition.ask(seen) is not True:
            return
        need(not free and not step.plan.group, what + "a step that can start starts as soon as a slot is free")

    def _rightly_under_way(self, step: StepFold, free: bool) -> None:
        fold = self.fold
        what = f"{step.name!r}: "
        need(step.erred is None, what + "a failed attempt is tried again or fails its step")
        again = step.lost or step.signalled is not None
        need(not (again and free), what + "a lost attempt, or one whose signal has come, goes on")
        if step.plan.group:
            need(not all(task.settled for task in step.tasks), what + "a group ends with the last of its tasks")
        elif fold.failing and not step.recovery:
            need(step.status == "running" or again, what + "a failing run ends delays, retry waits and waits")
            need(not fold.timed_out, what + "the global timeout ends running attempts")
        elif fold.recovery_timed_out:
            need(not step.recovery, what + "the recovery timeout ends recovery")
        if step.status in ("delayed", "retrying") and self.last in ("Ticked", "Resumed"):
            due = step.wake_at <= fold.at - TINY and (step.status == "delayed" or free)
            need(not due, what + "what is due goes on")


def _fails_group(task: StepFold) -> bool:
    return task.status == "failed" and task.plan.on_error == "fail"


def _ended(task: StepFold) -> bool:
    return task.status == "cancelled" or (task.status == "skipped" and task.code not in BY_CONDITION)


OPEN_RUN = ("scheduled", "awaiting_approval", "running", "paused")
FINAL_RUN = frozenset({"completed", "completed_with_errors", "failed", "cancelled"})
FACTS = frozenset(
    {
        "Started",
        "StepSucceeded",
        "StepErred",
        "Paused",
        "Resumed",
        "Cancelled",
        "Approved",
        "Signalled",
        "RunnerLost",
        "Ticked",
    }
)
