import logging

import pytest

from runnerpool_agent.jobs import JobEnd, JobLedger, Outcome
from runnerpool_agent.runner_log import QUIET_SECONDS, RunnerLog

SERVER = "https://video.example.org"
UUID = "161fe3e9-3d24-49e3-8b5c-047c76e6af75"
# As recorded from the official runner 0.6.0.
CHECKING = f"[18:16:25.037] INFO (21002): Checking available jobs on {SERVER}"
PROCESSING = f"[18:16:25.355] INFO (21002): [{SERVER}] Processing job of type vod-hls-transcoding: {UUID}"
FINISHED = f"[18:16:25.833] INFO (21002): [{SERVER}] Finished processing job of type vod-hls-transcoding: {UUID}"
NO_JOB = f"[18:16:25.050] DEBUG (21002): No job available on {SERVER} for runner vod-1a2b3-7"
REQUESTING = f"[18:16:25.037] DEBUG (21002): Requesting jobs on {SERVER} for runner vod-1a2b3-7"
INVALID = f"[18:22:10.484] ERROR (22403): Unregistering {SERVER} as the runner token ptrt-… is invalid"


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.starts: list[str] = []
        self.ends: list[tuple[str, Outcome]] = []
        self.ledger = JobLedger(self.starts.append, self._end, lambda: self.now)
        self.log = RunnerLog(clock=lambda: self.now, jobs=self.ledger)

    def _end(self, end: JobEnd) -> None:
        self.ends.append((end.type, end.outcome))


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    "line",
    [
        "[18:16:18.143] INFO (21002): Server is ready to process jobs",
        "[18:16:18.142] INFO (21002): Using /scratch/cache/x/transcoding for transcoding directory",
        CHECKING,
    ],
)
def test_the_runner_is_ready_when_its_log_says_so_in_any_version(world: World, line: str) -> None:
    world.log.take("[18:16:18.131] INFO (21002): Running PeerTube runner in server mode")
    assert not world.log.ready
    world.log.take(line)
    assert world.log.ready


def test_jobs_are_followed_from_start_to_end(world: World) -> None:
    world.log.take(PROCESSING)
    assert world.starts == ["vod-hls-transcoding"]
    assert world.ledger.in_hand == 1
    world.log.take(FINISHED)
    assert world.ends == [("vod-hls-transcoding", Outcome.FINISHED)]


@pytest.mark.parametrize("line", ["Cannot process job", "Unknown job vod-hls-transcoding to process"])
def test_a_failure_is_booked(world: World, line: str) -> None:
    world.log.take(PROCESSING)
    world.log.take(f"[18:22:02.220] ERROR (21002): {line}")
    assert world.ends == [("vod-hls-transcoding", Outcome.FAILED)]


def test_a_job_handed_back_is_booked(world: World) -> None:
    world.log.take(PROCESSING)
    world.log.take(f"[18:22:02.220] INFO (21002): Aborting job {UUID} on {SERVER} as the runner is stopping")
    assert world.ledger.open[UUID].given_back
    world.ledger.runner_ended(clean=True)
    assert world.ends == [("vod-hls-transcoding", Outcome.HANDED_BACK)]


# As the official runner 0.6.0 prints the error of a refused call, but for the length.
ANSWER = (
    '      "message": "Expected status 204, got {}. \\nThe server responded: \\"{{}}\\".\\nYou may take a closer look",'
)


def test_the_answer_to_a_jobs_result_is_told_with_its_failure(world: World) -> None:
    world.log.take(PROCESSING)
    for line in ("[18:22:02.220] ERROR (21002): Cannot process job", "    err: {", ANSWER.format(413)):
        world.log.take(line)
    world.log.take("          Error: Expected status 204, got 500. ")
    (end,) = world.ledger.take_ends(final=True)
    assert end.status == 413


def test_an_answer_in_another_record_belongs_to_no_failure(world: World) -> None:
    world.log.take(PROCESSING)
    world.log.take("[18:22:02.220] ERROR (21002): Cannot process job")
    world.log.take("[18:22:02.221] ERROR (21002): Cannot abort job after error")
    world.log.take(ANSWER.format(404))
    (end,) = world.ledger.take_ends(final=True)
    assert end.status is None


def test_a_report_that_failed_by_a_fault_of_the_servers_is_no_refusal(world: World) -> None:
    for status in (404, 500, 503):
        world.log.take("[18:17:54.989] ERROR (21002): Cannot send job progress")
        world.log.take(ANSWER.format(status))
    assert world.log.refused_reports == 3
    assert world.log.refusals.in_a_row(world.now, 60.0) == 1


def test_a_jobs_token_is_taken_from_the_lines_about_its_input(world: World) -> None:
    world.log.take(PROCESSING)
    url = f"{SERVER}/api/v1/runners/jobs/{UUID}/files/videos/02870107-cf89-4af0-b05e-25f3f8d33157/max-quality"
    world.log.take(f"[18:16:25.371] INFO (1): Downloaded input file {url} for job ptrjt-0a-1. Running web video …")
    assert world.ledger.open[UUID].token == "ptrjt-0a-1"


def test_it_is_known_how_long_a_round_lasts_and_when_the_last_one_began(world: World) -> None:
    assert (world.log.round_seconds(), world.log.last_round) == (0.0, None)
    world.log.take(CHECKING)
    world.now = 140.0
    assert (world.log.round_seconds(), world.log.last_round) == (40.0, 100.0)
    world.log.take(NO_JOB)
    assert (world.log.round_seconds(), world.log.last_round) == (0.0, 100.0)


def test_the_end_of_registration_is_noticed(world: World) -> None:
    world.log.take("[18:22:10.485] INFO (22403): Unregistering runner log6 on https://video.example.org...")
    assert not world.log.unregistered
    world.log.take(INVALID)
    assert world.log.unregistered


def test_refused_reports_are_counted(world: World) -> None:
    world.log.take("[18:19:54.989] ERROR (21002): Cannot send job progress")
    world.log.take('      "message": "Cannot send job progress"')
    assert world.log.refused_reports == 1


def test_colours_are_taken_out_and_a_continued_record_keeps_its_level(world: World) -> None:
    coloured = "[18:19:54.989] \x1b[31mERROR\x1b[39m (21002): \x1b[36mCannot send job progress\x1b[39m"
    assert world.log.take(coloured) == (logging.ERROR, "[18:19:54.989] ERROR (21002): Cannot send job progress")
    assert world.log.take("    err: {") == (logging.ERROR, "    err: {")
    assert world.log.take(REQUESTING)[0] == logging.DEBUG
    assert world.log.take("    more")[0] == logging.DEBUG


def test_without_a_round_nothing_is_open(world: World) -> None:
    assert not world.log.round_open()
    assert world.log.round_quiet_at() is None


def test_a_round_is_open_until_its_job_is_begun(world: World) -> None:
    world.log.take(CHECKING)
    assert world.log.round_open()
    world.log.take(PROCESSING)
    assert not world.log.round_open()


@pytest.mark.parametrize(
    "text",
    [
        "INFO (1): Do not process more jobs (processing 1 / 1)",
        "ERROR (1): Cannot request/accept job on https://video.example.org for runner x",
        "DEBUG (1): Runner job is not in pending state anymore, retry later",
        f"DEBUG (1): No job available on {SERVER} for runner x",
        f"ERROR (1): Unregistering {SERVER} as the runner token ptrt-… is invalid",
    ],
)
def test_a_round_ends_in_any_of_these_ways(world: World, text: str) -> None:
    world.log.take(CHECKING)
    world.log.take(f"[18:16:25.050] {text}")
    assert not world.log.round_open()


def test_the_end_of_a_round_is_waited_for_however_long_it_takes(world: World) -> None:
    world.log.take(CHECKING)
    world.log.take(REQUESTING)
    world.now += 100
    assert world.log.round_open()
    assert world.log.round_quiet_at() is None
    world.log.take(NO_JOB)
    assert not world.log.round_open()


def test_a_runner_that_does_not_tell_the_ends_of_rounds_is_taken_as_done_after_a_moment(world: World) -> None:
    world.log.take(CHECKING)
    world.now += 60
    world.log.take(CHECKING)
    assert world.log.round_open()
    assert world.log.round_quiet_at() == 160.0 + QUIET_SECONDS
    world.now += QUIET_SECONDS
    assert not world.log.round_open()
    assert world.log.round_quiet_at() is None
