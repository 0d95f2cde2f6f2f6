import asyncio
import base64
import json
from datetime import timedelta

import pytest

from runnerpool.api import names
from runnerpool.api.ownership import parse_mark
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import Conflict, NotFound, Refused, Unavailable
from runnerpool.peertube.errors import RegistrationFailed
from runnerpool.planning.jobs import JobState
from runnerpool.planning.queue import QueueUnknown
from support.builders import make_job
from support.fakes import START, FakeRow


class Killed(BaseException):
    """The process ends here."""


def pending(count: int):
    return {"pending": tuple(make_job(f"job-{n}") for n in range(count)), "pending_total": count}


def working(*runners: str):
    jobs = tuple(make_job(f"active-{n}", JobState.PROCESSING, runner=name) for n, name in enumerate(runners))
    return {"active": jobs, "pending": (), "pending_total": 0}


def agent_config(secret):
    data = secret.get("stringData") or {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    return json.loads(data["agent.json"])


async def test_a_pool_gets_our_finalizer_before_anything_is_made_for_it(stage):
    stage.link.set(**pending(1))

    await stage.make_pass()

    assert stage.cluster.calls.index("set_finalizers") < stage.cluster.calls.index("create_pod")
    assert stage.cluster.pool["metadata"]["finalizers"] == [names.FINALIZER]


async def test_a_pending_job_becomes_a_registered_ungated_pod_with_its_secret(stage):
    stage.link.set(**pending(1))

    await stage.make_pass()

    (name,) = stage.pods
    assert stage.rows == [name]
    assert "schedulingGates" not in stage.cluster.pods[name]["spec"]
    config = agent_config(stage.cluster.secrets[name])
    assert config["runner"]["name"] == name
    assert config["runner"]["token"] == f"ptrt-{name}"


async def test_the_runner_carries_our_mark(stage):
    stage.link.set(**pending(1))

    await stage.make_pass()

    mark = parse_mark(stage.link.rows[0].description)
    assert mark is not None
    assert (mark.cluster_id, mark.pod) == ("cluster-1", stage.pods[0])


async def test_no_more_pods_than_the_cap_are_made_however_long_the_queue(stage):
    stage.link.set(**pending(50))

    await stage.settle()

    assert len(stage.pods) == 3
    assert stage.cluster.condition("ScalingLimited")["reason"] == Reason.AT_CAP


async def test_reservations_are_released_once_their_pods_are_seen(stage):
    stage.link.set(**pending(2))

    await stage.settle()

    assert stage.cluster.status["reserved"] == []
    assert stage.cluster.status["lastOrdinal"] == 2


async def test_a_pool_at_rest_is_not_written_to(stage):
    stage.link.set(**pending(2))
    await stage.settle()
    written = len(stage.cluster.status_writes)

    for _ in range(5):
        stage.clock.advance(10)
        await stage.make_pass()

    assert len(stage.cluster.status_writes) == written


async def test_an_idle_pod_is_drained_then_removed_with_its_row_and_secret(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.cluster.start(name)
    stage.link.set(**pending(0))

    await stage.settle()
    assert stage.drain_order(name) is None

    stage.clock.advance(60)
    await stage.settle()
    assert stage.drain_order(name) == "drain"

    stage.cluster.end(name)
    await stage.settle()
    assert (stage.pods, stage.rows, stage.cluster.secrets) == ([], [], {})


async def test_a_busy_pod_is_not_drained(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.cluster.start(name)
    stage.link.set(**working(name))

    stage.clock.advance(7200)
    await stage.settle()

    assert stage.drain_order(name) is None
    assert stage.cluster.status["busyReplicas"] == 1


async def test_a_job_seen_before_a_restart_does_not_hasten_scale_down_after_it(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    stage.cluster.start(stage.pods[0])
    stage.link.set(**pending(0))
    stage.clock.advance(59)
    stage.restart()

    stage.clock.advance(30)
    await stage.settle()

    assert stage.drain_order(stage.pods[0]) is None


async def test_an_unknown_queue_changes_no_pod_and_is_told(stage):
    stage.link.set(**pending(2))
    await stage.settle()
    before = stage.pods
    stage.link.reading = QueueUnknown(
        reason=Reason.SERVER_UNREACHABLE, message="refused; check the server", since=START
    )

    stage.clock.advance(7200)
    await stage.settle()

    assert stage.pods == before
    assert stage.cluster.condition("QueueReachable")["status"] == "False"
    assert stage.cluster.condition("Ready")["reason"] == Reason.SERVER_UNREACHABLE
    assert [event["reason"] for event in stage.cluster.events].count(Reason.SERVER_UNREACHABLE) == 1


async def test_a_missing_secret_is_told_with_its_remedy_and_heals(stage):
    login = stage.cluster.logins.pop("peertube-admin")
    await stage.settle()

    assert stage.cluster.condition("CredentialsValid")["reason"] == Reason.SECRET_NOT_FOUND
    assert "create it" in stage.cluster.condition("Ready")["message"]

    stage.cluster.logins["peertube-admin"] = login
    await stage.settle()

    assert stage.cluster.condition("Ready")["status"] == "True"
    assert [event["type"] for event in stage.cluster.events] == ["Warning", "Normal"]


async def test_a_secret_for_another_server_opens_no_link(stage):
    stage.cluster.logins["peertube-admin"]["url"] = "https://elsewhere.example.org"

    await stage.settle()

    assert stage.cluster.condition("CredentialsValid")["reason"] == Reason.SECRET_FOR_ANOTHER_ORIGIN
    assert stage.links.released > 0


async def test_a_registration_that_fails_leaves_the_pod_gated_and_is_tried_again(stage):
    stage.link.set(**pending(1))
    stage.link.fail_register = RegistrationFailed(Reason.REGISTRATION_FAILED, "refused; look at the server's log")

    await stage.make_pass()

    (name,) = stage.pods
    assert stage.cluster.pods[name]["spec"]["schedulingGates"]
    assert stage.cluster.condition("Ready")["reason"] == Reason.REGISTRATION_FAILED

    stage.link.fail_register = None
    stage.clock.advance(6)
    await stage.settle()

    assert "schedulingGates" not in stage.cluster.pods[name]["spec"]
    assert stage.cluster.condition("Ready")["status"] == "True"


async def test_a_quota_that_refuses_pods_registers_nothing_and_is_told(stage):
    stage.link.set(**pending(1))
    stage.cluster.fail["create_pod"] = Refused(Reason.QUOTA_EXCEEDED, "exceeded quota; raise it")

    await stage.make_pass()

    assert stage.rows == []
    assert stage.cluster.condition("ScalingLimited")["reason"] == Reason.QUOTA_EXCEEDED
    assert stage.cluster.condition("Ready")["status"] == "False"


async def test_a_refused_pod_is_made_as_soon_as_it_is_allowed(stage):
    stage.link.set(**pending(1))
    stage.cluster.fail["create_pod"] = Refused(Reason.QUOTA_EXCEEDED, "exceeded quota; raise it")
    await stage.make_pass()

    stage.clock.advance(6)
    await stage.settle()

    assert len(stage.pods) == len(stage.rows) == 1


@pytest.mark.parametrize("step", ["create_pod", "secret_owner", "create_secret", "ungate_pod", "patch_status"])
async def test_a_crash_at_any_write_of_a_scale_up_is_healed_without_a_duplicate_or_a_ghost(stage, step):
    stage.link.set(**pending(2))
    stage.cluster.fail[step] = Killed()

    with pytest.raises(Killed):
        await stage.make_pass()
    stage.restart()
    stage.clock.advance(6)
    await stage.settle()

    assert len(stage.pods) == 2
    assert stage.rows == stage.pods == sorted(stage.cluster.secrets)
    assert not any("schedulingGates" in pod["spec"] for pod in stage.cluster.pods.values())
    assert stage.cluster.status["reserved"] == []


async def test_another_writer_between_read_and_reservation_means_planning_anew(stage):
    stage.link.set(**pending(1))
    stage.cluster.fail["write_reserved"] = Conflict(Reason.CONFLICT, "changed")

    with pytest.raises(Conflict):
        await stage.make_pass()
    assert stage.pods == []

    await stage.settle()
    assert len(stage.pods) == 1


async def test_a_ghost_row_of_ours_goes_and_look_alikes_stay(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    ours = stage.link.rows[0]
    mark = ours.description
    stage.link.rows = (
        ours,
        FakeRow(id=70, name=stage.pod(70), description=mark.replace(ours.name, stage.pod(70))),
        FakeRow(id=71, name=stage.pod(71), description=""),
        FakeRow(
            id=72,
            name=stage.pod(72),
            description=mark.replace("cluster-1", "cluster-2").replace(ours.name, stage.pod(72)),
        ),
        FakeRow(id=73, name="by-hand", description="my own runner"),
        FakeRow(id=74, name="any text, which would be logged", description=mark),
    )

    await stage.settle()

    assert {row.id for row in stage.link.rows} == {ours.id, 71, 72, 73, 74}


async def test_a_pod_that_somebody_has_taken_from_the_pool_keeps_its_runner_and_is_replaced(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (released,) = stage.pods
    stage.cluster.pods[released]["metadata"]["ownerReferences"] = []

    await stage.settle()

    assert stage.pods == [released, stage.pod(2)]
    assert stage.rows == [released, stage.pod(2)]


async def ghosts(stage, count):
    """Rows of the pool's mark that have no pod."""
    stage.link.set(**pending(1))
    await stage.settle()
    ours = stage.link.rows[0]
    numbers = range(70, 70 + count)
    others = (
        FakeRow(id=number, name=stage.pod(number), description=ours.description.replace(ours.name, stage.pod(number)))
        for number in numbers
    )
    stage.link.rows = (ours, *others)


async def test_rows_without_a_pod_are_looked_up_eight_at_a_time(stage, monkeypatch):
    await ghosts(stage, 20)
    at_once, most = 0, 0

    async def pod_controller(namespace, name):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1

    monkeypatch.setattr(stage.cluster, "pod_controller", pod_controller)

    await stage.settle()

    assert most == 8
    assert stage.rows == stage.pods


async def test_a_look_up_that_fails_leaves_ghosts_and_keeps_no_pod_from_being_made(stage):
    await ghosts(stage, 2)
    stage.link.set(**pending(2))
    stage.cluster.fail["pod_controller"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "away")

    await stage.make_pass()

    assert len(stage.pods) == 2
    assert stage.pod(70) in stage.rows

    await stage.settle()

    assert stage.rows == stage.pods


async def test_a_look_up_that_is_refused_stops_the_pass_as_any_refusal(stage):
    await ghosts(stage, 1)
    stage.cluster.fail["pod_controller"] = Refused(Reason.FORBIDDEN, "list pods is forbidden")

    with pytest.raises(Refused):
        await stage.make_pass()


async def test_a_deleted_pool_is_not_let_go_while_nobody_says_whether_a_row_has_a_pod(stage):
    await ghosts(stage, 1)
    stage.cluster.pods.clear()
    stage.link.rows = stage.link.rows[1:]
    stage.cluster.delete_pool()
    stage.cluster.refuse["pod_controller"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "away")

    await stage.make_pass()

    assert stage.cluster.pool is not None

    del stage.cluster.refuse["pod_controller"]
    await stage.settle()

    assert (stage.cluster.pool, stage.rows) == (None, [])


async def test_a_pod_that_failed_is_replaced_under_a_new_name_and_told(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (first,) = stage.pods
    stage.cluster.end(first, succeeded=False)

    await stage.settle()

    assert stage.pods == [first, stage.pod(2)]
    assert stage.rows == [stage.pod(2)]
    assert stage.cluster.condition("RunnersHealthy")["reason"] == Reason.RUNNER_CRASHED
    assert stage.recorder.failed == ["RunnerCrashed"]


async def test_pods_that_fail_again_and_again_are_replaced_ever_later(stage):
    stage.link.set(**pending(1))
    await stage.settle()

    for number, delay in enumerate((0, 5, 10), 1):
        stage.cluster.end(stage.pod(number), succeeded=False)
        await stage.settle()
        assert (stage.pod(number + 1) in stage.pods) is (delay == 0)
        stage.clock.advance(1.2 * delay)
        await stage.settle()
        assert stage.pod(number + 1) in stage.pods


async def test_a_pod_that_failed_is_counted_though_the_pass_that_saw_it_came_to_nothing(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.cluster.end(name, succeeded=False)
    stage.cluster.fail["write_reserved"] = Conflict(Reason.CONFLICT, "it has changed meanwhile")
    with pytest.raises(Conflict):
        await stage.make_pass()

    await stage.make_pass()

    assert len(stage.recorder.failed) == 1


async def test_failures_outlive_the_operator(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    for number in (1, 2):
        stage.cluster.end(stage.pod(number), succeeded=False)
        await stage.settle()
    assert stage.cluster.status["failures"][0]["count"] == 2

    stage.restart()
    await stage.settle()

    assert stage.pod(3) not in stage.pods
    assert stage.cluster.status["failures"][0]["count"] == 2


async def test_a_pod_that_is_not_ready_for_longer_than_tolerated_is_replaced_and_its_job_kept_room_for(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.link.set(**working(name))
    stage.cluster.lose_readiness(name)
    await stage.settle()
    assert stage.cluster.condition("RunnersHealthy")["status"] == "True"

    stage.clock.advance(60)
    await stage.settle()

    assert stage.cluster.annotations(name)["runnerpool.dev/drain"] == "drain"
    assert stage.cluster.annotations(name)["runnerpool.dev/drain-reason"] == "Unready"
    assert stage.pods == [name, stage.pod(2)]
    assert stage.cluster.condition("RunnersHealthy")["reason"] == "Unready"
    assert stage.recorder.failed == ["Unready"]
    assert "Unready" in [event["reason"] for event in stage.cluster.events]


async def test_a_server_that_was_away_for_all_replaces_nothing(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.link.set(**working(name))
    stage.cluster.lose_readiness(name)
    stage.clock.advance(600)
    stage.link.known_since = stage.clock.now()

    await stage.settle()

    assert stage.pods == [name]
    assert "runnerpool.dev/drain" not in stage.cluster.annotations(name)


async def test_a_job_that_two_runners_let_lie_is_set_aside(stage):
    async def still_pending_after(seconds):
        stage.clock.advance(seconds)
        stage.link.set(at=stage.clock.now())
        await stage.settle()

    stage.cluster.pool["spec"]["lifecycle"] = {"deafToleranceSeconds": 10, "drainTimeoutSeconds": 60}
    stage.link.set(**pending(1))
    await stage.settle()
    for number in (1, 2):
        stage.cluster.start(stage.pod(number))
        await stage.settle()
        await still_pending_after(11)
        assert stage.cluster.annotations(stage.pod(number))["runnerpool.dev/drain-reason"] == "RunnerDeaf"
        stage.clock.advance(7)  # the delay after the second failure in a row
        await stage.settle()

    stage.cluster.start(stage.pod(3))
    await stage.settle()
    await still_pending_after(11)

    assert "runnerpool.dev/drain" not in stage.cluster.annotations(stage.pod(3))


async def test_a_deleted_pool_lets_its_busy_pods_finish_before_it_goes(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.cluster.start(name)
    stage.link.set(**working(name))
    await stage.settle()

    stage.cluster.delete_pool()
    await stage.settle()
    assert stage.drain_order(name) == "drain"
    assert stage.cluster.pool is not None

    stage.restart()
    await stage.settle()
    stage.cluster.end(name)
    await stage.settle()

    assert stage.cluster.pool is None
    assert (stage.pods, stage.rows, stage.cluster.secrets) == ([], [], {})


async def test_a_deleted_pool_with_the_abort_policy_hands_its_jobs_back(make_stage):
    stage = make_stage(lifecycle={"deletionPolicy": "Abort"})
    stage.link.set(**pending(1))
    await stage.settle()
    stage.cluster.start(stage.pods[0])

    stage.cluster.delete_pool()
    await stage.settle()

    assert stage.drain_order(stage.pods[0]) == "abort"


async def test_a_pool_that_has_gone_needs_no_further_pass(stage):
    stage.cluster.pool = None

    assert await stage.make_pass() is None


async def test_a_pool_held_by_somebody_elses_finalizer_is_left_alone(stage):
    stage.cluster.pool["metadata"]["finalizers"] = ["example.org/backup"]
    stage.cluster.delete_pool()

    assert await stage.make_pass() is None
    assert stage.cluster.calls == ["get_pool"]


async def test_a_pool_made_again_under_its_name_starts_with_a_clean_memory(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    stage.cluster.end(stage.pods[0], succeeded=False)
    await stage.settle()

    stage.cluster.pool["metadata"]["uid"] = "99999999-0000-4000-8000-000000000000"
    stage.cluster.pool["status"] = {}
    await stage.settle()

    assert stage.cluster.condition("RunnersHealthy")["status"] == "True"


async def test_a_spec_that_an_older_schema_let_through_is_told_and_touches_nothing(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    before = dict(stage.cluster.pods)
    stage.cluster.pool["spec"]["jobTypes"] = ["no-such-type"]

    await stage.make_pass()

    assert stage.cluster.pods == before
    assert stage.cluster.condition("SpecValid")["status"] == "False"
    assert stage.cluster.condition("Ready")["reason"] == Reason.SPEC_INVALID


async def test_an_api_server_that_is_away_stops_the_pass_before_anything_is_done(stage):
    stage.link.set(**pending(1))
    stage.cluster.fail["list_pods"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "refused")

    with pytest.raises(Unavailable):
        await stage.make_pass()

    assert "create_pod" not in stage.cluster.calls


async def test_a_drain_that_the_api_server_does_not_take_is_told_when_it_does(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.cluster.start(name)
    stage.link.set(pending=())
    await stage.settle()
    stage.clock.advance(61)
    stage.cluster.fail["order_drain"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "a webhook fails")

    await stage.make_pass()
    assert "ScaleDown" not in [event["reason"] for event in stage.cluster.events]

    await stage.make_pass()
    assert [event["reason"] for event in stage.cluster.events].count("ScaleDown") == 1


async def test_a_failure_that_has_healed_is_no_news_to_the_next_operator(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (first,) = stage.pods
    stage.cluster.start(first)
    stage.clock.advance(10)
    stage.cluster.end(first, succeeded=False)
    await stage.settle()
    assert stage.cluster.condition("Ready")["status"] == "False"
    stage.clock.advance(20)
    await stage.settle()
    (second,) = set(stage.pods) - {first}
    stage.cluster.start(second)
    stage.clock.advance(70)
    await stage.settle()
    assert stage.cluster.condition("Ready")["status"] == "True"
    told, counted = len(stage.cluster.events), len(stage.recorder.failed)

    stage.clock.advance(30)
    stage.restart()
    await stage.settle()

    assert first in stage.pods, "it stays for its log"
    assert stage.cluster.condition("Ready")["status"] == "True"
    assert (len(stage.cluster.events), len(stage.recorder.failed)) == (told, counted)


async def test_an_event_that_cannot_be_posted_does_not_stop_the_pass(stage):
    stage.link.set(**pending(1))
    stage.cluster.fail["post_event"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "refused")

    await stage.settle()

    assert len(stage.pods) == 1


async def test_a_pass_comes_again_at_the_plans_deadline_and_at_least_every_ten_seconds(stage):
    assert await stage.make_pass() == timedelta(seconds=10)


async def test_a_pod_that_has_ended_stays_until_its_runner_can_be_unregistered(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    login = stage.cluster.logins.pop("peertube-admin")
    stage.cluster.end(name)

    await stage.settle()
    assert stage.pods == stage.rows == [name]

    stage.cluster.logins["peertube-admin"] = login
    stage.link.set(**pending(0))
    await stage.settle()
    assert stage.pods == stage.rows == []


async def test_a_gated_pod_waits_while_its_secret_is_missing(stage):
    stage.link.set(**pending(1))
    stage.cluster.fail["secret_owner"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "refused")
    await stage.make_pass()
    del stage.cluster.logins["peertube-admin"]

    await stage.make_pass()

    (name,) = stage.pods
    assert stage.cluster.pods[name]["spec"]["schedulingGates"]
    assert stage.rows == []


async def test_a_job_still_credited_to_a_runner_that_goes_is_named(stage, caplog):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.link.set(**working(name))
    stage.cluster.end(name, succeeded=False)

    await stage.settle()

    assert f"runner {name} is unregistered while job active-0" in caplog.text


async def test_a_step_that_fails_by_a_fault_of_ours_leaves_no_other_running(stage, monkeypatch):
    create_pod, first = stage.cluster.create_pod, stage.pod(1)

    async def create(manifest):
        if manifest["metadata"]["name"] == first:
            raise KeyError("a fault of ours")
        await asyncio.sleep(0.01)
        return await create_pod(manifest)

    monkeypatch.setattr(stage.cluster, "create_pod", create)
    stage.link.set(**pending(3))

    with pytest.raises(KeyError):
        await stage.make_pass()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert stage.rows == [stage.pod(2), stage.pod(3)]


async def test_a_type_that_the_server_made_up_is_not_repeated(stage, caplog):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.link.set(
        pending=(), pending_total=0, active=(make_job("j", JobState.PROCESSING, type="canary", runner=name),)
    )
    stage.cluster.end(name, succeeded=False)

    await stage.settle()

    assert f"runner {name} is unregistered while job j (of a type unknown here)" in caplog.text
    assert "canary" not in caplog.text


async def test_a_drained_pod_goes_without_a_word_about_the_job_that_an_older_reading_shows(stage, caplog):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.link.set(**working(name))
    stage.cluster.end(name)

    await stage.settle()

    assert "is unregistered while" not in caplog.text


async def test_a_secret_that_belongs_to_something_else_is_never_overwritten(stage):
    stage.link.set(**pending(1))
    foreign = {"metadata": {"name": stage.pod(1), "ownerReferences": [{"uid": "somebody-else"}]}, "data": {"x": "eA=="}}
    await stage.cluster.create_secret(foreign)

    await stage.make_pass()

    assert stage.cluster.secrets[stage.pod(1)] == foreign
    assert stage.cluster.pods[stage.pod(1)]["spec"]["schedulingGates"]
    assert stage.cluster.condition("Ready")["reason"] == Reason.NAME_TAKEN


async def test_a_pod_of_somebody_elses_with_the_name_we_wanted_is_left_alone(stage):
    stage.link.set(**pending(1))
    foreign = {"metadata": {"namespace": "media", "name": stage.pod(1)}, "spec": {}}
    await stage.cluster.create_pod(foreign)

    await stage.make_pass()

    assert stage.cluster.pods[stage.pod(1)]["spec"] == {}
    assert stage.rows == []


async def test_a_pod_that_vanishes_under_our_hands_is_no_trouble(stage):
    stage.link.set(**pending(1))
    stage.cluster.fail["ungate_pod"] = NotFound(Reason.NOT_FOUND, "gone")

    await stage.make_pass()

    assert stage.cluster.condition("Ready")["status"] == "True"


async def test_rows_that_the_poller_has_not_seen_yet_are_asked_for_before_a_pod_goes(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.link.set(**pending(0))
    rows, stage.link.rows = stage.link.rows, ()
    asked = []

    async def refresh_rows():
        asked.append(name)
        stage.link.rows = rows
        return rows

    stage.link.refresh_rows = refresh_rows
    stage.cluster.end(name)
    await stage.settle()

    assert asked == [name]
    assert stage.rows == stage.pods == []
