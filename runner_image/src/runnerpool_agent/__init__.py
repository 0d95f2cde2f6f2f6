"""The agent: starts, watches, drains and reports on `peertube-runner` in a runner pod."""
