import json
from dataclasses import replace

import pytest

from runnerpool_agent.causes import LossCause
from runnerpool_agent.drain import Cause
from runnerpool_agent.jobs import JobEnd, Outcome
from runnerpool_agent.losses import KEPT, Losses, cause_of
from runnerpool_agent.termination import Ending, ExitCode

END = JobEnd(uuid="a", type="hls", outcome=Outcome.LOST, at=100.0, seconds=90.4)


def losses() -> tuple[Losses, list[tuple[LossCause, float]]]:
    told: list[tuple[LossCause, float]] = []
    return Losses(lambda cause, seconds: told.append((cause, seconds))), told


@pytest.mark.parametrize(
    ("outcome", "status", "contact", "cause"),
    [
        (Outcome.LOST, None, True, LossCause.HUNG),
        (Outcome.LOST, None, False, LossCause.HUNG),
        (Outcome.HANDED_BACK, None, True, LossCause.HUNG),
        (Outcome.FAILED, None, True, LossCause.JOB_FAILED),
        (Outcome.FAILED, None, False, LossCause.CONTACT_LOST),
        (Outcome.FAILED, 500, True, LossCause.JOB_FAILED),
        (Outcome.FAILED, 500, False, LossCause.JOB_FAILED),
        (Outcome.FAILED, 413, False, LossCause.UPLOAD_REJECTED),
        (Outcome.FAILED, 404, True, LossCause.LOST_JOB),
        (Outcome.FAILED, 404, False, LossCause.LOST_JOB),
    ],
)
def test_a_loss_has_the_cause_of_its_runners_end_unless_the_job_itself_failed(
    outcome: Outcome,
    status: int | None,
    contact: bool,
    cause: LossCause,
) -> None:
    assert cause_of(replace(END, outcome=outcome, status=status), LossCause.HUNG, contact=contact) is cause


def test_a_job_that_ended_well_costs_nothing() -> None:
    ledger, told = losses()
    ledger.book(replace(END, outcome=Outcome.FINISHED), LossCause.CRASHED)
    assert (told, ledger.jobs(), ledger.page()) == ([], (), {})


def test_seconds_add_up_by_cause() -> None:
    ledger, told = losses()
    ledger.book(END, LossCause.CRASHED)
    ledger.book(replace(END, seconds=10), LossCause.CRASHED)
    assert ledger.page() == {"RunnerCrashed": 100.4}
    assert told == [(LossCause.CRASHED, 90.4), (LossCause.CRASHED, 10)]


def test_the_last_eight_jobs_are_named_and_the_message_fits_into_what_kubernetes_keeps() -> None:
    ledger, _ = losses()
    for number in range(KEPT + 4):
        ledger.book(replace(END, uuid=f"{number}" + "ü" * 500, type="x" * 500), LossCause.CRASHED)
    ending = Ending(code=ExitCode.RUNNER_FAILED, cause=Cause.RUNNER_HUNG, message="\0" * 5000, jobs=ledger.jobs())
    line = ending.line()
    assert len(line.encode()) <= 4096
    page = json.loads(line)
    assert page["cause"] == "RunnerHung"
    assert page["message"]
    assert [job["uuid"][:2].rstrip("ü") for job in page["jobs"]] == [str(number) for number in range(4, KEPT + 4)]
    assert {(job["fate"], job["seconds"], job["cause"]) for job in page["jobs"]} == {("lost", 90, "RunnerCrashed")}


def test_words_of_the_server_that_grow_beyond_all_bounds_cost_the_oldest_jobs_and_never_the_message() -> None:
    ledger, _ = losses()
    for number in range(KEPT):
        ledger.book(replace(END, uuid=f"{number}" + "\0" * 500, type="\0" * 500), LossCause.CRASHED)
    ending = Ending(code=ExitCode.RUNNER_FAILED, cause=Cause.RUNNER_HUNG, message="\0" * 5000, jobs=ledger.jobs())
    page = json.loads(ending.line())
    assert len(ending.line().encode()) <= 4096
    assert page["message"]
    assert [job["uuid"][0] for job in page["jobs"]][-1] == str(KEPT - 1)


def refused(status: int, at: float, seconds: float = 60.0) -> JobEnd:
    return replace(END, outcome=Outcome.FAILED, status=status, at=at, seconds=seconds)


@pytest.mark.parametrize("status", [408, 413])
def test_a_proxys_limit_is_known_by_its_first_answer(status: int) -> None:
    ledger, _ = losses()
    ledger.book(refused(status, at=100.0), LossCause.CRASHED)
    assert ledger.rejected is not None
    assert (ledger.rejected.status, ledger.rejected.at) == (status, 100.0)
    assert str(ledger.rejected).endswith("the time of uploads")


@pytest.mark.parametrize("status", [502, 504])
def test_answers_that_may_come_of_a_restart_count_when_a_job_begun_since_gets_one_too(status: int) -> None:
    ledger, _ = losses()
    ledger.book(refused(status, at=100.0), LossCause.CRASHED)
    ledger.book(refused(status, at=110.0), LossCause.CRASHED)
    assert ledger.rejected is None
    assert ledger.page() == {"UploadRejected": 120.0}
    ledger.book(refused(status, at=200.0), LossCause.CRASHED)
    assert ledger.rejected is not None
    assert str(ledger.rejected).endswith(
        f"HTTP {status}: a proxy before the server limits the size or the time of uploads, or the server was away"
    )


def test_what_is_handed_back_after_a_rejected_upload_does_not_take_its_place() -> None:
    ledger, _ = losses()
    ledger.book(refused(413, at=100.0), LossCause.CRASHED)
    ledger.book(replace(END, outcome=Outcome.HANDED_BACK, at=103.0, seconds=2.0), LossCause.UPLOAD_REJECTED)
    assert ledger.rejected is not None
    assert ledger.rejected.status == 413
