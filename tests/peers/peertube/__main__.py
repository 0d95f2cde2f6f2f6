"""`python -m peers.peertube`: a simulated PeerTube until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from peers.peertube.profile import PROFILES
from peers.peertube.server import serving
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings
from peers.peertube.tls import TlsFiles


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    host, _, port = options.listen.rpartition(":")
    password = options.password_file.read_text().strip() if options.password_file else DEFAULT_PASSWORD
    settings = Settings(
        public_url=options.public_url.rstrip("/"),
        data_directory=options.data_dir,
        password=password,
        clock_divisor=options.clock_divisor,
        watchdog=options.watchdog == "on",
        profile=PROFILES[options.peertube],
        tls=TlsFiles(certificate=options.tls_cert, key=options.tls_key) if options.tls_cert else None,
    )
    try:
        asyncio.run(_serve(settings, host, int(port)))
    except OSError as error:
        remedy = "choose another --listen, or correct the files of --tls-cert and --tls-key"
        print(f"Cannot listen on {options.listen}: {error}; {remedy}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings, host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings, host, port) as server:
        version = settings.profile.version
        print(f"Simulated PeerTube {version} ready on {server.base_url} as {settings.public_url}", flush=True)
        await stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m peers.peertube", description="Simulated PeerTube for tests.")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--public-url", required=True, metavar="URL", help="origin that clients and runners use")
    parser.add_argument("--data-dir", required=True, type=Path, metavar="DIR", help="videos and their results")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="root's password, on one line")
    parser.add_argument("--clock-divisor", type=float, default=1.0, metavar="N", help="shorten stalls and pushes")
    parser.add_argument("--peertube", choices=tuple(PROFILES), default="8.2", help="the version that it answers like")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM; with it, HTTPS alone")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM")
    parser.add_argument("--watchdog", choices=("on", "off"), default="on")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
