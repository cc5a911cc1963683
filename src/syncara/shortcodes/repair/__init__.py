"""Corrections of codes that are wrong, tried out on paper before they are offered.

`rounds` corrects, reads again and corrects what is still wrong; `correcting` decides what is done about each problem:

- a code in the wrong place (in a sentence, too early, twice, in a circle, in another code): `placing`; a name that the
  rest of the reply tells: `naming`;
- a code that cannot be read, or not as it was meant: `reading` finds its command, `tool_calls` other shapes of a call,
  `splitting` its pieces, `loose_json` the JSON in them, and `assigning` which piece is which field, by what `guesses`
  says that a field can make of it;
- a field that cannot be taken as it is: `mending`, with `steps` and `params` for what a step holds, `values` for
  numbers, times and flags, `references` and `step_names` for what is named, `conditions` and `placeholders`.

`known` is what there is to refer to, `words` (with words.toml) what words stand for, `writing` writes a code again, and
`edits` keeps what stands in the place of what.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from syncara.shortcodes.paper import Paper
from syncara.shortcodes.problems import CodeProblem

logger = logging.getLogger("syncara")

TEXT_CHARS_MAX = 65_536
STEPS_MAX = 5_000
"""A longer reply, or one about more steps, is told what is wrong with it, and gets no corrections: each is tried out on
paper, and others wait while that is done."""


def complete(paper: Paper, read: Callable[[str], Paper]) -> list[CodeProblem]:
    """The problems of a reply, each with the correction of its code, where one can be made with confidence.

    `read` reads another text in the same chat; nothing of it is carried out.
    """
    if len(paper.text) <= TEXT_CHARS_MAX and paper.draft.size <= STEPS_MAX:
        from syncara.shortcodes.repair.rounds import completed  # noqa: PLC0415 - most replies need no repair

        try:
            return completed(paper, read)
        except Exception:  # a fault here must not keep anyone from being told what is wrong
            logger.exception("no corrections were found for a reply")
    return [msgspec.structs.replace(found.problem, example="") for found in paper.found]
