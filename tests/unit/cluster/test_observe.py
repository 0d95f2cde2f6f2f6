from datetime import UTC, datetime

import pytest

from runnerpool.api import names
from runnerpool.api.times import parse_time
from runnerpool.cluster.observe import holder_uid, owned_pods
from runnerpool.planning.snapshot import PodStage

UID = "0a1b2c3d-0000-4000-8000-000000000000"


def pod(name: str = "vod-0a1b2-3", *, owner: str = UID, annotations=None, spec=None, status=None, **metadata):
    return {
        "metadata": {
            "name": name,
            "uid": "pod-uid",
            "creationTimestamp": "2026-11-23T10:00:00Z",
            "ownerReferences": [{"uid": owner, "controller": True}],
            "annotations": annotations or {},
            **metadata,
        },
        "spec": spec or {},
        "status": status or {},
    }


def seen(item):
    (only,) = owned_pods([item], "vod", UID)
    return only


def test_a_pod_with_our_gate_is_gated():
    assert seen(pod(spec={"schedulingGates": [{"name": names.SCHEDULING_GATE}]})).stage is PodStage.GATED


def test_a_pod_with_somebody_elses_gate_is_starting():
    assert seen(pod(spec={"schedulingGates": [{"name": "example.org/other"}]})).stage is PodStage.STARTING


def test_a_ready_pod_tells_since_when():
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T10:00:05Z"}

    found = seen(pod(status={"phase": "Running", "conditions": [{"type": "PodScheduled"}, ready]}))

    assert found.stage is PodStage.READY
    assert found.ready_since == datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)


def test_a_pod_that_is_not_ready_is_starting():
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-23T10:00:05Z"}

    assert seen(pod(status={"phase": "Running", "conditions": [unready]})).stage is PodStage.STARTING


@pytest.mark.parametrize(("phase", "succeeded"), [("Succeeded", True), ("Failed", False)])
def test_a_finished_pod_has_ended(phase, succeeded):
    found = seen(pod(status={"phase": phase}))

    assert found.stage is PodStage.ENDED
    assert found.succeeded is succeeded


def test_a_drain_order_is_read_with_its_time():
    order = {names.ANNOTATION_DRAIN: "drain", names.ANNOTATION_DRAIN_SINCE: "2026-11-23T11:00:00Z"}

    found = seen(pod(annotations=order))

    assert found.drain_order == "drain"
    assert found.drain_since == datetime(2026, 11, 23, 11, tzinfo=UTC)


def test_an_empty_drain_annotation_is_no_order():
    assert seen(pod(annotations={names.ANNOTATION_DRAIN: ""})).drain_order is None


def test_a_pod_being_deleted_is_seen_as_such():
    assert seen(pod(deletionTimestamp="2026-11-23T11:00:00Z")).deleting


def test_a_pod_of_another_owner_is_none_of_ours():
    assert owned_pods([pod(owner="somebody-else")], "vod", UID) == ()


def test_a_pod_whose_name_we_did_not_make_is_none_of_ours():
    assert owned_pods([pod("vod-by-hand")], "vod", UID) == ()


@pytest.mark.parametrize("text", [None, "", "yesterday", 7, "2026-11-23T10:00:00"])
def test_what_is_no_time_with_a_zone_is_none(text):
    assert parse_time(text) is None


def test_an_unscheduled_pod_has_not_run():
    assert not seen(pod()).has_run


def test_a_pod_whose_container_waits_for_its_image_has_not_run():
    waiting = {"state": {"waiting": {"reason": "ErrImagePull"}}}

    assert not seen(pod(spec={"nodeName": "n"}, status={"containerStatuses": [waiting]})).has_run


@pytest.mark.parametrize(
    ("state", "stuck"),
    [
        ({"waiting": {"reason": "ErrImagePull", "message": "not repeated"}}, "ErrImagePull"),
        ({"waiting": {"reason": "CreateContainerConfigError"}}, "CreateContainerConfigError"),
        ({"waiting": {"reason": "ContainerCreating"}}, ""),
        ({"waiting": {}}, ""),
        ({"running": {}}, ""),
        (None, ""),
    ],
)
def test_a_container_that_cannot_start_is_told_by_the_kubelets_word(state, stuck):
    assert seen(pod(spec={"nodeName": "n"}, status={"containerStatuses": [{"state": state}]})).stuck == stuck


def test_a_scheduled_pod_of_which_the_kubelet_has_not_told_yet_may_have_run():
    assert seen(pod(spec={"nodeName": "n"})).has_run


def test_a_pod_whose_container_runs_has_run():
    assert seen(pod(spec={"nodeName": "n"}, status={"containerStatuses": [{"state": {"running": {}}}]})).has_run


def ended(**status):
    return seen(pod(status={"phase": "Failed"} | status)).end


def test_the_agents_own_word_tells_how_a_pod_ended():
    message = '{"cause": "RunnerFailed", "message": "it crashed 4 times"}'
    terminated = {"reason": "Error", "exitCode": 4, "message": message}

    assert ended(containerStatuses=[{"state": {"terminated": terminated}}]) == (
        "exit code 4, RunnerFailed: it crashed 4 times"
    )


def test_the_kubelets_word_is_told_where_the_agent_could_say_nothing():
    terminated = {"reason": "OOMKilled", "exitCode": 137}

    assert ended(containerStatuses=[{"state": {"terminated": terminated}}]) == "OOMKilled, exit code 137"


def test_an_evicted_pod_says_so():
    assert ended(reason="Evicted") == "Evicted"


@pytest.mark.parametrize("message", ["plain text", "[1]", None])
def test_a_termination_message_that_is_not_the_agents_is_not_repeated(message):
    terminated = {"exitCode": 1, "message": message}

    assert ended(containerStatuses=[{"state": {"terminated": terminated}}]) == "exit code 1"


def test_a_long_word_is_cut():
    message = '{"cause": "x", "message": "' + "y" * 5000 + '"}'

    assert len(ended(containerStatuses=[{"state": {"terminated": {"exitCode": 1, "message": message}}}])) == 300


def running(*, ready: str, containers_ready: str, started: bool = True, **metadata):
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-23T10:00:01Z"},
        {"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-23T10:10:00Z"},
        {"type": "ContainersReady", "status": containers_ready, "lastTransitionTime": "2026-11-23T10:10:00Z"},
    ]
    container = {"started": started, "state": {"running": {"startedAt": "2026-11-23T10:00:05Z"}}}
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}
    return pod(spec={"nodeName": "n1"}, status=status, **metadata)


TEN_PAST = datetime(2026, 11, 23, 10, 10, tzinfo=UTC)


def test_a_pod_that_is_up_and_not_ready_tells_since_when():
    found = seen(running(ready="False", containers_ready="False"))

    assert (found.started, found.unready_since, found.lost_since) == (True, TEN_PAST, None)
    assert found.scheduled_since == datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC)


def test_a_pod_whose_agent_is_not_up_yet_is_not_unready():
    found = seen(running(ready="False", containers_ready="False", started=False))

    assert (found.started, found.unready_since) == (False, None)


def test_an_agent_that_has_never_been_ready_is_unready_since_its_container_began():
    item = running(ready="False", containers_ready="False")
    item["status"]["conditions"][1]["lastTransitionTime"] = "2026-11-23T10:00:01Z"

    assert seen(item).unready_since == datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)


def test_a_pod_whose_readiness_was_taken_while_its_containers_were_ready_is_on_a_lost_node():
    assert seen(running(ready="False", containers_ready="True")).lost_since == TEN_PAST


def test_a_ready_pod_is_not_lost():
    found = seen(running(ready="True", containers_ready="True"))

    assert (found.lost_since, found.unready_since) == (None, None)


def test_a_pod_past_its_deletion_time_is_lost_since_then():
    item = running(ready="True", containers_ready="True", deletionTimestamp="2026-11-23T11:00:00Z")

    assert seen(item).lost_since == datetime(2026, 11, 23, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (
            {"status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"},
            "0/3 nodes are available",
        ),
        ({"status": "False", "reason": "Unschedulable"}, "it fits on no node"),
        ({"status": "False", "reason": "SchedulingGated"}, ""),
        ({"status": "True"}, ""),
    ],
)
def test_the_scheduler_tells_why_a_pod_fits_nowhere(condition, told):
    found = seen(pod(status={"phase": "Pending", "conditions": [{"type": "PodScheduled", **condition}]}))

    assert found.unschedulable == told


def test_the_time_of_an_abort_is_its_own():
    order = {names.ANNOTATION_DRAIN: "abort", names.ANNOTATION_DRAIN_SINCE: "2026-11-23T11:00:00Z"}

    assert seen(pod(annotations=order)).drain_since is None
    found = seen(pod(annotations=order | {names.ANNOTATION_ABORT_SINCE: "2026-11-23T12:00:00Z"}))
    assert found.drain_since == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_pod_tells_its_image():
    assert seen(pod(spec={"containers": [{"image": "localhost/runner:1"}]})).image == "localhost/runner:1"
    assert seen(pod()).image == ""


def test_a_pod_is_held_by_the_pool_that_controls_it_and_finds_it_by_its_labels():
    owner = {"uid": UID, "controller": True, "name": "vod"}
    ours = {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_POOL: "vod"}

    assert holder_uid(pod(ownerReferences=[owner], labels=ours)) == UID
    assert holder_uid(pod(ownerReferences=[owner], labels={names.LABEL_POOL: "vod"})) == ""
    assert holder_uid(pod(ownerReferences=[owner], labels={**ours, names.LABEL_POOL: "other"})) == ""
    assert holder_uid(pod(ownerReferences=[owner])) == ""
    assert holder_uid(pod(ownerReferences=[], labels=ours)) == ""
