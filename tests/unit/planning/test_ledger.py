import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.loss_causes import LossCause
from runnerpool.planning.endings import EndedJob, EndedPod, Fate
from runnerpool.planning.jobs import JobState, ServerReading
from runnerpool.planning.ledger import MAX_CAUSES, OTHER, book, ledger_in, ledger_status, lost_seconds, outlived
from support.builders import NOW, ago, make_job


def ended(jobs=None, seconds=10):
    return EndedPod(name="vod-1", uid="u", cause="OutOfMemory", time=ago(seconds), jobs=jobs)


def credited(**fields):
    defaults = {"state": JobState.PROCESSING, "runner": "vod-1", "started": ago(100)}
    return make_job(**(defaults | fields))


def test_the_agents_last_message_counts_whatever_the_server_still_credits():
    jobs = tuple(EndedJob(uuid=str(number), fate=fate, seconds=10) for number, fate in enumerate(Fate))

    assert lost_seconds(ended(jobs), ServerReading(at=NOW, active=(credited(),))) == {"OutOfMemory": 30}
    assert lost_seconds(ended(()), ServerReading(at=NOW, active=(credited(),))) == {}


def test_without_a_message_the_jobs_count_that_the_server_credits_to_the_runner():
    active = (
        credited(uuid="a"),
        credited(uuid="b", started=ago(40)),
        credited(uuid="no start", started=None),
        credited(uuid="taken after the end", started=ago(1)),
        credited(uuid="saved", state=JobState.COMPLETING),
        credited(uuid="elsewhere", runner="vod-2"),
    )

    assert lost_seconds(ended(), ServerReading(at=NOW, active=active)) == {"OutOfMemory": 90 + 30}
    assert lost_seconds(ended(), None) == {}


def test_what_a_pod_outlived_is_booked_by_its_own_cause_and_told_apart_from_its_end():
    causes = (LossCause.LOST_JOB, LossCause.LOST_JOB, LossCause.RUNNER_SILENT, None)
    jobs = tuple(
        EndedJob(uuid=str(number), fate=Fate.LOST, seconds=10, cause=cause) for number, cause in enumerate(causes)
    )

    assert lost_seconds(ended(jobs), None) == {"LostJob": 20, "RunnerSilent": 10, "OutOfMemory": 10}
    assert outlived(ended(jobs)) == {LossCause.LOST_JOB: 20, LossCause.RUNNER_SILENT: 10}
    assert outlived(ended()) == {}


def test_a_job_lost_by_what_ended_its_pod_was_not_outlived():
    jobs = (EndedJob(uuid="a", fate=Fate.LOST, seconds=10, cause=LossCause.RUNNER_CRASHED),)
    pod = EndedPod(name="vod-1", uid="u", cause="RunnerCrashed", time=NOW, jobs=jobs)

    assert lost_seconds(pod, None) == {"RunnerCrashed": 10}
    assert outlived(pod) == {}


def test_seconds_add_up_by_cause_and_nothing_lost_is_no_entry():
    ledger = book({"Evicted": 5}, [("Evicted", 7), ("OutOfMemory", 3), ("Drained", 0)])

    assert ledger == {"Evicted": 12, "OutOfMemory": 3}
    assert ledger_status(ledger) == [{"cause": "Evicted", "seconds": 12}, {"cause": "OutOfMemory", "seconds": 3}]


def test_a_ledger_survives_in_the_status():
    ledger = {"Evicted": 12, "OutOfMemory": 3}

    assert ledger_in({"lostWork": ledger_status(ledger)}) == ledger
    assert ledger_in({}) == {}
    assert ledger_in({"lostWork": [{"cause": 1, "seconds": 1}, {"cause": "a", "seconds": "1"}]}) == {}


@pytest.mark.parametrize("causes", [MAX_CAUSES - 1, MAX_CAUSES, 3 * MAX_CAUSES])
def test_however_many_causes_there_are_no_second_is_left_out(causes):
    ledger = book({}, [(f"Cause{number:02}", 10) for number in range(causes)])

    assert sum(ledger.values()) == 10 * causes
    assert len(ledger) <= MAX_CAUSES
    assert (OTHER in ledger) is (causes >= MAX_CAUSES)


@given(st.lists(st.tuples(st.sampled_from([f"C{number}" for number in range(20)]), st.integers(-5, 50))))
def test_entries_only_ever_grow(losses):
    ledger: dict[str, int] = {}
    for loss in losses:
        grown = book(ledger, [loss])
        assert all(grown[cause] >= seconds for cause, seconds in ledger.items())
        ledger = grown
    assert sum(ledger.values()) == sum(seconds for _, seconds in losses if seconds > 0)
