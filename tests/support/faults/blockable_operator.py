"""`python -m support.faults.blockable_operator run …`: the operator, whose event loop a test can block from outside.

On SIGUSR1 the loop runs a call that does not come back for a while, as a fault of ours or of a library would. Nothing
of the operator is changed but, where asked for, how much lag its liveness bears: a test need not wait for a minute.
"""

import asyncio
import os
import signal
import time
from unittest.mock import patch

from runnerpool import cli, health
from runnerpool.process import run_until_stopped
from runnerpool.settings import Settings

BLOCKED_SECONDS = "BLOCKED_SECONDS"
MAX_LAG_SECONDS = "MAX_LAG_SECONDS"


async def run_blockable(settings: Settings) -> int:
    """The operator's own entry, in a loop that knows the signal."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, time.sleep, float(os.environ[BLOCKED_SECONDS]))
    return await run_until_stopped(settings)


if __name__ == "__main__":
    with (
        patch.object(health, "MAX_LOOP_LAG_SECONDS", float(os.environ[MAX_LAG_SECONDS])),
        patch.object(cli, "run_until_stopped", run_blockable),
    ):
        cli.main()
