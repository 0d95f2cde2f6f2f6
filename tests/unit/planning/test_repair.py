from dataclasses import replace
from datetime import timedelta

from runnerpool.api.pool import PoisonJobs, Repair, StuckJobs
from runnerpool.api.reasons import Reason
from runnerpool.planning.jobs import JobState, ServerReading
from runnerpool.planning.repair import AT_ONCE, RepairView, describe, key_of, plan_repairs, rehearse
from runnerpool.planning.repair_steps import CancelJob, DeleteJob, RequestTranscoding, TranscodingKind
from runnerpool.planning.stuck import StuckCause, StuckJob
from support.builders import HLS, NOW, WEB_VIDEO, ago, make_job

VIDEO = "00000000-0000-4000-8000-0000000000ff"
REPAIR = Repair(stuck_jobs=StuckJobs.REPAIR)
DRY = Repair(stuck_jobs=StuckJobs.DRY_RUN)
CANCEL = Repair(poison_jobs=PoisonJobs.CANCEL)
BOTH = [TranscodingKind.WEB_VIDEO, TranscodingKind.HLS]


def numbered(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def stuck(number=1, state=JobState.PROCESSING, cause=StuckCause.PROCESSING_WITHOUT_RUNNER, **fields):
    job = make_job(numbered(number), state, **({"video": VIDEO} | fields))
    return StuckJob(job=job, cause=cause)


def view(*found, repair=REPAIR, waiting=(), **fields):
    reading = ServerReading(at=NOW, active=tuple(one.job for one in found), waiting=waiting)
    return RepairView(now=NOW, repair=repair, reading=fields.pop("reading", reading), stuck=found, **fields)


def test_nothing_is_repaired_unless_the_pool_says_so():
    assert plan_repairs(view(stuck(), repair=Repair())) == ()
    assert plan_repairs(view(stuck(), repair=DRY)) == ()
    assert rehearse(view(stuck(), repair=Repair())) == rehearse(view(stuck())) == ()


def test_a_job_in_processing_is_cancelled_and_its_video_transcoded_anew():
    (step,) = plan_repairs(view(stuck()))

    assert isinstance(step, CancelJob)
    assert step.job == numbered(1)
    assert step.reason is Reason.JOB_REPAIRED
    assert step.then is not None
    assert (step.then.video, step.then.kinds) == (VIDEO, (TranscodingKind.WEB_VIDEO,))
    assert "is cancelled: it is in work by no runner; its video is transcoded anew (web-video)" in step.message


def test_a_job_in_completing_is_deleted_since_peertube_does_not_cancel_it():
    (step,) = plan_repairs(view(stuck(1, JobState.COMPLETING, StuckCause.COMPLETING_FOREVER, type=HLS)))

    assert isinstance(step, DeleteJob)
    assert step.then is not None
    assert step.then.kinds == (TranscodingKind.HLS,)


def test_what_waits_for_a_job_is_lost_with_it_and_asked_for_anew():
    child = make_job("child", JobState.WAITING_FOR_PARENT_JOB, parent_uuid=numbered(1))
    grandchild = make_job("grandchild", JobState.WAITING_FOR_PARENT_JOB, type=HLS, parent_uuid="child")
    other = make_job("other", JobState.WAITING_FOR_PARENT_JOB, type=HLS, parent_uuid="elsewhere")

    (step,) = plan_repairs(view(stuck(), waiting=(grandchild, child, other)))
    (alone,) = plan_repairs(view(stuck(), waiting=(other,)))

    assert list(step.then.kinds) == BOTH
    assert alone.then.kinds == (TranscodingKind.WEB_VIDEO,)


def test_other_work_than_transcoding_is_only_cancelled():
    for kind in (
        "video-studio-transcoding",
        "video-transcription",
        "generate-video-storyboard",
        "live-rtmp-hls-transcoding",
    ):
        (step,) = plan_repairs(view(stuck(type=kind)))
        assert step.then is None
        assert "transcod" not in step.message.partition(": ")[2]


def test_without_its_video_a_job_is_only_ended_and_the_message_says_so():
    (step,) = plan_repairs(view(stuck(video=None)))

    assert step.then is None
    assert "of video unknown" in step.message
    assert "run the transcoding again in PeerTube" in step.message


def test_at_most_five_repairs_are_made_in_one_pass():
    steps = plan_repairs(view(*(stuck(number) for number in range(1, 9))))

    assert [step.job for step in steps] == [numbered(number) for number in range(1, AT_ONCE + 1)]


def test_a_job_is_not_tried_again_within_ten_minutes_and_leaves_its_place_to_others():
    found = view(*(stuck(number) for number in range(1, 8)))
    tried = {numbered(1): ago(599), numbered(2): ago(600)}

    steps = plan_repairs(replace(found, tried=tried))

    assert [step.job for step in steps] == [numbered(number) for number in range(2, 7)]


def test_a_dry_run_tells_once_for_each_job_what_would_be_done():
    found = view(*(stuck(number) for number in range(1, 8)), repair=DRY)

    first = rehearse(found)
    rest = rehearse(replace(found, told=frozenset(one.job for one in first)))

    assert [one.job for one in first + rest] == [numbered(number) for number in range(1, 8)]
    assert len(first) == AT_ONCE
    assert first[0].message.startswith(f"dry run: job {numbered(1)} ({WEB_VIDEO}) of video {VIDEO} is cancelled")


def test_what_is_owed_comes_first_and_once():
    owed = RequestTranscoding(video=VIDEO, kinds=(TranscodingKind.HLS,), reason=Reason.JOB_REPAIRED, message="m")

    steps = plan_repairs(view(stuck(), owed=(owed, owed)))

    assert [key_of(step) for step in steps] == [VIDEO, numbered(1)]
    assert plan_repairs(view(owed=(owed,), tried={VIDEO: NOW - timedelta(minutes=9)})) == ()


def test_poison_is_cancelled_where_it_can_be_and_only_by_request():
    jobs = {
        "pending": (make_job(numbered(1)), make_job(numbered(2))),
        "active": (make_job(numbered(3), JobState.PROCESSING), make_job(numbered(4), JobState.COMPLETING)),
        "waiting": (make_job(numbered(5), JobState.WAITING_FOR_PARENT_JOB),),
    }
    bad = frozenset({numbered(number) for number in (1, 3, 4, 5, 6)})
    found = view(repair=CANCEL, quarantined=bad, reading=ServerReading(at=NOW, **jobs))

    steps = plan_repairs(found)

    assert [step.job for step in steps] == [numbered(1), numbered(3), numbered(5)]
    assert {step.reason for step in steps} == {Reason.POISON_JOB}
    assert plan_repairs(replace(found, repair=REPAIR)) == ()


def test_a_job_that_is_poison_and_stuck_is_cancelled_once():
    repair = Repair(poison_jobs=PoisonJobs.CANCEL, stuck_jobs=StuckJobs.REPAIR)

    (step,) = plan_repairs(view(stuck(), repair=repair, quarantined=frozenset({numbered(1)})))

    assert step.reason is Reason.POISON_JOB


def test_of_what_the_server_sent_only_ids_and_known_types_are_repeated():
    assert "secret" not in describe(numbered(1), make_job(type="secret"))
    assert describe(numbered(1), None) == f"job {numbered(1)}"
