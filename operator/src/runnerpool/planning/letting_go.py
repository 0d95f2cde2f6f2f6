"""How a pod is let go, whatever the rule that gives it up: by the gentlest step that ends it."""

from runnerpool.api.names import DRAIN_ORDER
from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Discard, Drain
from runnerpool.planning.snapshot import RunnerPod


def let_go(pod: RunnerPod, reason: Reason, why: str, *, order: str = DRAIN_ORDER) -> Drain | Discard:
    """Tell it to go by an order; one that never ran could not even read it, and is thrown away."""
    if pod.never_ran:
        message = f"pod {pod.name} is thrown away: {why}"
        return Discard(pod=pod.name, uid=pod.uid, version=pod.version, reason=reason, message=message)
    message = f"pod {pod.name} is told to {order}: {why}"
    return Drain(pod=pod.name, uid=pod.uid, order=order, reason=reason, message=message)
