from dataclasses import replace
from pathlib import Path

import pytest

from support.observer.handmade import Script
from support.observer.records import Change, Text
from support.observer.whole_run import PLACES, SECRETS, WholeRun

TOKEN = "runner-token-4b1f"
OTHER = "runner-token-99a0"


@pytest.fixture
def run() -> WholeRun:
    return WholeRun()


def scene(**secrets: str) -> Script:
    script = Script(secrets={name.replace("_", " "): value for name, value in secrets.items()})
    script.pool(0, change=Change.ADDED)
    script.pod(1, "vod-1", change=Change.ADDED)
    return script


def test_a_secret_of_one_test_is_found_in_what_another_has_seen(run: WholeRun) -> None:
    later = scene(the_token_of_runner_b=OTHER)
    later.event(2, "Ready", f"registered by {TOKEN}")
    run.take([scene(the_token_of_runner_a=TOKEN).history()])
    run.take([replace(later.history(), namespace="other")])
    (found,) = run.search()
    assert str(found) == "the token of runner a of media stands in Event event-2"


def test_what_another_process_has_left_is_searched_too(tmp_path: Path) -> None:
    here, there = WholeRun(tmp_path), WholeRun(tmp_path)
    leaking = scene(the_token_of_runner_b=OTHER)
    leaking.event(2, "Ready", f"registered by {TOKEN}")
    here.take([scene(the_token_of_runner_a=TOKEN).history()])
    there.take([leaking.history()])
    assert here.search() == []
    here.gather()
    (found,) = here.search()
    assert found.place == "Event event-2"


def test_a_secret_is_found_in_what_stands_at_the_end(run: WholeRun) -> None:
    run.take([scene(the_token_of_runner_a=TOKEN).history()])
    assert run.search([Text(place="etcd key /registry/pods/a", content=b"nothing")]) == []
    (found,) = run.search([Text(place="etcd key /registry/pods/a", content=f"x{TOKEN}".encode())])
    assert found.place == "etcd key /registry/pods/a"
    assert run.a_secret("the token of runner") == ("the token of runner a of media", TOKEN)


@pytest.mark.parametrize("part", ["annotations", "metadata"])
def test_a_secret_in_one_version_of_an_object_is_found(run: WholeRun, part: str) -> None:
    script = scene(the_token_of_runner_a=TOKEN)
    script.pod(2, "vod-1", **{part: {"note": TOKEN}})
    script.pod(3, "vod-1")
    run.take([script.history()])
    (found,) = run.search()
    assert found.place == "metadata of Pod vod-1"


def test_what_nobody_has_looked_at_is_told(run: WholeRun) -> None:
    assert run.empty
    run.take([scene(the_token_of_runner_a=TOKEN).history()])
    now = [
        Text(place="etcd key /a", content=b"b"),
        Text(place="metrics of pod media/vod-1", content=b""),
        Text(place="metrics of pod runnerpool-system/runnerpool-x", content=b"up 1"),
    ]
    assert not run.empty
    seen = {"annotations of pods", "specs of pods", "statuses of pods", "annotations of pools", "statuses of pools"}
    unseen = set(PLACES.values()) - seen - {"etcd", "the operator's metrics"}
    assert set(run.blind_spots(now)) == unseen | set(SECRETS) - {"the token of runner"}
