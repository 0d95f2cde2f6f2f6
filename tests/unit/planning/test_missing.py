from datetime import timedelta

import pytest

from runnerpool.planning.custody import GIVEN_UP_AFTER, Held
from runnerpool.planning.endings import EndedJob, Fate, LastWord
from runnerpool.planning.missing import DELETED, Missing, gone_missing, lost_since, settle
from runnerpool.planning.snapshot import PodStage
from support.builders import NOW, ago, make_pod, make_snapshot, pod_called

POD, OTHER = pod_called(1), pod_called(2)
LOST = {POD: ago(300)}


def snapshot(*pods, now=NOW):
    return make_snapshot(pods=pods, now=now)


def starting(**fields):
    return make_pod(1, PodStage.STARTING, started=True, **fields)


def ended(jobs):
    return make_pod(1, PodStage.ENDED, last_word=LastWord(cause="AgentFailed", jobs=jobs))


def held(back=None, runner=POD, uuid="a"):
    back_at = None if back is None else ago(back)
    return {(runner, uuid): Held(uuid=uuid, runner=runner, started=ago(1000), heard=ago(310), back_at=back_at)}


def gone(cause="NodeLost", since=300, noticed=0):
    return {POD: Missing(name=POD, cause=cause, since=ago(since), noticed=ago(noticed))}


def test_a_node_is_lost_when_it_has_been_for_as_long_as_is_tolerated():
    assert lost_since({}, snapshot(starting(lost_since=ago(59)))) == {}
    assert lost_since({}, snapshot(starting(lost_since=ago(60)))) == {POD: ago(60)}


def test_a_pod_that_is_deleted_on_its_lost_node_is_as_lost_as_before():
    doomed = starting(deleting=True, lost_since=NOW + timedelta(seconds=600))

    assert lost_since(LOST, snapshot(doomed)) == LOST
    assert lost_since({}, snapshot(doomed)) == {}
    assert lost_since(LOST, snapshot(starting(deleting=True, lost_since=ago(100)))) == LOST


def test_a_pod_whose_node_is_back_is_lost_no_more():
    assert lost_since(LOST, snapshot(make_pod(1))) == {}
    assert lost_since(LOST, snapshot(make_pod(1, deleting=True))) == {}
    assert lost_since(LOST, snapshot(starting())) == {}


def test_a_pod_that_went_unseen_is_missing_by_its_node_or_by_somebody():
    before = snapshot(make_pod(1), make_pod(2), make_pod(3, PodStage.ENDED), make_pod(4), now=ago(10))

    assert gone_missing(before, LOST, snapshot(make_pod(4))) == {
        POD: Missing(name=POD, cause="NodeLost", since=ago(300), noticed=NOW),
        OTHER: Missing(name=OTHER, cause=DELETED, since=ago(40), noticed=NOW),
    }


@pytest.mark.parametrize(
    ("lost", "jobs", "missing"),
    [
        (LOST, None, {POD}),
        (LOST, (EndedJob(uuid="a", fate=Fate.LOST, seconds=1),), set()),
        (LOST, (), set()),
        ({}, None, set()),
    ],
)
def test_a_pod_found_dead_when_its_node_is_back_is_missing_unless_its_agent_left_a_word(lost, jobs, missing):
    assert set(gone_missing(snapshot(starting()), lost, snapshot(ended(jobs)))) == missing


def test_what_left_the_hands_of_a_missing_pod_after_it_was_lost_is_lost_up_to_its_last_sign_of_life():
    custody = held(back=200) | held(back=301, uuid="lost before by another cause")

    assert settle(custody, gone(), snapshot()) == ((("NodeLost", 690, 110),), {}, {})


def test_nothing_is_lost_yet_while_a_job_of_a_missing_pod_is_not_back_or_the_pod_is_there():
    assert settle(held(), gone(), snapshot()) == ((), held(), gone())
    assert settle(held(back=200), gone(), snapshot(starting())) == ((), held(back=200), {})
    assert settle(held(back=200), {}, snapshot(starting())) == ((), held(back=200), {})


def test_jobs_of_pods_that_ended_with_a_word_are_forgotten_and_so_is_what_never_comes_back():
    assert settle(held(back=200), {}, snapshot(ended(()))) == ((), {}, {})
    late = gone(noticed=GIVEN_UP_AFTER.total_seconds())
    assert settle(held(), late, snapshot()) == ((), {}, {})
