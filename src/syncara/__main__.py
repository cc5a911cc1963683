"""`python -m syncara`: the command line."""

from __future__ import annotations

from syncara.doors.cli import main

if __name__ == "__main__":
    main()
