import httpx
import pytest

from support.faults.api_request import READS, STATUS_WRITES, WRITES, ApiRequest, Match, parse

PODS = "/api/v1/namespaces/media/pods"
POOL_STATUS = "/apis/runnerpool.dev/v1alpha1/namespaces/media/transcodingrunnerpools/vod/status"


@pytest.mark.parametrize(
    ("method", "target", "asked"),
    [
        ("GET", PODS, ApiRequest(verb="list", resource="pods", namespace="media")),
        ("GET", f"{PODS}?watch=true", ApiRequest(verb="watch", resource="pods", namespace="media")),
        ("GET", f"{PODS}/a", ApiRequest(verb="get", resource="pods", namespace="media", name="a")),
        ("POST", PODS, ApiRequest(verb="create", resource="pods", namespace="media")),
        ("DELETE", f"{PODS}/a", ApiRequest(verb="delete", resource="pods", namespace="media", name="a")),
        ("DELETE", PODS, ApiRequest(verb="deletecollection", resource="pods", namespace="media")),
        ("GET", "/api/v1/namespaces/kube-system", ApiRequest(verb="get", resource="namespaces", name="kube-system")),
        ("GET", "/version", ApiRequest(verb="list")),
        (
            "PATCH",
            POOL_STATUS,
            ApiRequest(
                verb="patch", resource="transcodingrunnerpools", subresource="status", namespace="media", name="vod"
            ),
        ),
    ],
)
def test_a_request_line_is_read_in_the_apis_own_words(method: str, target: str, asked: ApiRequest) -> None:
    url = httpx.URL(f"https://api{target}")
    assert parse(method, url.path, dict(url.params)) == asked


def test_a_match_fits_by_verb_target_and_name() -> None:
    patch = parse("PATCH", POOL_STATUS, {})
    assert STATUS_WRITES.fits(patch)
    assert WRITES.fits(patch)
    assert not READS.fits(patch)
    assert not Match(target="transcodingrunnerpools").fits(patch)
    assert not Match(name="live").fits(patch)
