"""A simulated PeerTube: its admin API, its runner API with real files, its job state machine and its push.

It answers like the recordings of real servers in `tests/contract/recordings/`, like 6.3.0 or like 8.2.1 (`profile`);
a contract test holds it to them. It is a test double and lives in memory: a restart begins with an empty server. What
no PeerTube has is under `/simulation`:

- `settings`, `accounts`, `jobs`, `grow`: what the server is and holds; `grow` gives it the rows of years (`grown`);
- `faults`: what goes wrong with requests (`faults`), and `certificate`: another one from now on;
- `restart`, `jobs/…/age`, `jobs/…/hand-over`: what befalls it and jobs (`routes.troubles`); `requests`, its log;
- `videos`, `statistics`, `runners`, `secrets`: what has become of it all; `revoke-logins`: all sessions end.
"""
