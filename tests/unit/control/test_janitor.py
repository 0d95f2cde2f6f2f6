"""Ghosts of pools that have gone: ours go, and nobody else's."""

import asyncio
from dataclasses import dataclass, field

import pytest

from runnerpool.api.ownership import OwnershipMark
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import NotFound, Refused, Unavailable
from runnerpool.control.janitor import PERIOD_SECONDS, Janitor
from runnerpool.peertube.accounts import RunnerAccount
from runnerpool.peertube.errors import Unreachable
from support.builders import unknown
from support.fakes import FakeLink

CLUSTER = "cluster-1"
GONE = OwnershipMark(cluster_id=CLUSTER, namespace="media", pool="vod", pool_uid="uid-gone", pod="vod-abcde-1")


def mark(**changes):
    parts = {name: getattr(GONE, name) for name in GONE.__slots__}
    return OwnershipMark(**(parts | changes))


def row(number, name=GONE.pod, description=None):
    return RunnerAccount(id=number, name=name, description=GONE.text() if description is None else description)


@dataclass
class Places:
    """Pools by namespace and name: their UID; pods by namespace and name: their controller."""

    pools: dict[tuple[str, str], str] = field(default_factory=dict)
    pods: dict[tuple[str, str], str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    error: Exception | None = None
    closed: str = ""

    async def get_pool(self, namespace, name):
        self.calls.append("get_pool")
        if self.error is not None:
            raise self.error
        if namespace == self.closed:
            raise Refused(Reason.FORBIDDEN, "get transcodingrunnerpools is forbidden")
        if (namespace, name) not in self.pools:
            raise NotFound(Reason.NOT_FOUND, name)
        return {"metadata": {"uid": self.pools[namespace, name]}}

    async def pod_controller(self, namespace, name):
        self.calls.append("pod_controller")
        return self.pods.get((namespace, name))


class Link(FakeLink):
    def __init__(self, *rows, calls=None, **fields):
        super().__init__(rows=rows, **fields)
        self.calls = [] if calls is None else calls
        self.deleted = []

    async def refresh_rows(self):
        self.calls.append("list_runners")
        return await super().refresh_rows()

    async def delete_runner(self, row_id):
        self.deleted.append(row_id)
        await super().delete_runner(row_id)


async def tidy(*rows, places=None, namespaces=(), **fields):
    """The ids of the rows that are left after a round."""
    link = Link(*rows, **fields)
    await Janitor(places or Places(), lambda: [link], cluster_id=CLUSTER, namespaces=namespaces).make_round()
    return [entry.id for entry in link.rows]


async def test_a_row_whose_pool_and_pod_have_gone_goes():
    assert await tidy(row(1)) == []


async def test_of_a_pool_made_anew_under_its_name_the_rows_of_the_old_one_go():
    assert await tidy(row(1), places=Places(pools={("media", "vod"): "uid-new"})) == []


async def test_the_rows_of_a_pool_that_is_there_are_left_to_it():
    assert await tidy(row(1), places=Places(pools={("media", "vod"): GONE.pool_uid})) == [1]


@pytest.mark.parametrize("controller", [GONE.pool_uid, "uid-other", ""])
async def test_a_pod_of_that_name_keeps_the_row_whoever_controls_it(controller):
    assert await tidy(row(1), places=Places(pods={("media", GONE.pod): controller})) == [1]


async def test_five_look_alikes_are_never_touched():
    foreign = [
        row(2, description=mark(cluster_id="cluster-2").text()),
        row(3, description=""),
        row(4, description=GONE.text().replace("by itself;", "by itself,")),
        row(5, name="vod-abcde-9", description="vod-abcde-9, made by hand"),
        row(6, description=mark(namespace="elsewhere").text()),
    ]

    assert await tidy(row(1), *foreign, namespaces=("media",)) == [2, 3, 4, 5, 6]


async def test_a_mark_on_a_row_of_another_name_was_copied_by_hand():
    assert await tidy(row(1, name="my-own-runner")) == [1]


async def test_a_namespace_that_took_our_rights_along_keeps_the_rows_of_no_other():
    rows = [row(1, description=mark(namespace="ended").text()), row(2)]

    assert await tidy(*rows, places=Places(closed="ended")) == [1]


async def test_without_a_list_of_namespaces_all_are_watched():
    assert await tidy(row(1, description=mark(namespace="elsewhere").text())) == []


async def test_runners_are_listed_before_pools_and_pods():
    calls = []
    await tidy(row(1), row(2, "vod-abcde-2", mark(pod="vod-abcde-2").text()), places=Places(calls=calls), calls=calls)

    assert calls == ["list_runners", "get_pool", "pod_controller", "pod_controller"]


async def test_a_server_that_is_out_of_reach_is_not_asked_and_is_tidied_when_it_is_back():
    calls = []
    link = Link(row(1), calls=calls)
    known, link.reading = link.reading, unknown()
    janitor = Janitor(Places(), lambda: [link], cluster_id=CLUSTER)
    await janitor.make_round()
    assert calls == []

    link.reading = known
    await janitor.make_round()

    assert link.deleted == [1]


async def test_what_the_cluster_would_not_say_deletes_nothing():
    assert await tidy(row(1), places=Places(error=Refused(Reason.FORBIDDEN, "no"))) == [1]


class Down(Link):
    def __init__(self, error):
        super().__init__()
        self.error = error

    async def refresh_rows(self):
        raise self.error


@pytest.mark.parametrize("error", [Unreachable(Reason.SERVER_UNREACHABLE, "away"), RuntimeError("a fault")])
async def test_one_server_that_fails_does_not_keep_another_untidy(error):
    well = Link(row(1))

    await Janitor(Places(), lambda: [Down(error), well], cluster_id=CLUSTER).make_round()

    assert well.deleted == [1]


async def test_a_server_that_no_pool_uses_is_not_called():
    link = Link(row(1))

    await Janitor(Places(), list, cluster_id=CLUSTER).make_round()

    assert link.deleted == []


@pytest.mark.looptime
async def test_a_ghost_goes_within_a_minute():
    link = Link()
    running = asyncio.create_task(Janitor(Places(), lambda: [link], cluster_id=CLUSTER).run())
    await asyncio.sleep(PERIOD_SECONDS + 1)
    link.rows = (row(1),)

    await asyncio.sleep(60)
    running.cancel()

    assert link.deleted == [1]


@pytest.mark.looptime
async def test_an_api_server_that_asks_to_be_left_alone_ends_the_round_and_puts_the_next_one_off():
    places = Places(error=Unavailable(Reason.API_SERVER_UNAVAILABLE, "answered 429", retry_after=27))
    running = asyncio.create_task(Janitor(places, lambda: [Link(row(1)), Link(row(2))], cluster_id=CLUSTER).run())

    await asyncio.sleep(PERIOD_SECONDS + 26)
    assert places.calls == ["get_pool"]
    await asyncio.sleep(2)
    assert places.calls == ["get_pool", "get_pool"]
    running.cancel()
