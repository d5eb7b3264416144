"""Have a short-lived process of Python's start and end without what only a long-lived one needs.

Looking for garbage while modules are imported finds none, for they all stay; and to take everything apart at the end,
object by object, is work for memory that the system frees at once. Together that is a quarter of a second of a run.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

_ALLOCATIONS = 200_000
"""After how many more objects garbage is looked for; Python's own number is 700."""


def run_quickly(program: Callable[[], object]) -> NoReturn:
    """Run a program that is all of this process, and end the process with its exit status.

    Threads are waited for, functions registered with :mod:`atexit` are called, and what was printed is written;
    objects are not finalised. An exception other than SystemExit is left to Python.
    """
    gc.set_threshold(_ALLOCATIONS)
    try:
        program()
        code: object = 0
    except SystemExit as stop:
        code = stop.code
    if code is not None and not isinstance(code, int):
        # A text: Python prints it and ends with 1.
        sys.exit(str(code))
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()  # noqa: SLF001  what Python's own end calls
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BrokenPipeError:
        # Nobody reads it any more, as where it is piped to head; Python itself ends with this.
        code = 120
    os._exit(code or 0)
