"""Opens a database for writing and prints the code of the error that this raises: `open.py DATABASE`.

The superuser may write everything, so the program goes on as `nobody` when that is who runs it.
"""

from __future__ import annotations

import os
import sys
import tempfile

from syncara import MultiStepProcessor, StorageError

NOBODY = 65534

with tempfile.TemporaryDirectory() as folder:
    # Whatever is imported on first use is imported now, while this user may read it.
    MultiStepProcessor(f"{folder}/warm-up.db").create_workflow("New")
if os.geteuid() == 0:
    os.setgid(NOBODY)
    os.setuid(NOBODY)
try:
    MultiStepProcessor(sys.argv[1]).create_workflow("New")
except StorageError as error:
    print(error.code)
