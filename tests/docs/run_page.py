"""Run the Python blocks of a page, in order and in one namespace: `python -m tests.docs.run_page PAGE`.

A block that is the content of a file, as the line above it says, is first written to that file, in the working
directory. Prints a JSON list of what each Python block printed.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from tests.docs.pages import fences


def run(page: Path) -> list[str]:
    names: dict[str, Any] = {"__name__": "__main__"}
    outputs = []
    for fence in fences(page.read_text("utf-8")):
        if fence.file:
            Path(fence.file).write_text(fence.text + "\n", "utf-8")
        if fence.language == "python":
            code = compile(fence.at_its_line, str(page), "exec", dont_inherit=True)
            with redirect_stdout(StringIO()) as printed:
                exec(code, names)  # noqa: S102 - running the page is the point
            outputs.append(printed.getvalue())
    return outputs


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
