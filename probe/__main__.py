"""`python -m probe` is `probe`."""

import atexit
import os
import sys
from typing import NoReturn

from probe.cli import main


def run() -> NoReturn:
    """Run the command line of this process, and end the process without taking its modules apart.

    Python frees every object of every module when it ends: a tenth of the time of a short command, for memory that the
    system takes back anyway. What was registered with `atexit` is called, and what was written is flushed.
    """
    status = main()
    try:
        atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter itself calls at its end
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        sys.exit(status)  # the interpreter reports what could not be written
    os._exit(status)


if __name__ == "__main__":
    run()
