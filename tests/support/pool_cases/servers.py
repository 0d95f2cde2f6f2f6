"""Pools whose server, or the way to it, is given wrongly."""

from typing import Any

from support.builders import spec_body
from support.pool_cases.bad_pool import MEGABYTE, BadPool, without


def _server(**fields: Any) -> dict[str, Any]:
    return spec_body(server=fields)


def _url(case: str, url: str, told: str) -> BadPool:
    return BadPool(case=f"url {case}", path="spec.server.url", spec=_server(url=url), told=told)


BAD_SERVERS = [
    _url("with a path", "https://video.example.org/videos", "leave out path, query, fragment and a closing slash"),
    _url("with a closing slash", "https://video.example.org/", "leave out path, query, fragment and a closing slash"),
    _url("with a query", "https://video.example.org?a=b", "leave out path, query, fragment and a closing slash"),
    _url("with a fragment", "https://video.example.org#a", "leave out path, query, fragment and a closing slash"),
    _url("with a login", "https://root:secret@video.example.org", "put them into the Secret that credentialsRef names"),
    _url("of another scheme", "ftp://video.example.org", "must begin with https:// or http://"),
    _url("without a scheme", "video.example.org", "must begin with https:// or http://"),
    _url("without a host", "https://:8443", "must name a host"),
    _url("with a blank", "https://video example.org", "must name a host"),
    _url("with an international name", "https://vidéo.example.org", "in their ASCII form (xn--…)"),
    _url("with an empty port", "https://video.example.org:", "must name a host"),
    _url("with a port too high", "https://video.example.org:65536", "must have a port from 1 to 65535"),
    _url("with port 0", "https://video.example.org:0", "must have a port from 1 to 65535"),
    _url("in capitals", "HTTPS://video.example.org", "must begin with https:// or http://"),
    _url("with a line break", "https://video.example.org\n", "must name a host"),
    _url("with a bare IPv6 address", "https://2001:db8::1", "must name a host"),
    _url("empty", "", "must begin with https:// or http://"),
    BadPool(
        case="url too long",
        path="spec.server.url",
        spec=_server(url=f"https://{'a' * 300}"),
        bound="may not be more than 300 bytes",
    ),
    BadPool(
        case="url of 1 MB",
        path="spec.server.url",
        spec=_server(url=f"https://{MEGABYTE}"),
        bound="may not be more than 300 bytes",
    ),
    BadPool(
        case="internalUrl with a login",
        path="spec.server.internalUrl",
        spec=_server(internalUrl="http://a:b@peertube"),
        told="put them into the Secret that credentialsRef names",
    ),
    BadPool(
        case="internalUrl with a path",
        path="spec.server.internalUrl",
        spec=_server(internalUrl="http://peertube:9000/"),
        told="leave out path, query, fragment and a closing slash",
    ),
    BadPool(
        case="internalUrl of another scheme",
        path="spec.server.internalUrl",
        spec=_server(internalUrl="unix:///run/peertube"),
        told="must begin with https:// or http://",
    ),
    BadPool(case="no url", path="spec.server.url", spec=without(spec_body(), "server", "url"), bound="Required value"),
    BadPool(
        case="no Secret",
        path="spec.server.credentialsRef",
        spec=without(spec_body(), "server", "credentialsRef"),
        bound="Required value",
    ),
    BadPool(
        case="a Secret's name that is none",
        path="spec.server.credentialsRef.name",
        spec=_server(credentialsRef={"name": "Peertube_Admin"}),
        told="must be a name as Kubernetes' objects have: lower-case letters",
    ),
    BadPool(
        case="a Secret's name of 1 MB",
        path="spec.server.credentialsRef.name",
        spec=_server(credentialsRef={"name": MEGABYTE}),
        bound="may not be more than 253 bytes",
    ),
    BadPool(
        case="a CA bundle's name that is none",
        path="spec.server.caBundleRef.name",
        spec=_server(caBundleRef={"name": "media/ca"}),
        told="must be a name as Kubernetes' objects have",
    ),
    BadPool(
        case="a CA bundle without a name",
        path="spec.server.caBundleRef.name",
        spec=_server(caBundleRef={"key": "ca.crt"}),
        bound="Required value",
    ),
    BadPool(
        case="a CA bundle's key that is none",
        path="spec.server.caBundleRef.key",
        spec=_server(caBundleRef={"name": "ca", "key": "certs/ca.crt"}),
        told="must be a key as Secrets have: letters, digits, -, _ and .",
    ),
]
