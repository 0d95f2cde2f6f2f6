"""The pytest plugin of fault tests: the marker `fault`, the fixture `case`, and a line of results for each."""

import os
import time
from collections.abc import Generator

import pytest

from support.reliability.case import Case
from support.reliability.results import Result, append
from support.reliability.setting import commit, machine

MARKER = "fault"
_CASE = pytest.StashKey[Case]()
_OUTCOMES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "fault(id, ...): a case of the reliability study or of our own; its result is reported"
    )


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    """What this test has to report."""
    made = Case()
    request.node.stash[_CASE] = made
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker = item.get_closest_marker(MARKER)
    if marker is not None:
        outcomes = item.stash.setdefault(_OUTCOMES, [])
        outcomes.append(report.outcome)
        if report.when == "teardown":
            append(_result(item, [str(one) for one in marker.args], outcomes), _process_name())
    return report


def case_of(item: pytest.Item) -> Case:
    """What a test has reported so far."""
    return item.stash.get(_CASE, Case())


def _result(item: pytest.Item, ids: list[str], outcomes: list[str]) -> Result:
    case = case_of(item)
    return Result(
        test=item.nodeid,
        ids=tuple(ids),
        outcome=next((outcome for outcome in ("failed", "skipped") if outcome in outcomes), "passed"),
        reason=case.reason,
        tell=case.tell,
        heal=case.heal,
        at=time.time(),
        commit=commit(),
        machine=machine(),
    )


def _process_name() -> str:
    return f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}"
