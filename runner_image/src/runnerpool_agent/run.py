"""From arguments to an exit code: configuration, signals, the agent, the termination message."""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Sequence

from runnerpool_agent import jsonlog
from runnerpool_agent.agent import Agent, Settings
from runnerpool_agent.config import AgentConfig, ConfigError, load
from runnerpool_agent.processes import adopt_orphans
from runnerpool_agent.redaction import Redactor
from runnerpool_agent.termination import EndCause, Ending, ExitCode, write_message

log = logging.getLogger(__name__)


async def run(options: argparse.Namespace, early_signals: Sequence[int]) -> int:
    """Run the agent; `early_signals`: stop signals that came before there was an agent to take them."""
    formatter = jsonlog.configure()
    try:
        config = load(options.config)
    except ConfigError as error:
        return _end(
            options, Ending(code=ExitCode.CONFIGURATION, cause=EndCause.INVALID_CONFIGURATION, message=str(error))
        )
    redact = formatter.redact = Redactor([config.runner.token.get_secret_value()])
    try:
        ending = await _live(config, options, redact, early_signals)
    except Exception:
        log.exception("the agent has failed; this is a fault in the agent itself")
        ending = Ending(
            code=ExitCode.AGENT, cause=EndCause.AGENT_FAILED, message="a fault in the agent; its log tells more"
        )
    return _end(options, ending)


async def _live(
    config: AgentConfig, options: argparse.Namespace, redact: Redactor, early_signals: Sequence[int]
) -> Ending:
    if os.getpid() != 1:
        adopt_orphans()  # to PID 1 they come by themselves, also where a sandboxed kernel knows no such request
    settings = Settings(
        drain_file=options.podinfo / "drain",
        scratch=options.scratch,
        port=options.port,
        program=options.runner_command,
        adopting=True,
    )
    agent = Agent(config, settings, redact)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.take_signal)
    if early_signals:
        agent.take_signal()
    return await agent.run()


def _end(options: argparse.Namespace, ending: Ending) -> int:
    level = logging.INFO if ending.code is ExitCode.DRAINED else logging.ERROR
    log.log(level, "the agent ends with %d (%s): %s", ending.code, ending.cause, ending.message)
    write_message(options.termination_log, ending)
    return int(ending.code)
