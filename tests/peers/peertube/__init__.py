"""A simulated PeerTube: its admin API, its runner API with real files, its job state machine and its push.

It answers like the recordings of a real server in `tests/contract/recordings/`; a contract test holds it to them.
It is a test double and lives in memory: a restart begins with an empty server. What no PeerTube has is under
`/simulation`.
"""
