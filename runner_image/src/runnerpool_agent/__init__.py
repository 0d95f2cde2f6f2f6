"""The agent: starts, watches, drains and reports on `peertube-runner` in a runner pod."""

__version__ = "0.1.0"
"""The same as the operator's; a literal, since the image holds the agent's files without any package's metadata."""
