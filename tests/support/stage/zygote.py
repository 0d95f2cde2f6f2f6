"""`python -m support.stage.zygote`: has imported the operator, and forks one for each line of its input.

The imports are most of what an operator's start costs, and the tests start hundreds. What runs in a fork is the
command's own entry, with the arguments, the environment and the output that the line tells; its process ID is the
answer. When the input ends, because whoever asked is gone, so are all forks.
"""

import gc
import multiprocessing
import os
import sys
from typing import TextIO

from runnerpool import cli
from support.stage.forking import Birth

_context = multiprocessing.get_context("fork")


def be_operator(birth: Birth) -> None:
    """Become the operator: from here on, nothing differs from a process that ran the command."""
    os.setsid()
    output = os.open(birth.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(birth.environment)
    sys.argv = ["runnerpool", *birth.arguments]
    cli.main()


def serve(orders: TextIO, answers: TextIO) -> None:
    """Fork for each line until there are no more; then end what still runs."""
    for line in orders:
        operator = _context.Process(target=be_operator, args=(Birth.parse(line),), daemon=True)
        operator.start()
        print(operator.pid, file=answers, flush=True)
    for left in multiprocessing.active_children():
        left.kill()


if __name__ == "__main__":
    gc.freeze()  # the forks share what is there, as long as no collector writes to it
    serve(sys.stdin, sys.stdout)
