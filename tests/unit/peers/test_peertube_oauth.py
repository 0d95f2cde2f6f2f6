import asyncio
from dataclasses import replace

import pytest

from peers.peertube.clock import Clock
from peers.peertube.journal import Journal
from peers.peertube.oauth import OAuth
from peers.peertube.problems import Problem
from peers.peertube.profile import PEERTUBE_8_2
from peers.peertube.ratelimit import RateLimiter

pytestmark = pytest.mark.looptime


def oauth() -> tuple[OAuth, dict[str, str]]:
    clock = Clock()
    profile = replace(PEERTUBE_8_2, access_token_seconds=60, refresh_token_seconds=3600)
    served = OAuth(profile=profile, clock=clock, journal=Journal(clock), password="secret")
    return served, {"client_id": served.client_id, "client_secret": served.client_secret}


async def test_an_access_token_dies_of_age_and_its_refresh_token_outlives_it() -> None:
    served, client = oauth()
    pair = served.grant({**client, "grant_type": "password", "username": "root", "password": "secret"})
    bearer = f"Bearer {pair['access_token']}"
    await asyncio.sleep(59)
    assert served.authenticate(bearer) == pair["access_token"]
    await asyncio.sleep(2)
    with pytest.raises(Problem, match="Token is invalid"):
        served.authenticate(bearer)
    renewed = served.grant({**client, "grant_type": "refresh_token", "refresh_token": pair["refresh_token"]})
    assert renewed["access_token"] != pair["access_token"]
    assert renewed["expires_in"] == 59


async def test_a_refresh_token_dies_of_age_too() -> None:
    served, client = oauth()
    pair = served.grant({**client, "grant_type": "password", "username": "root", "password": "secret"})
    await asyncio.sleep(3601)
    with pytest.raises(Problem, match="refresh token is invalid"):
        served.grant({**client, "grant_type": "refresh_token", "refresh_token": pair["refresh_token"]})


async def test_an_unknown_grant_is_refused() -> None:
    served, client = oauth()
    with pytest.raises(Problem, match="Unsupported grant type"):
        served.grant({**client, "grant_type": "implicit"})


async def test_a_rate_limit_window_begins_with_its_first_request_and_ends_for_each_address_alone() -> None:
    limiter = RateLimiter(Clock(), 2, 10)
    assert [limiter.hit("a").exceeded for _ in range(3)] == [False, False, True]
    await asyncio.sleep(4)
    refused = limiter.hit("a")
    assert (refused.remaining, refused.reset_seconds) == (0, 6)
    assert not limiter.hit("b").exceeded
    await asyncio.sleep(6.1)
    assert limiter.hit("a").remaining == 1
