"""The reply on the README's first screen, and the answer below it."""

from __future__ import annotations

import re
from pathlib import Path

from syncara import MultiStepProcessor
from tests.docs.pages import fences

README = Path(__file__).parents[2] / "README.md"
IDS = re.compile(r"\b(wf|ex)_\w+")


async def test_the_answer_of_the_readme_is_what_comes_of_its_reply(bot: MultiStepProcessor) -> None:
    """But for the ids, which are new each time."""
    goes_in, comes_out = [fence.text for fence in fences(README.read_text("utf-8")) if fence.language == "markdown"]

    reply = await bot.process_reply(goes_in.rstrip(), chat_id=5, message_id=1)

    assert IDS.sub("ID", comes_out.rstrip()) == IDS.sub("ID", reply.text)
