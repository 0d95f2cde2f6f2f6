"""The pytest plugin of the soak: the marker `soak`, the fixture `counted`, and a record for each test that passed."""

from collections.abc import Generator

import pytest

from support.reliability.plugin import case_of
from support.reliability.setting import commit
from support.soak.record import Record, write
from support.soak.switch import SOAKING

MARKER = "soak"
_COUNTED = pytest.StashKey[dict[str, int]]()
_REPORTS = pytest.StashKey[list[pytest.TestReport]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "soak(only=False): `make soak` runs it too, and there it takes its time; or it alone runs it"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes too long for any other run."""
    late = [] if SOAKING else [item for item in items if _soak_alone(item)]
    if late:
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if item not in late]


def _soak_alone(item: pytest.Item) -> bool:
    marker = item.get_closest_marker(MARKER)
    return marker is not None and bool(marker.kwargs.get("only"))


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> dict[str, int]:
    """Figures that the soak's page is to tell, by what they count."""
    made: dict[str, int] = {}
    request.node.stash[_COUNTED] = made
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SOAKING and item.get_closest_marker(MARKER):
        reports = item.stash.setdefault(_REPORTS, [])
        reports.append(report)
        # Observers judge, and logs are scanned, when a test's fixtures end.
        if report.when == "teardown" and all(told.passed for told in reports):
            seconds = sum(told.duration for told in reports)
            write(Record(test=item.nodeid, seconds=seconds, found=found(item), commit=commit()))
    return report


def found(item: pytest.Item) -> tuple[str, ...]:
    """What a test has counted, or reported as a case."""
    figures = [f"{figure:,} {what}" for what, figure in item.stash.get(_COUNTED, {}).items()]
    case = case_of(item)
    if case.reason is not None:
        figures.append(case.reason if case.tell is None else f"{case.reason} (told after {case.tell:.1f} s)")
    if case.heal is not None:
        figures.append(f"healed after {case.heal:.1f} s")
    return tuple(figures)
