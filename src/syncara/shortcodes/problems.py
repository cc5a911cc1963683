"""What is wrong with a code of a reply, said so that a model can put it right in one turn."""

from __future__ import annotations

from syncara.core.errors import Problem


class CodeProblem(Problem, frozen=True):
    """A problem with its place in the reply. `example` is the corrected code, where one can be made with confidence."""

    position: tuple[int, int] = (0, 0)
    """Start and end, in characters of the reply."""
    shortcode: str = ""
    """`FAMILY:COMMAND`, as far as it could be read."""
    field: str = ""
    read: str = ""
    """What was written there, shortened."""
    allowed: str = ""
    """What may be written there."""
    nearest: str = ""
    """The valid name that is closest to what was written."""
    replaces: tuple[int, int] = (0, 0)
    """Start and end, in characters of the reply, of what `example` is to stand in the place of."""
