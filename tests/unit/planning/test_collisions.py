"""Somebody else's pod bears a name that we wanted."""

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Create, ReleaseReserved, Reserve, Unregister
from runnerpool.planning.planner import plan
from support.builders import known, make_pod, make_pool, make_row, make_snapshot, unknown

NEEDED = known(2)


def steps(queue=NEEDED, pods=(), **fields):
    return list(plan(make_snapshot(queue, pods, **fields)).steps)


@pytest.mark.parametrize("mode", ["Active", "Hold"])
def test_an_ordinal_whose_name_is_taken_is_released(mode):
    release = steps(reserved=(3,), collided=(3,), pool=make_pool(mode=mode))[0]

    assert isinstance(release, ReleaseReserved)
    assert (release.ordinals, release.reason) == ((3,), Reason.NAME_COLLISION)


def test_it_is_no_promise_and_another_ordinal_takes_its_place():
    taken = steps(reserved=(3, 4), collided=(3,))

    assert [step.ordinal for step in taken if isinstance(step, Create)] == [4]
    assert [step.ordinals for step in taken if isinstance(step, Reserve)] == [(5,)]


@pytest.mark.parametrize("fields", [{"reserved": (3,)}, {}], ids=["still reserved", "released already"])
def test_no_ordinal_that_was_taken_is_given_out_again(fields):
    (reserve,) = [step for step in steps(collided=(3,), **fields) if isinstance(step, Reserve)]

    assert reserve.ordinals == (4, 5)


def test_what_is_released_already_is_not_released_again():
    assert not any(isinstance(step, ReleaseReserved) for step in steps(collided=(3,), last_ordinal=3))


def test_an_ordinal_that_a_pod_of_ours_bears_is_seen_whatever_was_thought_of_it():
    (release,) = [
        step for step in steps(pods=[make_pod(3)], reserved=(3,), collided=(3,)) if isinstance(step, ReleaseReserved)
    ]

    assert release.reason is Reason.POD_SEEN


def test_a_row_of_a_released_ordinal_is_a_ghost():
    assert any(isinstance(step, Unregister) for step in steps(reserved=(3,), collided=(3,), rows=(make_row(3),)))


def test_a_released_ordinal_is_no_pod_that_an_unknown_queue_holds():
    assert plan(make_snapshot(unknown(), reserved=(3,), collided=(3,))).desired == 0
