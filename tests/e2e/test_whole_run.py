"""The last test of the level: after all others, no secret that any of them used stands anywhere but in Secrets."""

import pytest

from support.observer.observer import Observer
from support.observer.places import OPERATOR_NAMESPACE
from support.observer.records import Text, text_of
from support.observer.search import search
from support.observer.whole_run import WholeRun
from support.reliability.case import Case
from support.stage.operator import Operator

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]


@pytest.mark.fault("Secrets")
def test_no_secret_of_the_whole_run_stands_anywhere_but_in_secrets_and_one_that_is_planted_is_found(
    whole_run: WholeRun, operator: Operator, observer: Observer, restricted_namespace: str, case: Case
) -> None:
    whole_run.gather()
    if whole_run.empty:
        pytest.skip("no other test has run, so there is no secret to look for")
    now = what_stands_now(operator, observer)
    assert whole_run.blind_spots(now) == []
    assert [str(found) for found in whole_run.search(now)] == []

    name, value = whole_run.a_secret("the token of runner")
    options = ("configmap", "notes", f"--from-literal=token={value}", f"--namespace={restricted_namespace}")
    observer.cluster.kubectl("create", *options)
    (found,) = search({name: value}, what_stands_now(operator, observer))
    assert str(found) == f"{name} stands in etcd key /registry/configmaps/{restricted_namespace}/notes"
    case.told(f"{len(now)} places", 0.0)


def what_stands_now(operator: Operator, observer: Observer) -> list[Text]:
    """In etcd, in processes, in the operator's metrics, and in its logs since it was installed."""
    return [*observer.look(OPERATOR_NAMESPACE), *map(text_of, operator.log_files())]
