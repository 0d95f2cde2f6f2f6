import pytest

from runnerpool_agent.ipc import RunningJob
from runnerpool_agent.jobs import JobLedger, Outcome


class World:
    def __init__(self) -> None:
        self.starts: list[str] = []
        self.ends: list[tuple[str, Outcome]] = []
        self.ledger = JobLedger(self.starts.append, lambda kind, outcome: self.ends.append((kind, outcome)))


@pytest.fixture
def world() -> World:
    return World()


def listed(*uuids: str | None) -> list[RunningJob]:
    return [RunningJob(type="hls", uuid=uuid, progress=None, started_at=None) for uuid in uuids]


def test_a_failure_among_several_is_booked_on_the_job_that_vanished(world: World) -> None:
    world.ledger.started("hls", "a")
    world.ledger.started("web", "b")
    world.ledger.failed()
    assert world.ends == []
    world.ledger.listed(listed("a"))
    assert world.ends == [("web", Outcome.FAILED)]


def test_without_a_failure_a_job_not_yet_listed_stays_open(world: World) -> None:
    world.ledger.started("hls", "a")
    world.ledger.listed([])
    assert world.ledger.in_hand == 1


def test_absence_tells_nothing_while_a_job_without_uuid_is_listed(world: World) -> None:
    world.ledger.started("live", "a")
    world.ledger.started("live", "b")
    world.ledger.failed()
    world.ledger.listed(listed(None))
    assert world.ledger.in_hand == 2


def test_what_is_open_when_the_runner_ends_is_lost(world: World) -> None:
    world.ledger.started("hls", "a")
    world.ledger.started("web", "b")
    world.ledger.handed_back("a")
    assert world.ledger.runner_ended() == 1
    assert world.ends == [("hls", Outcome.HANDED_BACK), ("web", Outcome.LOST)]
    assert world.ledger.in_hand == 0


def test_a_failure_told_just_before_the_end_is_no_loss(world: World) -> None:
    world.ledger.started("hls", "a")
    world.ledger.started("web", "b")
    world.ledger.failed()
    assert world.ledger.runner_ended() == 1
    assert world.ends == [("hls", Outcome.FAILED), ("web", Outcome.LOST)]


def test_a_failure_of_no_known_job_is_booked_on_none(world: World) -> None:
    world.ledger.failed()
    world.ledger.started("hls", "a")
    world.ledger.listed([])
    assert world.ends == []


def test_the_same_job_taken_again_was_lost_before(world: World) -> None:
    world.ledger.started("hls", "a")
    world.ledger.started("hls", "a")
    world.ledger.finished("a")
    assert world.starts == ["hls", "hls"]
    assert world.ends == [("hls", Outcome.LOST), ("hls", Outcome.FINISHED)]


def test_an_end_without_a_start_is_not_counted(world: World) -> None:
    world.ledger.finished("a")
    assert world.ends == []
