"""The ownership mark: which pod of which pool of which cluster a runner row on a PeerTube server belongs to.

It is the row's description, shown to the server's administrators, so it begins with a sentence for people. The rest is
for machines. Anything that is not to the letter what `OwnershipMark.text` writes is not ours, and never touched.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_LENGTH = 1000
"""What PeerTube allows for a runner's description (CONSTRAINTS_FIELDS.RUNNERS.DESCRIPTION)."""

_REMEMBERED = 16_384
"""Every pass of every pool reads the marks of all rows: of 5,000 rows, that took 60 ms each time."""

_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?"
_PART = re.compile(_WORD, re.ASCII)
_MACHINE_PART = re.compile(
    rf"\[runnerpool\.dev/v1 cluster=(?P<cluster_id>{_WORD}) namespace=(?P<namespace>{_WORD}) pool=(?P<pool>{_WORD}) "
    rf"uid=(?P<pool_uid>{_WORD}) pod=(?P<pod>{_WORD})\]",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipMark:
    """Whose a runner row is. Every part is letters, digits, `.`, `_` and `-`, up to 128 of them.

    Attributes:
        cluster_id: UID of the cluster's kube-system namespace, or a value given at installation.
        pool_uid: `metadata.uid` of the pool: a pool made again under its old name is another one.

    Raises:
        ValueError: A part has other characters, or is empty or too long.
    """

    cluster_id: str
    namespace: str
    pool: str
    pool_uid: str
    pod: str

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not fits(getattr(self, name)):
                raise ValueError(f"the ownership mark's {name} must be 1 to 128 letters, digits, '.', '_' and '-'")

    def text(self) -> str:
        """The runner's description."""
        return (
            f"Runner pod {self.namespace}/{self.pod} of the Runnerpool pool {self.pool}. It comes and goes by itself; "
            "please do not edit or delete it here. "
            f"[runnerpool.dev/v1 cluster={self.cluster_id} namespace={self.namespace} pool={self.pool} "
            f"uid={self.pool_uid} pod={self.pod}]"
        )


def fits(part: str) -> bool:
    """Whether a mark can bear this as one of its parts."""
    return _PART.fullmatch(part) is not None


def parse_mark(description: str | None) -> OwnershipMark | None:
    """The mark that a runner's description is; None for any other text, however alike."""
    # Told before anything is remembered: a server's longest texts must not pile up here.
    return _parse(description) if description and len(description) <= MAX_LENGTH else None


@lru_cache(maxsize=_REMEMBERED)
def _parse(description: str) -> OwnershipMark | None:
    found = _MACHINE_PART.search(description)
    if found is None:
        return None
    mark = OwnershipMark(**found.groupdict())
    return mark if mark.text() == description else None


def belongs(description: str | None, *, runner: str, cluster_id: str, pool_uid: str) -> bool:
    """Whether a runner of this name and description is one of the pool's, as only its mark can tell.

    On a runner of another name than its pod's, somebody has copied the mark: we make no such runner.
    """
    mark = parse_mark(description)
    return mark is not None and (mark.pod, mark.cluster_id, mark.pool_uid) == (runner, cluster_id, pool_uid)
