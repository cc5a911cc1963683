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


class Wrong(Exception):  # noqa: N818 - it is caught by name, never shown
    """What keeps a code from being read; the scanner makes a CodeProblem of it."""

    def __init__(
        self,
        code: str,
        message: str,
        at: tuple[int, int],
        fix: str = "",
        *,
        field: str = "",
        allowed: str = "",
        nearest: str = "",
        resume: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at = at
        self.fix = fix
        self.field = field
        self.allowed = allowed
        self.nearest = nearest
        self.resume = resume
        """Where the next code may begin; None: after this one."""
