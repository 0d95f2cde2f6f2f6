class ClusterError(Exception):
    """The test bed cannot do what was asked. The message names the object, the cause and the remedy."""
