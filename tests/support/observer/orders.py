"""The drain orders of a history, and whose they were."""

from collections.abc import Iterator
from dataclasses import dataclass

from support.observer import objects
from support.observer.records import Change, History, Json, Kind

# A call is answered before its version is heard, but not by much.
_BEFORE_SECONDS, _AFTER_SECONDS = 10.0, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One drain order, or its change; `pod` is the pod as it was then, `before` the text of the order before."""

    at: float
    number: int
    pod: Json
    text: str
    before: str

    @property
    def name(self) -> str:
        return str(self.pod["metadata"]["name"])


def operator_orders(history: History) -> Iterator[Order]:
    """Those of the operator; without an audit log, all but those given by kubectl."""
    patches = [call for call in history.by_operator() if call.verb in {"patch", "update"} and call.resource == "pods"]
    for order in _orders(history):
        if objects.manager_of_drain(order.pod).startswith("kubectl"):
            continue
        near = (
            call.name == order.name and order.at - _BEFORE_SECONDS <= call.at <= order.at + _AFTER_SECONDS
            for call in patches
        )
        if history.calls is None or any(near):
            yield order


def _orders(history: History) -> Iterator[Order]:
    texts: dict[str, str] = {}
    for version in history.of(Kind.POD):
        if version.change is Change.DELETED:
            continue
        text, before = objects.annotation(version.body, objects.DRAIN), texts.get(version.uid)
        texts[version.uid] = text
        # What stands on the first version of a pod was ordered before the observation began.
        if before is not None and text and text != before:
            yield Order(at=version.at, number=version.number, pod=version.body, text=text, before=before)
