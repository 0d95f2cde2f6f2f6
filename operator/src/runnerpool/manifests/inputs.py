"""What goes into a pool's pods besides its spec."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PodInputs:
    """The same for every pod of a pool at one moment.

    Attributes:
        default_image: Image of the operator's own release: used where `runner.image` is not given.
        ca_bundle: Certificates in PEM that the pods trust besides the public authorities; None without
            `server.caBundleRef`.
    """

    default_image: str
    ca_bundle: str | None = None
