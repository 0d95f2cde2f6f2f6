import pytest

from runnerpool_agent.stall import BUSY_CPU_SHARE, MOVING_BYTES_A_SECOND, Sample, Stall, Usage, works


def sample(
    now: float, cpu: dict[int, float] | None = None, moved: dict[int, int] | None = None, progress: float = 0
) -> Sample:
    return Sample(now=now, usage=Usage(cpu_seconds=cpu or {1: 0.0}, bytes=moved or {1: 0}), progress=(progress,))


def test_nothing_that_moves_is_no_work() -> None:
    assert not works(sample(0), sample(10))


@pytest.mark.parametrize(
    "after",
    [
        sample(10, progress=1),
        sample(10, cpu={1: 10 * BUSY_CPU_SHARE}),
        sample(10, moved={1: int(10 * MOVING_BYTES_A_SECOND)}),
    ],
    ids=["progress", "CPU", "bytes"],
)
def test_each_of_progress_cpu_and_bytes_alone_proves_work(after: Sample) -> None:
    assert works(sample(0), after)


def test_what_an_idle_runner_does_by_itself_proves_nothing() -> None:
    assert not works(sample(0), sample(10, cpu={1: 0.025}, moved={1: 8500}))


def test_bytes_that_cannot_be_known_count_as_moving() -> None:
    hidden = Sample(now=10, usage=Usage(cpu_seconds={1: 0.0}, bytes=None), progress=(0,))
    assert works(sample(0), hidden)
    assert works(hidden, sample(20))


def test_a_process_that_has_ended_takes_its_figures_along_and_a_new_one_brings_its_own() -> None:
    before = sample(0, cpu={1: 1.0, 2: 500.0})
    assert not works(before, sample(10, cpu={1: 1.0}))
    assert works(before, sample(10, cpu={1: 1.0, 3: 5.0}))


def test_the_time_of_standing_still_counts_from_the_last_look_at_which_it_moved() -> None:
    stall = Stall()
    stall.take(sample(0))
    stall.take(sample(10, progress=1))
    assert stall.seconds(10) == 0
    stall.take(sample(20, progress=1))
    stall.take(sample(30, progress=1))
    assert stall.seconds(35) == 25
    stall.take(sample(40, progress=2))
    assert stall.seconds(40) == 0


def test_without_a_job_or_contact_all_is_forgotten() -> None:
    stall = Stall()
    stall.take(sample(0))
    stall.take(sample(10))
    stall.forget()
    assert stall.seconds(1000) == 0
    stall.take(sample(1000))
    assert stall.seconds(1000) == 0
