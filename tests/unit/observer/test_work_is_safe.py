from datetime import UTC, datetime

import pytest

from support.observer import objects
from support.observer.handmade import BEGIN, Script
from support.observer.invariants import work_is_safe
from support.observer.records import Change, Text

GRACE = 30


def going(at: float) -> dict[str, object]:
    """What the API server notes of a pod that is told to go."""
    end = datetime.fromtimestamp(BEGIN + at + GRACE, UTC)
    return {"deletionTimestamp": end.isoformat(), "deletionGracePeriodSeconds": GRACE}


def scene() -> Script:
    script = Script()
    script.pool(0, change=Change.ADDED)
    script.pod(1, "vod-1", change=Change.ADDED)
    script.taken(2, "job", "vod-1")
    return script


def deleted(script: Script, at: float = 10, *, by: str = "operator", **pod: object) -> Script:
    """A deletion with grace, heard a second late."""
    script.call(at, "delete", "pods", "vod-1", user=by)
    script.pod(at + 1, "vod-1", metadata=going(at), **pod)  # type: ignore[arg-type]
    script.pod(at + 5, "vod-1", phase="Failed", metadata=going(at), change=Change.DELETED)
    return script


def test_the_operator_that_deletes_a_running_pod_is_caught_with_the_jobs_in_hand() -> None:
    (found,) = work_is_safe.check(deleted(scene()).history())
    assert found.what == "the operator deleted pod vod-1, which ran, with 1 jobs in hand"


def test_ended_pods_and_pods_that_never_ran_may_be_deleted() -> None:
    for phase in ("Succeeded", "Failed", "Pending"):
        assert work_is_safe.check(deleted(scene(), phase=phase).history()) == []


def test_a_pod_that_ended_a_moment_before_its_deletion_was_heard_late_is_no_offence() -> None:
    script = scene()
    script.call(10, "delete", "pods", "vod-1")
    script.pod(10.9, "vod-1", phase="Succeeded")
    script.pod(11, "vod-1", phase="Succeeded", change=Change.DELETED)
    assert work_is_safe.check(script.history()) == []


def test_others_may_delete_what_they_like() -> None:
    assert work_is_safe.check(deleted(scene(), by="admin").history()) == []


def test_the_operator_may_not_hasten_the_end_of_a_pod_that_others_have_deleted() -> None:
    script = scene()
    script.call(10, "delete", "pods", "vod-1", user="admin")
    script.pod(10, "vod-1", metadata=going(10))
    script.call(12, "delete", "pods", "vod-1")
    script.pod(13, "vod-1", phase="Failed", metadata=going(10), change=Change.DELETED)
    (found,) = work_is_safe.check(script.history())
    assert found.at == BEGIN + 12


def test_a_pod_that_was_evicted_may_be_deleted_when_it_has_ended_and_not_before() -> None:
    for phase, offences in (("Succeeded", 0), ("Running", 1)):
        script = scene()
        script.pod(10, "vod-1", metadata=going(10))
        script.pod(20, "vod-1", metadata=going(10), phase=phase)
        script.call(21, "delete", "pods", "vod-1")
        script.pod(22, "vod-1", metadata=going(10), phase="Failed", change=Change.DELETED)
        assert len(work_is_safe.check(script.history())) == offences


def test_a_deletion_that_was_refused_harms_nobody() -> None:
    script = scene()
    script.call(10, "delete", "pods", "vod-1", code=409)
    assert work_is_safe.check(script.history()) == []


def ordered(script: Script, text: str = "drain", *, at: float = 20, since: float = 20) -> Script:
    moment = datetime.fromtimestamp(BEGIN + since, UTC).isoformat()
    script.call(at - 0.1, "patch", "pods", "vod-1")
    script.pod(at, "vod-1", annotations={objects.DRAIN: text, objects.DRAIN_SINCE: moment})
    return script


def test_a_drain_order_without_a_reason_is_seen() -> None:
    (found,) = work_is_safe.check(ordered(scene()).history())
    assert found.what == "pod vod-1 was told to drain, and no event or log line says why"


def test_an_event_or_a_log_line_is_reason_enough() -> None:
    script = ordered(scene())
    script.event(21, "ScaleDown", "pod vod-1 is told to drain: it has been idle for 5 s or more")
    assert work_is_safe.check(script.history()) == []
    script = ordered(scene())
    script.texts.append(
        Text(place="operator-1.log", content=b"media/vod: pod vod-1 is told to drain: idle (ScaleDown)")
    )
    assert work_is_safe.check(script.history()) == []


def test_a_reason_that_is_given_for_another_pod_is_none() -> None:
    script = ordered(scene())
    script.event(21, "ScaleDown", "pod vod-9 is told to drain")
    assert len(work_is_safe.check(script.history())) == 1


def test_a_reason_may_still_come_when_the_observation_ends_too_soon() -> None:
    assert work_is_safe.check(ordered(scene()).history(end=25)) == []


def test_an_order_given_by_hand_needs_no_reason() -> None:
    script = scene()
    script.call(19.9, "patch", "pods", "vod-1", user="admin")
    script.pod(20, "vod-1", annotations={objects.DRAIN: "by hand"})
    assert work_is_safe.check(script.history()) == []
    script = ordered(scene())
    fields = {"f:metadata": {"f:annotations": {f"f:{objects.DRAIN}": {}}}}
    script.versions[-1].body["metadata"]["managedFields"] = [{"manager": "kubectl-annotate", "fieldsV1": fields}]
    assert work_is_safe.check(script.history()) == []


def reasoned(script: Script) -> Script:
    script.event(20, "Any", "pod vod-1 is told")
    script.event(200, "Any", "pod vod-1 is told")
    return script


def test_a_drain_that_is_cut_short_with_a_job_in_hand_is_seen() -> None:
    script = ordered(reasoned(scene()))
    script.event(60, "Any", "pod vod-1 is told")
    (found,) = work_is_safe.check(ordered(script, "abort", at=60).history())
    assert found.what == "pod vod-1 was told to hand back 1 jobs before its time to drain was over"


@pytest.mark.parametrize("way", ["late", "idle", "deleted"])
def test_an_abort_is_fine_after_the_time_to_drain_without_a_job_or_when_the_pool_goes_so(way: str) -> None:
    script = ordered(reasoned(scene()))
    at = 60.0
    if way == "late":
        at = 121
    elif way == "idle":
        script.done(50, "job", "vod-1")
    else:
        script.pool(50, metadata=going(50), lifecycle={"drainTimeoutSeconds": 100, "deletionPolicy": "Abort"})
    script.event(at, "Any", "pod vod-1 is told")
    assert work_is_safe.check(ordered(script, "abort", at=at).history()) == []
