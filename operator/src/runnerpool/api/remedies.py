"""What a person can do about a cause, as the end of a sentence: the same words in condition, event and log."""

UPLOAD_REJECTED = (
    "raise the body size and the timeouts of the proxy before PeerTube (nginx: client_max_body_size 0, "
    "proxy_request_buffering off, client_body_timeout and proxy_read_timeout of some minutes); each rejected upload "
    "costs a whole encode, up to five times"
)
"""Results are refused at the end of an encode (413, 408, 502, 504)."""
