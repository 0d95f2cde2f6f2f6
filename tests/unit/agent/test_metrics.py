from runnerpool_agent.causes import LossCause, RestartCause, Trouble
from runnerpool_agent.jobs import Outcome
from runnerpool_agent.metrics import Metrics
from runnerpool_agent.termination import ExitCode


def exposition(metrics: Metrics) -> list[str]:
    return metrics.exposition().decode().splitlines()


def test_every_series_is_there_from_the_start() -> None:
    shown = exposition(Metrics("1.2.3", ["vod-hls-transcoding"], 2))
    for line in (
        "runnerpool_agent_slots 2.0",
        "runnerpool_agent_jobs_in_hand 0.0",
        "runnerpool_agent_ping_failures_total 0.0",
        'runnerpool_agent_runner_restarts_total{cause="ContactLost"} 0.0',
        'runnerpool_agent_lost_seconds_total{cause="RunnerHung"} 0.0',
        'runnerpool_agent_cause{cause="ScratchFull"} 0.0',
        'runnerpool_agent_job_starts_total{type="vod-hls-transcoding"} 0.0',
        'runnerpool_agent_job_ends_total{outcome="lost",type="vod-hls-transcoding"} 0.0',
        'runnerpool_agent_drains_total{outcome="drain_cut"} 0.0',
        'runnerpool_agent_info{runner_version="",version="1.2.3"} 1.0',
    ):
        assert line in shown


def test_jobs_and_drains_are_counted_and_unknown_types_share_a_label() -> None:
    metrics = Metrics("1", ["vod-hls-transcoding"], 1)
    metrics.runner_version("0.6.0")
    metrics.job_started("vod-hls-transcoding")
    metrics.job_ended("vod-hls-transcoding", Outcome.HANDED_BACK)
    metrics.job_started("made-up-by-a-server")
    metrics.drain_ended(ExitCode.DRAINED)
    shown = exposition(metrics)
    assert 'runnerpool_agent_job_starts_total{type="vod-hls-transcoding"} 1.0' in shown
    assert 'runnerpool_agent_job_ends_total{outcome="handed_back",type="vod-hls-transcoding"} 1.0' in shown
    assert 'runnerpool_agent_job_starts_total{type="other"} 1.0' in shown
    assert 'runnerpool_agent_drains_total{outcome="drained"} 1.0' in shown
    assert 'runnerpool_agent_info{runner_version="0.6.0",version="1"} 1.0' in shown


def test_two_agents_in_one_process_do_not_share_series() -> None:
    first, second = Metrics("1", ["x"], 1), Metrics("1", ["x"], 1)
    first.ping_failures.inc()
    assert "runnerpool_agent_ping_failures_total 0.0" in exposition(second)


def test_causes_restarts_and_lost_work_are_shown() -> None:
    metrics = Metrics("1", ["x"], 1)
    metrics.runner_restarted(RestartCause.DEAF)
    metrics.work_lost(LossCause.LOST_JOB, 90.5)
    metrics.show_causes([Trouble.CONTACT_LOST])
    shown = exposition(metrics)
    assert 'runnerpool_agent_runner_restarts_total{cause="RunnerDeaf"} 1.0' in shown
    assert 'runnerpool_agent_lost_seconds_total{cause="LostJob"} 90.5' in shown
    assert 'runnerpool_agent_cause{cause="ContactLost"} 1.0' in shown
    metrics.show_causes([])
    assert 'runnerpool_agent_cause{cause="ContactLost"} 0.0' in exposition(metrics)
