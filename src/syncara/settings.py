"""The settings, and the only reader of the environment.

SYNCARA_DATABASE    the SQLite file; default `syncara.db` in the working directory
SYNCARA_DURABILITY  `full` (default: survives power loss) or `fast` (survives kill -9)
SYNCARA_WORKSPACE   the folder of relative paths in file_operation; default `workspace` in the working directory
SYNCARA_DOCUMENTS   where the documents are: a `mongodb://` URL; default: in the database file
SYNCARA_NOTIFY      where notifications go: Apprise URLs, separated by commas; default: Python's logging
SYNCARA_ANNOUNCE    `yes` (default) or `no`: tell a chat how the runs end that its replies started
SYNCARA_RETENTION   seconds that finished executions are kept; default: until `cleanup`
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from syncara.core.errors import Problem, ValidationError
from syncara.core.limits import SECONDS_MAX

Durability = Literal["full", "fast"]
DATABASE = "syncara.db"
_SWITCH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Settings(msgspec.Struct, frozen=True):
    database: str = DATABASE
    durability: Durability = "full"
    documents: str | None = None
    notify: str | None = None
    workspace: Path | None = None
    """None: `workspace` in the working directory."""
    retention: float | None = None
    """Seconds that finished executions are kept; None keeps them until `cleanup`."""
    announce: bool = True


def load(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `given` (None means: not given), then the environment, then the defaults.

    Raises ValidationError naming the setting.
    """
    read: dict[str, Any] = {
        "database": environment.get("SYNCARA_DATABASE"),
        "durability": environment.get("SYNCARA_DURABILITY"),
        "retention": environment.get("SYNCARA_RETENTION"),
        "workspace": environment.get("SYNCARA_WORKSPACE"),
        "documents": environment.get("SYNCARA_DOCUMENTS"),
        "notify": environment.get("SYNCARA_NOTIFY"),
        "announce": environment.get("SYNCARA_ANNOUNCE"),
    }
    read.update({name: value for name, value in given.items() if value is not None})
    values = {name: value for name, value in read.items() if value is not None}
    found = []
    try:
        values["database"] = os.fsdecode(values.get("database", DATABASE))
    except TypeError:
        message = f"the database is the path of a file, not {values['database']!r}"
        found.append(Problem("wrong_type", "SYNCARA_DATABASE", message, "pass text or a pathlib.Path"))
    if "workspace" in values:
        try:
            values["workspace"] = Path(values["workspace"])
        except TypeError:
            message = f"the workspace is the path of a folder, not {values['workspace']!r}"
            found.append(Problem("wrong_type", "SYNCARA_WORKSPACE", message, "pass text or a pathlib.Path"))
    if values.get("durability", "full") not in get_args(Durability):
        message = f"durability is 'full' or 'fast', not {values['durability']!r}"
        found.append(Problem("wrong_type", "SYNCARA_DURABILITY", message, "use 'full' or 'fast'"))
    if "announce" in values and not isinstance(values["announce"], bool):
        announce = _SWITCH.get(str(values["announce"]).lower())
        if announce is None:
            message = f"announce is 'yes' or 'no', not {values['announce']!r}"
            found.append(Problem("wrong_type", "SYNCARA_ANNOUNCE", message, "use 'yes' or 'no'"))
        values["announce"] = announce
    if "retention" in values:
        try:
            values["retention"] = float(values["retention"])
        except (TypeError, ValueError):
            values["retention"] = math.nan
        if not 0 <= values["retention"] <= SECONDS_MAX:
            message = f"retention is a number of seconds, not {values['retention']!r}"
            found.append(Problem("wrong_type", "SYNCARA_RETENTION", message, "give seconds, such as 604800"))
    if found:
        raise ValidationError(found)
    return Settings(**values)
