"""docs/reference/agent.md says what is so."""

import re
from pathlib import Path

from runnerpool_agent.__main__ import _parse
from runnerpool_agent.causes import RestartCause, Trouble
from runnerpool_agent.drain import Cause
from runnerpool_agent.metrics import Metrics
from runnerpool_agent.termination import EndCause

_ROOT = Path(__file__).parents[3]
PAGE = (_ROOT / "docs" / "reference" / "agent.md").read_text(encoding="utf-8")
CONTAINERFILE = (_ROOT / "runner_image" / "Containerfile").read_text(encoding="utf-8")


def rows(pattern: str) -> set[str]:
    return set(re.findall(pattern, PAGE, re.MULTILINE))


def test_every_metric_is_described_and_none_else() -> None:
    shown = Metrics("1", ["vod-hls-transcoding"], 1).exposition().decode()
    series = {line.split("{")[0].split(" ")[0] for line in shown.splitlines() if not line.startswith("#")}
    assert rows(r"^\| `(runnerpool_agent_\w+)`") == {name for name in series if not name.endswith("_created")}


def test_every_cause_of_an_end_is_described_and_none_else() -> None:
    assert rows(r"^\| \d \| `(\w+)`") == {str(cause) for cause in {*EndCause, *Cause}}


def test_every_cause_of_a_restart_and_every_trouble_is_described_with_what_is_done() -> None:
    on_readiness_alone = {Trouble.STARTING, Trouble.DRAINING, Trouble.RETIRING}
    words = {str(cause) for cause in {*RestartCause, *Trouble} - on_readiness_alone}
    assert rows(r"^\| `([A-Z]\w*[a-z])` \|") == words


def test_every_argument_is_described_with_its_default() -> None:
    defaults = {name: str(value) for name, value in vars(_parse([])).items()} | {"runner_command": "peertube-runner"}
    described = dict(re.findall(r"^\| `--([a-z-]+)` \| `([^`]+)`", PAGE, re.MULTILINE))
    assert {name.replace("-", "_"): value for name, value in described.items()} == defaults


def test_every_build_argument_is_described() -> None:
    declared = set(re.findall(r"^ARG (\w+)", CONTAINERFILE, re.MULTILINE))
    assert rows(r"^\| `([A-Z_]+)` \|") == declared
