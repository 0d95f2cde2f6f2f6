from support.observer.handmade import BEGIN, POOL, Script
from support.observer.invariants import quiet
from support.observer.records import Change, Invariant, Span

STATUS = "transcodingrunnerpools/status"
JOBS = {"GET__/api/v1/runners/jobs": {"200": 0}}


def scene() -> Script:
    script = Script()
    script.pool(0, change=Change.ADDED)
    return script


def written(script: Script, *times: float) -> Script:
    """Writes of the status that change it."""
    for at in times:
        script.call(at, "patch", STATUS, POOL)
        script.pool(at)
    return script


def test_not_one_write_is_allowed_in_a_steady_state() -> None:
    script = scene()
    script.steady.append(Span(begin=BEGIN + 100, end=BEGIN + 200))
    assert quiet.check(written(script, 99, 201).history()) == []
    (found,) = quiet.check(written(script, 150).history())
    assert found.what == "the operator wrote in a steady state: 1 times patch transcodingrunnerpools/status"


def test_a_server_is_asked_six_times_a_minute_in_a_steady_state_and_no_more() -> None:
    def asked(calls: int) -> Script:
        script = scene()
        script.steady.append(Span(begin=BEGIN + 100, end=BEGIN + 220))
        script.sample(
            100, **{"GET__/api/v1/runners/jobs": {"200": 5}, "POST__/api/v1/runners/jobs/request": {"200": 0}}
        )
        script.sample(
            220, **{"GET__/api/v1/runners/jobs": {"200": 5 + calls}, "POST__/api/v1/runners/jobs/request": {"200": 99}}
        )
        return script

    assert quiet.check(asked(12).history()) == []
    (found,) = quiet.check(asked(20).history())
    assert found.what == "the server was asked 20 times in 2.0 minutes of a steady state"


def test_writes_that_change_nothing_are_seen() -> None:
    script = written(scene(), 1, 2, 3)
    assert quiet.check(script.history()) == []
    for at in (4, 5, 6):
        script.call(at, "patch", STATUS, POOL)
    (found,) = quiet.check(script.history())
    assert found.what == "pool vod was written to 6 times, and changed 3 times"


def test_writes_that_were_refused_changed_nothing_by_right() -> None:
    script = scene()
    for at in range(10):
        script.call(at, "patch", STATUS, POOL, code=409)
    assert quiet.check(script.history()) == []


def test_a_status_that_flaps_with_no_cause_is_seen() -> None:
    (found,) = quiet.check(written(scene(), 100, 130, 160, 190).history())
    assert found.what == "4 writes in 90 s with no cause to be seen"
    assert quiet.check(written(scene(), 100, 130, 160).history()) == []


def test_what_happens_to_pods_jobs_and_spec_is_cause_enough() -> None:
    script = written(scene(), 100, 130, 160, 190)
    script.pod(99, "vod-1", change=Change.ADDED)
    assert quiet.check(script.history()) == []
    script = written(scene(), 100, 130, 160, 190)
    script.pending(99, "job")
    assert quiet.check(script.history()) == []
    script = scene()
    for at, generation in ((100, 2), (130, 3), (160, 4), (190, 5)):
        script.call(at, "patch", STATUS, POOL)
        script.pool(at, metadata={"generation": generation})
    assert quiet.check(script.history()) == []


def test_writes_for_which_the_test_has_a_reason_do_not_count() -> None:
    script = written(scene(), 100, 130, 160, 190)
    script.suspend(Invariant.QUIET, 120, 200)
    assert quiet.check(script.history()) == []


def test_versions_that_were_missed_make_no_write_vain() -> None:
    script = scene()
    for at in range(10):
        script.call(at, "patch", STATUS, POOL)
    script.pool(20)
    script.from_a_list()
    assert quiet.check(script.history()) == []


def test_writes_that_are_refused_are_for_the_check_of_spinning_alone() -> None:
    script = scene()
    for at in (100, 130, 160, 190):
        script.call(at, "patch", STATUS, POOL, code=403)
    assert quiet.check(script.history()) == []
