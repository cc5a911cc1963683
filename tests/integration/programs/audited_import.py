"""Imports everything public under an audit hook and prints what it did besides reading its own modules."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

WATCHED = {"sqlite3.connect", "subprocess.Popen", "_thread.start_new_thread", "os.mkdir", "os.remove", "os.rename"}
MODULES = {".py", ".pyc", ".so", ".pyd", ".zip", ".pth"}
found: list[str] = []


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or Path(os.fsdecode(path)).suffix not in MODULES:
            found.append(f"open {path}")
    elif event in WATCHED or event.startswith("socket."):
        found.append(f"{event} {arguments}")


sys.addaudithook(hook)
for module in ("syncara", "syncara.modules.multi_step_processor"):
    importlib.import_module(module)
print(found)
