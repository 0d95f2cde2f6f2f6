"""The PeerTube server, spoken to over HTTP: the only place that knows its paths, its JSON and its moods."""
