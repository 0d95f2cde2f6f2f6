from runnerpool.planning.demand import pool_queue
from runnerpool.planning.jobs import JobState, ServerReading
from support.builders import NOW, WEB_VIDEO, ago, make_job, make_pool

SPEC = make_pool(jobTypes=[WEB_VIDEO, "vod-hls-transcoding"]).spec


def reading(**lists):
    return ServerReading(at=NOW, **lists)


def test_an_empty_queue_is_no_demand():
    queue = pool_queue(reading(), SPEC)

    assert (queue.pending, queue.processing, queue.completing, queue.waiting_for_parent) == (0, 0, 0, 0)
    assert queue.held == {}
    assert queue.oldest_pending_time is None


def test_pending_jobs_of_the_pools_types_count_and_others_do_not():
    jobs = (make_job("a"), make_job("b", type="vod-hls-transcoding"), make_job("c", type="video-transcription"))

    assert pool_queue(reading(pending=jobs), SPEC).pending == 2


def test_a_job_type_that_nobody_here_knows_is_tolerated():
    jobs = (make_job("a", type="hologram-transcoding"), make_job("b"))

    assert pool_queue(reading(pending=jobs), SPEC).pending == 1


def test_a_state_that_nobody_here_knows_is_tolerated():
    unheard = make_job("a", 77, runner="r")

    queue = pool_queue(reading(pending=(unheard,), active=(unheard,), waiting=(unheard,)), SPEC)

    assert (queue.pending, queue.processing, queue.completing, queue.waiting_for_parent) == (0, 0, 0, 0)
    assert queue.held == {}


def test_processing_and_completing_are_told_apart_whoever_runs_them():
    jobs = (
        make_job("a", JobState.PROCESSING, runner="ours"),
        make_job("b", JobState.PROCESSING, runner="theirs"),
        make_job("c", JobState.COMPLETING, runner="ours"),
    )

    queue = pool_queue(reading(active=jobs), SPEC)

    assert (queue.processing, queue.completing) == (2, 1)


def test_a_runner_is_busy_whatever_the_type_of_the_job_that_it_holds():
    jobs = (
        make_job("a", JobState.PROCESSING, runner="r1", type="video-transcription"),
        make_job("b", JobState.COMPLETING, runner="r1"),
        make_job("c", JobState.PROCESSING, runner="r2"),
        make_job("d", JobState.PROCESSING, runner=None),
    )

    queue = pool_queue(reading(active=jobs), SPEC)

    assert queue.held == {"r1": 2, "r2": 1}
    assert queue.processing == 2


def test_a_job_that_was_taken_between_two_lists_counts_once():
    taken = make_job("a", JobState.PROCESSING, runner="r1")

    queue = pool_queue(reading(pending=(make_job("a"), make_job("b")), active=(taken,)), SPEC)

    assert (queue.pending, queue.processing) == (1, 1)


def test_a_child_that_was_let_loose_between_two_lists_counts_once():
    waiting = make_job("a", JobState.WAITING_FOR_PARENT_JOB, parent_uuid="p", parent_state=JobState.COMPLETED)

    queue = pool_queue(reading(pending=(make_job("a"),), waiting=(waiting,)), SPEC)

    assert (queue.pending, queue.waiting_for_parent) == (1, 0)


def test_children_wait_on_work_when_their_parent_is_in_work_whatever_its_type():
    parent = make_job("p", JobState.PROCESSING, type="video-studio-transcoding", runner="foreign")
    children = (
        make_job("a", JobState.WAITING_FOR_PARENT_JOB, parent_uuid="p", parent_state=JobState.PENDING),
        make_job("b", JobState.WAITING_FOR_PARENT_JOB, parent_uuid="q", parent_state=JobState.COMPLETING),
        make_job("c", JobState.WAITING_FOR_PARENT_JOB, parent_uuid="r", parent_state=JobState.PENDING),
        make_job("d", JobState.WAITING_FOR_PARENT_JOB),
        make_job("e", JobState.WAITING_FOR_PARENT_JOB, type="video-transcription", parent_uuid="p"),
    )

    queue = pool_queue(reading(active=(parent,), waiting=children), SPEC)

    assert (queue.waiting_for_parent, queue.waiting_on_work) == (4, 2)


def test_the_oldest_pending_job_of_the_pools_types_tells_the_age():
    jobs = (
        make_job("a", created=ago(60)),
        make_job("b", created=ago(600)),
        make_job("c", created=ago(6000), type="video-transcription"),
    )

    assert pool_queue(reading(pending=jobs), SPEC).oldest_pending_time == ago(600)


def test_a_longer_queue_than_was_read_says_so():
    assert pool_queue(reading(pending=(make_job(),), pending_total=5000, complete=False), SPEC).complete is False
