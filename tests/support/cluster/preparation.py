from support.cluster import bases, packages, toolchain


def prepare(*, node: bool) -> None:
    """Build and install what a cluster needs and this machine lacks; on a prepared machine this takes seconds.

    Raises:
        ClusterError: something cannot be had here; the message says what and why.
    """
    if node:  # the quick and likely failures first
        packages.ensure((*packages.NODE, *packages.IMAGES, *packages.VIDEO))
    toolchain.ensure()
    if node:
        bases.build_all()


def prepare_video() -> None:
    """Install FFmpeg, if this machine lacks it: tests that need no cluster make and read real video, too.

    Raises:
        ClusterError: it cannot be had here; the message says why.
    """
    packages.ensure(packages.VIDEO)
