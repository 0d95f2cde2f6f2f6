"""Runnerpool: a Kubernetes operator for PeerTube's remote transcoding runners."""

__version__ = "0.1.0"
