"""A pool's care for the queue, pass by pass: what is told, repaired and remembered across a restart."""

import json
from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.api.times import format_time
from runnerpool.cluster.errors import Unavailable
from runnerpool.peertube.errors import RepairRefused, Unreachable
from runnerpool.planning.jobs import JobState
from runnerpool.planning.queue import QueueUnknown
from support.builders import make_job
from support.fakes import FakeLink

JOB = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
VIDEO = "00000000-0000-4000-8000-0000000000ff"


def crash(stage, name, *, cause="RunnerFailed", jobs=None, told=True):
    """The pod ends now; its agent leaves a message, unless it is killed for its memory."""
    word = {"cause": cause, "message": "the runner ended", "jobs": jobs or []}
    ended = {"exitCode": 5, "finishedAt": format_time(stage.clock.now())}
    ended |= {"message": json.dumps(word)} if told else {"reason": "OOMKilled"}
    stage.cluster.pods[name]["status"] = {
        "phase": "Failed",
        "containerStatuses": [{"name": "runner", "state": {"terminated": ended}}],
    }


async def with_job(make_stage, **spec):
    """A stage with one ready pod, and one pending job."""
    stage = make_stage(**spec)
    stage.link.set(pending=(make_job(JOB, video=VIDEO),))
    await stage.settle()
    name = stage.pods[-1]
    stage.cluster.start(name)
    return stage, name


def hold(stage, name, uuid=JOB, seconds=100, **fields):
    started = stage.clock.now() - timedelta(seconds=seconds)
    defaults = {"runner": name, "started": started, "updated": stage.clock.now(), "video": VIDEO}
    job = make_job(uuid, JobState.PROCESSING, **(defaults | fields))
    stage.link.set(pending=(), active=(job,), at=stage.clock.now())


def events(stage, reason):
    return [event for event in stage.cluster.events if event["reason"] == reason]


async def lose_a_pod(stage):
    """The job's runner crashes; the server takes the job back; another pod is there for it, if one is made."""
    name = next(name for name in stage.pods if stage.cluster.pods[name]["status"]["phase"] != "Failed")
    if "schedulingGates" not in stage.cluster.pods[name]["spec"]:
        stage.cluster.start(name)
    hold(stage, name)
    crash(stage, name, told=False)
    await stage.make_pass()
    stage.clock.advance(200)
    stage.link.set(active=(), pending=(make_job(JOB, video=VIDEO),), at=stage.clock.now())
    await stage.settle()


async def test_a_job_over_which_two_pods_crash_is_quarantined_named_once_and_no_demand(make_stage):
    stage, name = await with_job(make_stage)
    hold(stage, name)
    crash(stage, name, jobs=[{"uuid": JOB, "type": "t", "fate": "lost", "seconds": 100}])
    await stage.settle()
    assert [suspect["count"] for suspect in stage.cluster.status["suspectJobs"]] == [1]
    assert events(stage, "PoisonJob") == []
    stage.clock.advance(200)
    stage.link.set(active=(), pending=(make_job(JOB, video=VIDEO),), at=stage.clock.now())
    await stage.settle()

    stage.restart()
    await lose_a_pod(stage)
    stage.restart()
    await stage.settle()

    assert [suspect["count"] for suspect in stage.cluster.status["suspectJobs"]] == [2]
    (event,) = events(stage, "PoisonJob")
    assert event["type"] == "Warning"
    assert f"job {JOB} (vod-web-video-transcoding) of video {VIDEO} is quarantined" in event["message"]
    assert stage.cluster.status["queue"]["pending"] == 0
    assert stage.link.repairs == []


async def test_a_job_is_suspected_though_the_server_has_it_back_before_the_pass_ends(make_stage, monkeypatch):
    stage, name = await with_job(make_stage)
    hold(stage, name)
    crash(stage, name, told=False)

    async def unregister_and_read_anew(row_id):
        await FakeLink.delete_runner(stage.link, row_id)
        stage.link.set(active=(), pending=(make_job(JOB, video=VIDEO),), at=stage.clock.now())

    monkeypatch.setattr(stage.link, "delete_runner", unregister_and_read_anew)
    await stage.settle()

    assert [suspect["uuid"] for suspect in stage.cluster.status["suspectJobs"]] == [JOB]
    assert stage.recorder.lost == [("OutOfMemory", 100)]


@pytest.mark.parametrize(
    ("reason", "cause", "suspects"), [("Error", "AgentFailed", 0), ("OOMKilled", "OutOfMemory", 1)]
)
async def test_a_killed_agent_makes_its_job_no_suspect_and_memory_does(make_stage, reason, cause, suspects):
    stage, name = await with_job(make_stage)
    hold(stage, name, seconds=100)
    ended = {"exitCode": 137, "reason": reason, "finishedAt": format_time(stage.clock.now())}
    stage.cluster.pods[name]["status"] = {
        "phase": "Failed",
        "containerStatuses": [{"name": "runner", "state": {"terminated": ended}}],
    }

    await stage.make_pass()

    assert len(stage.cluster.status.get("suspectJobs") or ()) == suspects
    assert stage.recorder.lost == [(cause, 100)]
    assert stage.recorder.failed == [cause]


async def test_what_was_found_in_a_pass_whose_status_could_not_be_written_is_told_in_the_next(make_stage):
    stage, _ = await with_job(make_stage)
    await lose_a_pod(stage)
    name = next(name for name in stage.pods if stage.cluster.pods[name]["status"]["phase"] != "Failed")
    stage.cluster.start(name)
    hold(stage, name)
    crash(stage, name, told=False)
    stage.cluster.fail["patch_status"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "not now")
    with pytest.raises(Unavailable):
        await stage.make_pass()
    assert events(stage, "PoisonJob") == []

    await stage.settle()

    assert len(events(stage, "PoisonJob")) == 1


async def test_a_quarantined_job_is_cancelled_only_where_the_pool_says_so(make_stage):
    stage = make_stage(repair={"poisonJobs": "Cancel"})
    stage.cluster.pool["status"] = {
        "suspectJobs": [{"uuid": JOB, "count": 2, "lastTime": format_time(stage.clock.now())}]
    }
    stage.link.set(pending=(make_job(JOB, video=VIDEO),))

    await stage.settle()

    assert stage.link.repairs == [("cancel", JOB)]
    assert stage.pods == []
    assert ("canceljob", "PoisonJob") in stage.recorder.steps


async def test_lost_work_is_booked_once_and_survives_a_restart(make_stage):
    stage, name = await with_job(make_stage)
    jobs = [{"uuid": OTHER, "fate": "lost", "seconds": 30}]
    hold(stage, name)
    crash(stage, name, cause="ScratchFull", jobs=jobs)
    stage.cluster.refuse["delete_pod"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "no")
    await stage.make_pass()
    await stage.make_pass()
    assert stage.recorder.lost == [("ScratchFull", 30)]

    stage.clock.advance(60)
    stage.restart()
    await stage.make_pass()

    assert stage.recorder.lost == [("ScratchFull", 30)]
    assert stage.cluster.status["lostWork"] == [{"cause": "ScratchFull", "seconds": 30}]


async def test_what_a_pod_outlived_is_booked_and_told_by_its_own_cause(make_stage):
    stage, name = await with_job(make_stage)
    jobs = [
        {"uuid": OTHER, "fate": "lost", "seconds": 30, "cause": "LostJob"},
        {"uuid": JOB, "fate": "handed_back", "seconds": 20, "cause": "AbortOrdered"},
    ]
    crash(stage, name, cause="AbortOrdered", jobs=jobs)
    await stage.make_pass()
    await stage.make_pass()

    assert stage.recorder.lost == [("LostJob", 30), ("Evicted", 20)]
    (event,) = events(stage, "LostJob")
    assert event["type"] == "Warning"
    assert event["message"].startswith(
        f"pod {name}, which has ended since, had encoded for nothing for 30 s (LostJob); "
    )


async def test_without_a_message_the_job_counts_that_the_server_still_credits(make_stage):
    stage, name = await with_job(make_stage)
    hold(stage, name, seconds=100)
    crash(stage, name, told=False)

    await stage.make_pass()

    assert stage.recorder.lost == [("OutOfMemory", 100)]


@pytest.mark.parametrize(("fate", "way"), [("handed_back", "abort"), ("lost", "watchdog")])
async def test_the_time_to_reclaim_is_measured_by_way(make_stage, fate, way):
    stage, name = await with_job(make_stage)
    hold(stage, name)
    crash(stage, name, jobs=[{"uuid": JOB, "fate": fate, "seconds": 100}])
    await stage.make_pass()
    assert stage.recorder.reclaims == []

    stage.clock.advance(7)
    stage.link.set(active=(), pending=(make_job(JOB),), at=stage.clock.now())
    await stage.make_pass()
    await stage.make_pass()

    assert stage.recorder.reclaims == [(way, 7)]


async def test_a_job_that_the_server_took_from_a_cut_pod_is_measured_from_the_cut_and_not_from_the_pods_end(make_stage):
    stage, name = await with_job(make_stage)
    hold(stage, name)
    await stage.make_pass()
    stage.clock.advance(140)
    stage.link.set(active=(), pending=(make_job(JOB),), at=stage.clock.now())
    await stage.make_pass()
    stage.clock.advance(100)

    crash(stage, name, cause="Drained", jobs=[{"uuid": JOB, "fate": "lost", "seconds": 300, "cause": "ContactLost"}])
    await stage.make_pass()
    await stage.make_pass()

    assert stage.recorder.reclaims == [("watchdog", 140)]


async def lose_a_node(stage, name):
    """For longer than is tolerated; the server gives the job to another pod meanwhile."""
    hold(stage, name, seconds=100)
    await stage.make_pass()
    stage.cluster.lose_node(name)
    await stage.make_pass()
    stage.clock.advance(130)
    stage.link.set(active=(make_job(JOB, JobState.PROCESSING, runner="another"),), at=stage.clock.now())
    await stage.make_pass()


async def test_what_a_lost_node_cost_is_booked_once_when_its_pod_is_deleted_by_force(make_stage):
    stage, name = await with_job(make_stage)
    await lose_a_node(stage, name)
    assert stage.recorder.lost == []

    stage.cluster.pool["spec"]["lifecycle"] = {"lostPods": "ForceDelete"}
    await stage.settle()
    await stage.make_pass()

    assert stage.cluster.forced == [name]
    assert stage.recorder.lost == [("NodeLost", 100)]
    assert stage.recorder.reclaims == [("watchdog", 130)]
    assert stage.cluster.status["lostWork"] == [{"cause": "NodeLost", "seconds": 100}]


async def test_a_pod_that_comes_back_from_a_lost_node_tells_itself_what_it_lost(make_stage):
    stage, name = await with_job(make_stage)
    await lose_a_node(stage, name)

    crash(stage, name, cause="Drained", jobs=[{"uuid": JOB, "fate": "lost", "seconds": 225, "cause": "LostJob"}])
    await stage.settle()

    assert stage.recorder.lost == [("LostJob", 225)]
    assert stage.recorder.reclaims == [("watchdog", 130)]


async def test_a_pod_that_is_found_dead_when_its_node_is_back_was_lost_with_it(make_stage):
    stage, name = await with_job(make_stage)
    await lose_a_node(stage, name)

    ended = {"exitCode": 137, "reason": "ContainerStatusUnknown"}
    container = {"name": "runner", "state": {"terminated": ended}}
    stage.cluster.pods[name]["status"] = {"phase": "Failed", "containerStatuses": [container]}
    await stage.settle()

    assert stage.recorder.lost == [("NodeLost", 100)]


async def test_a_pod_that_somebody_deletes_by_force_cost_what_the_server_gives_to_another(make_stage):
    stage, name = await with_job(make_stage)
    hold(stage, name, seconds=100)
    await stage.make_pass()
    del stage.cluster.pods[name]
    await stage.make_pass()
    assert stage.recorder.lost == []

    stage.clock.advance(130)
    stage.link.set(active=(), pending=(make_job(JOB),), at=stage.clock.now())
    await stage.make_pass()
    await stage.make_pass()

    assert stage.recorder.lost == [("Deleted", 100)]
    assert stage.recorder.reclaims == []


async def test_a_job_that_a_pod_on_a_lost_node_finishes_is_not_lost(make_stage):
    stage, name = await with_job(make_stage)
    hold(stage, name, seconds=100)
    stage.cluster.lose_node(name)
    await stage.make_pass()
    stage.clock.advance(130)
    stage.link.set(active=(), at=stage.clock.now())
    await stage.make_pass()
    stage.cluster.pool["spec"]["lifecycle"] = {"lostPods": "ForceDelete"}

    await stage.settle()

    assert stage.cluster.forced == [name]
    assert stage.recorder.lost == []


def stuck_storyboard(stage, minutes=10):
    return make_job(
        JOB,
        JobState.PROCESSING,
        type="generate-video-storyboard",
        runner=None,
        video=VIDEO,
        updated=stage.clock.now() - timedelta(minutes=minutes),
    )


TYPES = ["vod-web-video-transcoding", "generate-video-storyboard"]


async def test_stuck_jobs_are_reported_and_left_alone_by_default(make_stage):
    stage = make_stage(jobTypes=TYPES)
    stage.link.set(active=(stuck_storyboard(stage),))

    await stage.settle()

    time = format_time(stage.clock.now() - timedelta(minutes=10))
    assert stage.cluster.status["stuckJobs"] == [{"cause": "OrphanedStoryboard", "count": 1, "oldestTime": time}]
    assert stage.recorder.stuck == ["OrphanedStoryboard"]
    assert stage.link.repairs == []
    assert events(stage, "JobStuck") == []


async def test_stuck_jobs_leave_the_status_when_they_move_again_and_not_while_the_queue_is_unknown(make_stage):
    stage = make_stage(jobTypes=TYPES)
    stage.link.set(active=(stuck_storyboard(stage),))
    await stage.settle()

    seen = stage.link.reading
    stage.link.reading = QueueUnknown(reason=Reason.SERVER_ERROR, message="m", since=stage.clock.now())
    await stage.settle()
    assert stage.cluster.status["stuckJobs"]

    stage.link.reading = seen
    stage.link.set(active=())
    await stage.settle()
    assert stage.cluster.status["stuckJobs"] is None


async def test_a_dry_run_tells_once_what_it_would_do(make_stage):
    stage = make_stage(jobTypes=TYPES, repair={"stuckJobs": "DryRun"})
    stage.link.set(active=(stuck_storyboard(stage),))

    await stage.settle()
    await stage.make_pass()

    (event,) = events(stage, "JobStuck")
    assert event["message"].startswith(f"dry run: job {JOB}")
    assert stage.link.repairs == []


async def test_a_repair_is_made_told_and_not_repeated_within_ten_minutes(make_stage):
    stage = make_stage(jobTypes=TYPES, repair={"stuckJobs": "Repair"})
    stage.link.set(active=(stuck_storyboard(stage),))

    await stage.settle()
    await stage.make_pass()
    assert stage.link.repairs == [("cancel", JOB)]
    assert len(events(stage, "JobRepaired")) == 1

    stage.clock.advance(600)
    await stage.make_pass()
    assert stage.link.repairs == [("cancel", JOB)] * 2


def completing(stage, uuid, **fields):
    age = timedelta(hours=2)
    return make_job(uuid, JobState.COMPLETING, video=VIDEO, updated=stage.clock.now() - age, **fields)


async def test_jobs_that_complete_for_ever_are_deleted_and_their_video_is_transcoded_once(make_stage):
    stage = make_stage(repair={"stuckJobs": "Repair"})
    stage.link.set(active=(completing(stage, JOB), completing(stage, OTHER)))

    await stage.settle()

    transcode = ("transcode", VIDEO, "web-video")
    assert sorted(stage.link.repairs) == [("delete", JOB), ("delete", OTHER), transcode]


async def test_a_job_that_had_gone_already_is_no_reason_to_transcode(make_stage):
    stage = make_stage(repair={"stuckJobs": "Repair"})
    stage.link.set(active=(completing(stage, JOB),))
    stage.link.moved_on = {JOB}

    await stage.settle()

    assert stage.link.repairs == [("delete", JOB)]
    assert events(stage, "JobRepaired") == []


async def test_a_transcoding_that_the_server_refuses_is_owed_and_told(make_stage):
    stage = make_stage(repair={"stuckJobs": "Repair"})
    child = make_job(OTHER, JobState.WAITING_FOR_PARENT_JOB, type="vod-hls-transcoding", parent_uuid=JOB, video=VIDEO)
    stage.link.set(active=(completing(stage, JOB),), waiting=(child,))
    stage.link.fail_repair = Unreachable(Reason.SERVER_UNREACHABLE, "the server does not answer")
    await stage.make_pass()
    (event,) = events(stage, "ServerUnreachable")
    assert "in vain, as the server does not answer" in event["message"]
    assert stage.cluster.condition("Ready")["status"] == "True"

    stage.link.fail_repair = None
    stage.link.set(active=(), waiting=())
    await stage.make_pass()
    await stage.make_pass()

    assert stage.link.repairs == [("delete", JOB), ("transcode", VIDEO, "web-video"), ("transcode", VIDEO, "hls")]


async def test_a_server_that_went_away_is_not_called_for_each_repair(make_stage):
    stage = make_stage(repair={"stuckJobs": "Repair"})
    stage.link.set(active=(completing(stage, JOB), completing(stage, OTHER)))
    stage.link.fail_at, stage.link.fail_repair = "delete", Unreachable(Reason.SERVER_UNREACHABLE, "it is away")
    await stage.make_pass()
    assert len(events(stage, "ServerUnreachable")) == 1

    stage.link.fail_repair = None
    await stage.make_pass()

    assert stage.link.repairs[0] == ("delete", OTHER)


async def test_a_transcoding_that_the_server_will_never_make_is_told_once(make_stage):
    stage = make_stage(repair={"stuckJobs": "Repair"})
    stage.link.set(active=(completing(stage, JOB),))
    stage.link.fail_repair = RepairRefused(Reason.REPAIR_REFUSED, "the video has gone")
    await stage.make_pass()
    stage.link.set(active=())
    stage.clock.advance(3600)
    await stage.make_pass()

    assert [event["type"] for event in events(stage, "RepairRefused")] == ["Warning"]
    assert [event["type"] for event in events(stage, "JobRepaired")] == ["Normal"]


async def test_a_refused_repair_is_tried_again_after_ten_minutes(make_stage):
    stage = make_stage(jobTypes=TYPES, repair={"stuckJobs": "Repair"})
    stage.link.set(active=(stuck_storyboard(stage),))
    stage.link.fail_at, stage.link.fail_repair = "cancel", RepairRefused(Reason.REPAIR_REFUSED, "no")
    await stage.make_pass()
    await stage.make_pass()
    assert len(events(stage, "RepairRefused")) == 1

    stage.link.fail_repair = None
    stage.clock.advance(600)
    await stage.make_pass()

    assert stage.link.repairs == [("cancel", JOB)]


async def test_a_pool_that_is_deleted_repairs_nothing(make_stage):
    stage = make_stage(jobTypes=TYPES, repair={"stuckJobs": "Repair"})
    await stage.settle()
    stage.link.set(active=(stuck_storyboard(stage),))
    stage.cluster.delete_pool()

    await stage.make_pass()

    assert stage.link.repairs == []
