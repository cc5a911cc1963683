"""What a reply means for the audit."""

from __future__ import annotations

import hashlib

from syncara.abc import Unsealed
from syncara.policy.audit import Command, Entry, PlanJudged, ReplyTaken, unsealed
from syncara.shortcodes.outcome import Reply
from syncara.shortcodes.paper import Paper


def entries_of(paper: Paper, reply: Reply) -> list[Unsealed]:
    """What is written with all that the reply did, or with its refusal."""
    draft = paper.draft
    chat_id, user_id, message_id = draft.chat
    taken = ReplyTaken(
        draft.author,
        chat_id,
        user_id,
        message_id,
        text_hash(paper.text) if paper.text else "",
        reply.ok,
        tuple(Command(outcome.shortcode, outcome.ok, outcome.id) for outcome in reply.outcomes),
        tuple(dict.fromkeys(problem.code for problem in reply.errors)),
    )
    judged: list[Entry] = [
        PlanJudged(
            start.started.execution_id if reply.ok else "",
            start.sheet.id,
            start.judgement.hash,
            chat_id,
            user_id,
            start.judgement.verdict.decision,
            start.judgement.verdict.rule,
        )
        for start in draft.starts
        if start.judgement is not None
    ]
    return [unsealed(draft.now, entry) for entry in (taken, *judged)]


def text_hash(text: str) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
