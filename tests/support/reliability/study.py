"""The faults of the reliability study, as the errata of the architecture correct them: played, or why not."""

from collections.abc import Iterable, Mapping, Sequence

from support.reliability.results import Result

FAULTS = tuple(f"R{number}" for number in range(1, 83))
"""Their ids, which the tests' markers bear."""
NOT_PLAYED: Mapping[str, str] = {
    "R23": "its test is the soak's, since making 5,000 pods takes ten minutes; it has not been run yet. docs/limits.md "
    "has what 1,000 and 2,000 took",
}
"""Why no test plays a fault, by its id."""
IN_PART: Mapping[str, str] = {
    "R1": "the API server is away for seconds to a minute here, 3 minutes of 503 in the soak; not 10 minutes",
    "R2": "frozen for 12 to 20 s; that one call ends after 20 s is shown without a server",
    "R3": "2 s a call, not 10",
    "R6": "stalled for 12 s here; that a watch is opened anew after a minute is the soak's",
    "R31": "lag shows in a metric and in /healthz; no line of the log tells of it",
    "R32": "the operator is killed, and not by the kernel for its memory; growth is judged by random faults",
    "R36": "passes of one pool come one after another, in one task; nothing counts those that were spared",
    "R39": "drift is corrected; no metric of its own counts it",
    "R42": "there are no PodDisruptionBudgets (docs/limits.md)",
    "R77": "stuck jobs are told by status, metric and event; there is no condition of their own for them",
    "R80": "two clusters and two pools leave each other's runners alone; demand is not shared between pools of one "
    "server that take the same job types (docs/limits.md)",
    "R82": "proxies of the environment are ignored; a host with IPv6 alone was not tried",
}
"""What is left out of a fault that is played otherwise."""


def passed(results: Sequence[Result]) -> tuple[str, ...]:
    """The faults of which every case has passed."""
    good = {fault for result in results if result.outcome == "passed" for fault in result.ids}
    bad = {fault for result in results if result.outcome != "passed" for fault in result.ids}
    return tuple(fault for fault in FAULTS if fault in good - bad)


def unaccounted(played: Iterable[str], not_played: Mapping[str, str] = NOT_PLAYED) -> list[str]:
    """What is wrong if a fault is neither played nor listed, is both, or is listed and none of the study's."""
    known = set(played)
    found = [
        f"{fault} is played by no test, and the study module does not say why"
        for fault in FAULTS
        if fault not in known and fault not in not_played
    ]
    found += [f"{fault} is listed as not played, and some test plays it" for fault in not_played if fault in known]
    return found + [
        f"{fault} is listed as not played, and is none of the study's" for fault in not_played.keys() - set(FAULTS)
    ]
