"""The import path that bots use: everything public, from one module."""

from syncara import *  # noqa: F403
from syncara import __all__  # noqa: F401 - so that `*` gives the same names here
