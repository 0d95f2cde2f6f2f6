import pytest

from runnerpool_agent.ipc import RunningJob
from runnerpool_agent.jobs import JobEnd, JobLedger, Outcome


class World:
    def __init__(self) -> None:
        self.starts: list[str] = []
        self.ends: list[tuple[str, Outcome]] = []
        self.now = 0.0
        self.ledger = JobLedger(self.starts.append, self._end, lambda: self.now)

    def _end(self, end: JobEnd) -> None:
        self.ends.append((end.type, end.outcome))


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
    assert world.ledger.runner_ended(clean=True) == 1
    assert world.ends == [("hls", Outcome.HANDED_BACK), ("web", Outcome.LOST)]
    assert world.ledger.in_hand == 0


def test_a_failure_told_just_before_the_end_is_no_loss(world: World) -> None:
    world.ledger.started("hls", "a")
    world.ledger.started("web", "b")
    world.ledger.failed()
    assert world.ledger.runner_ended(clean=True) == 1
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


def test_what_a_runner_gave_back_has_arrived_when_it_goes_on_to_the_next_one_or_ends_well(world: World) -> None:
    for uuid in ("a", "b"):
        world.ledger.started("hls", uuid)
    world.ledger.handed_back("a")
    assert world.ends == []
    world.ledger.handed_back("b")
    assert world.ends == [("hls", Outcome.HANDED_BACK)]
    assert world.ledger.runner_ended(clean=True) == 0
    assert world.ends == [("hls", Outcome.HANDED_BACK)] * 2


def test_what_a_runner_was_giving_back_when_it_gave_up_is_lost(world: World) -> None:
    for uuid in ("a", "b"):
        world.ledger.started("hls", uuid)
        world.ledger.handed_back(uuid)
    assert list(world.ledger.orphans(clean=False)) == ["b"]
    assert list(world.ledger.orphans(clean=True)) == []
    assert world.ledger.runner_ended(clean=False) == 1
    assert world.ends == [("hls", Outcome.HANDED_BACK), ("hls", Outcome.LOST)]


def test_an_end_tells_what_the_job_has_cost(world: World) -> None:
    world.ledger.started("hls", "a")
    world.now = 90.0
    world.ledger.finished("a")
    (end,) = world.ledger.take_ends()
    assert (end.uuid, end.at, end.seconds) == ("a", 90.0, 90.0)
    assert world.ledger.take_ends() == []


def test_a_failure_waits_for_the_answer_that_caused_it(world: World) -> None:
    world.ledger.started("hls", "a")
    world.ledger.failed()
    assert world.ledger.take_ends() == []
    world.ledger.refused(413)
    world.now = 1.0
    (end,) = world.ledger.take_ends()
    assert (end.outcome, end.status) == (Outcome.FAILED, 413)


def test_a_failure_among_several_keeps_its_answer_until_its_job_is_known(world: World) -> None:
    for uuid in ("a", "b"):
        world.ledger.started("hls", uuid)
    world.ledger.failed()
    world.ledger.refused(502)
    world.ledger.listed(listed("a"))
    (end,) = world.ledger.take_ends(final=True)
    assert (end.uuid, end.status) == ("b", 502)


def test_a_jobs_token_is_kept_as_long_as_the_job_and_never_shown(world: World) -> None:
    world.ledger.proven("a", "ptrjt-1")
    world.ledger.started("hls", "a")
    world.ledger.proven("a", "ptrjt-1")
    assert world.ledger.open["a"].token == "ptrjt-1"
    assert "ptrjt" not in repr(world.ledger.open)
    world.ledger.reclaimed("a")
    assert world.ledger.open == {}
    assert world.ends == [("hls", Outcome.HANDED_BACK)]
