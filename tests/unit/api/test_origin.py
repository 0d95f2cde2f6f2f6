import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.origin import Origin, parse_origin, same_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://video.example.org", Origin("https", "video.example.org", 443)),
        ("http://video.example.org", Origin("http", "video.example.org", 80)),
        ("https://VIDEO.example.org:8443", Origin("https", "video.example.org", 8443)),
        ("http://10.88.0.1:9000", Origin("http", "10.88.0.1", 9000)),
        ("http://[2001:DB8::1]:9000", Origin("http", "[2001:db8::1]", 9000)),
        ("https://[::1]", Origin("https", "[::1]", 443)),
        ("http://peertube", Origin("http", "peertube", 80)),
    ],
)
def test_an_origin_is_scheme_host_and_port(text, origin):
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://Video.example.org:443", "https://video.example.org"),
        ("http://video.example.org:80", "http://video.example.org"),
        ("https://video.example.org:80", "https://video.example.org:80"),
    ],
)
def test_an_origin_is_written_in_one_way_without_its_default_port(text, written):
    origin = parse_origin(text)

    assert str(origin) == written
    assert origin.authority == written.removeprefix("https://").removeprefix("http://")


@pytest.mark.parametrize(
    "text", ["https://\u212aelvin.example.org", "https://a\n", " https://a", "HTTPS://a", "https://-a"]
)
def test_look_alikes_are_refused(text):
    with pytest.raises(ValueError, match="must"):
        parse_origin(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example", "https://A.example:443", True),
        ("https://a.example", " https://a.example/\n", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://a.example.evil", False),
        ("https://a.example", "https://a.example@evil", False),
        ("https://a.example", "https://a.example//", False),
        ("https://a.example", "", False),
        ("", "", False),
    ],
)
def test_origins_are_the_same_if_scheme_host_and_port_are(one, other, same):
    assert same_origin(one, other) is same
    assert same_origin(other, one) is same


@given(st.text())
def test_whatever_is_read_as_an_origin_reads_the_same_once_written(text):
    try:
        origin = parse_origin(f"https://{text}")
    except ValueError:
        return
    assert parse_origin(str(origin)) == origin
