"""What becomes of each effect: allowed, held for a person's approval, or denied; with the line that decided.

For one effect the handler's line comes first: its `deny` is final. Otherwise the line that names the address decides
(a host, a shortcode, a file operation …), and without one the handler's line does. What the role takes away, and what
a custom handler does not declare, comes on top: of several answers the strictest counts, for one effect and for all.
A role's lines name addresses as the general ones do; there a list leaves nothing to another line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec

from syncara.core.errors import Problem
from syncara.core.events import Covered
from syncara.core.model import Step
from syncara.handlers.failures import FinalError
from syncara.handlers.rooted import names, root_of
from syncara.policy import taint
from syncara.policy.effects import Effect, as_judged, effect
from syncara.policy.policy import Decision, Grant, Policy, Role, RoleRules, Rules
from syncara.policy.roles import among

DEFAULTS: dict[str, Decision] = dict.fromkeys(
    ("send_message", "database_operation", "file_operation", "api_call", "execute_shortcode"), "approve"
)
"""Handlers whose line is not `allow` when the policy does not name them."""

Ruling = tuple[Decision, str]
"""A decision, and the line of the policy that made it."""
Declares = Callable[[str], bool]
"""Whether a handler is registered with `ai=True`; asked of custom handlers."""

_STRICTNESS: dict[Decision, int] = {"allow": 0, "approve": 1, "deny": 2}


class Judged(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    effect: Effect
    """With `own` as the policy sees it."""
    decision: Decision
    rule: str
    """The line that decided, in words."""


class Verdict(msgspec.Struct, frozen=True):
    decision: Decision
    """The strictest of all."""
    judged: tuple[Judged, ...]

    @property
    def rule(self) -> str:
        """Why, in the words of the first effect that has this decision."""
        return next((each.rule for each in self.judged if each.decision == self.decision), "nothing to judge")

    @property
    def held(self) -> tuple[Effect, ...]:
        """What needs approval."""
        return tuple(each.effect for each in self.judged if each.decision == "approve")

    @property
    def beyond(self) -> bool:
        """Whether something that needs approval reaches beyond the chat (`roles.approvers`)."""
        return any(each.own is False for each in self.held)


def judge(
    policy: Policy, effects: Iterable[Effect], *, chat_id: Any, user_id: Any, role: Role, declares: Declares
) -> Verdict:
    """Judge the effects of a workflow that an assistant wrote, for the user who asked for it in a chat."""
    if role == "stranger":
        rule = f"user {user_id!r} is a stranger in chat {chat_id!r}"
        judged = tuple(Judged(each, "deny", rule) for each in effects)
        return Verdict("deny", judged)
    rules = policy.rules(chat_id)
    judged = tuple(_judge_one(rules, each, role, declares) for each in effects)
    found = {each.decision for each in judged}
    return Verdict("deny" if "deny" in found else "approve" if "approve" in found else "allow", judged)


def offers(rules: Rules, role: Role | None, handler: str, shortcode: str = "") -> bool:
    """Whether a handler, or a shortcode that it executes, is denied neither in a chat nor to a role; None: unknown."""
    lines: list[Rules | RoleRules] = [rules, *([] if role is None else [rules.role[role]])]
    words = (each for of in lines for each in (of.handlers.get(handler), of.shortcodes.get(shortcode)))
    return "deny" not in words


def check_call(
    policy: Policy,
    step: Step,
    params: Mapping[str, Any],
    *,
    chat_id: Any,
    user_id: Any,
    role: Role,
    declares: Declares,
    covers: Covered,
    takes_data: Callable[[str], bool] = taint.never,
) -> Problem | None:
    """Judge once more at the moment of a call: what refuses it, or None.

    `step` is the definition's, `params` are rendered: what was filled in must have changed no address. `covers`: what
    of its plan is approved. The policy, and the role, are those of now.
    """
    found = taint.changed(step, params, takes_data)
    if found is not None:
        return found
    verdict = judge(policy, (effect(step, chat_id),), chat_id=chat_id, user_id=user_id, role=role, declares=declares)
    approved = all(covered(covers, each) for each in verdict.held)
    return _refusal(verdict.decision, verdict.rule, f"step '{step.name}'", approved=approved)


def covered(covers: Covered, asked: Effect) -> bool:
    """Whether an approval is for this effect, in everything that the policy of now sees in it."""
    return covers if isinstance(covers, bool) else covers.get(asked.step) == as_judged(asked)


def check_site(
    policy: Policy, site: str, *, chat_id: Any, role: Role, method: str, planned: Collection[str]
) -> Problem | None:
    """Judge a site (`effects.site`) that a request is about to go to, those of redirects too.

    `planned`: the sites of the plan's own calls, which `judge` has seen, and a person where it had to be one.
    """
    rules = policy.rules(chat_id)
    decision, rule = _ruling(rules, role, "api_call", partial(_web, site=site, method=method))
    return _refusal(decision, rule, f"site '{site}'", approved=site in planned)


def _refusal(decision: Decision, rule: str, where: str, *, approved: bool) -> Problem | None:
    if decision == "deny":
        return Problem("denied", where, f"the policy denies it: {rule}", "leave it out, or change the policy file")
    if decision == "approve" and not approved:
        message = f"it needs a person's approval, which the plan does not have: {rule}"
        return Problem("not_approved", where, message, "ask for it again, and have the plan approved")
    return None


def _judge_one(rules: Rules, asked: Effect, role: Role, declares: Declares) -> Judged:
    root = ""
    if asked.kind == "collection":
        asked = _owned(asked, asked.address not in rules.collections.shared)
    elif asked.kind == "file":
        root = _root(rules, asked)
        asked = _owned(asked, not root)
    decision, rule = _ruling(rules, role, asked.handler, partial(_line, asked=asked, root=root))
    if asked.kind == "custom" and decision == "allow" and not declares(asked.handler):
        decision, rule = "approve", f"the handler '{asked.handler}' is not registered with ai=True"
    return Judged(asked, decision, rule)


def _root(rules: Rules, asked: Effect) -> str:
    """The shared root that a file lies in, or ""; a path that leads nowhere lies in none, and is refused elsewhere."""
    try:
        return root_of(names(str(asked.address)), rules.roots) or ""
    except FinalError:
        return ""


def _owned(asked: Effect, own: bool) -> Effect:
    return asked if asked.own is own else msgspec.structs.replace(asked, own=own)


class _Lines(NamedTuple):
    """Lines about addresses: those of a chat, or what a role takes away from them."""

    of: Rules | RoleRules
    place: str = ""
    """What stands before their names."""
    unnamed: Decision | None = None
    """What a list says of what is not in it; None: nothing."""

    def words(self, name: str, word: Decision) -> Ruling:
        return word, f'{self.place}{name} = "{word}"'

    def listed(self, name: str, what: str, *, named: bool) -> Ruling | None:
        if named:
            return "allow", f"{self.place}{name} names {what}"
        return self.unnamed and (self.unnamed, f"{self.place}{name} does not name {what}")

    def granted(self, name: str, grant: Grant, operation: str) -> Ruling | None:
        if isinstance(grant, str):
            return self.words(name, grant)
        return self.listed(name, operation, named=operation in grant)


def _ruling(rules: Rules, role: Role, handler: str, line: Callable[[_Lines], Ruling | None]) -> Ruling:
    """What becomes of a call of a handler: `line` is what lines say of where it goes."""
    named = _handler_line(rules, handler)
    general = named if named[0] == "deny" else line(_Lines(rules)) or named
    taken = _Lines(rules.role[role], f"role.{role}.", "approve")
    word = taken.of.handlers.get(handler)
    by_role = (word and taken.words(f"handlers.{handler}", word), line(taken))
    return max((general, *filter(None, by_role)), key=lambda ruling: _STRICTNESS[ruling[0]])


def _handler_line(rules: Rules, handler: str) -> Ruling:
    named = rules.handlers.get(handler)
    decision = named or DEFAULTS.get(handler, "allow")
    return decision, f'handlers.{handler} = "{decision}"' + ("" if named else " by default")


def _line(lines: _Lines, asked: Effect, root: str) -> Ruling | None:
    """What lines say of an address; None: nothing. `root`: the shared one that a file lies in, or ""."""
    of = lines.of
    match asked:
        case Effect(kind="message", own=True):
            return "allow", "a chat's own messages need no approval"
        case Effect(kind="message", own=False, address=to) if of.send_to is not None:
            return lines.listed("send_to", f"chat {to!r}", named=among(to, of.send_to))
        case Effect(kind="web", address=str(site)):
            return _web(lines, site, asked.operation)
        case Effect(kind="web"):
            return "deny", "the URL names no plain host"
        case Effect(kind="file") if not root:
            return lines.granted("files", of.files, asked.operation)
        case Effect(kind="file") if (shared := of.roots.get(root)) is not None:
            return lines.granted(f"roots.{root}.files", shared.files, asked.operation)
        case Effect(kind="collection", own=True):
            return lines.granted("collections.own", of.collections.own, asked.operation)
        case Effect(kind="collection", address=str(name)) if name in of.collections.shared:
            return lines.granted(f'collections.shared."{name}"', of.collections.shared[name], asked.operation)
        case Effect(kind="shortcode", address=str(name)) if name in of.shortcodes:
            return lines.words(f'shortcodes."{name}"', of.shortcodes[name])
    return None


def _web(lines: _Lines, site: str, method: str) -> Ruling | None:
    """The line that names the host most exactly; its port does not matter."""
    host = site.rpartition(":")[0] if ":" in site and not site.endswith("]") else site
    name = next((name for name in lines_of(host) if name in lines.of.web), None)
    return None if name is None else lines.granted(f'web."{name}"', lines.of.web[name], method)


def lines_of(host: str) -> list[str]:
    """How a policy can name a host, the most exact first."""
    labels = host.split(".")
    return [host, *("*." + ".".join(labels[n:]) for n in range(1, len(labels))), "*"]
