"""The agent: starts, watches, drains and reports on `peertube-runner` in a runner pod."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("runnerpool")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0.0.0"
