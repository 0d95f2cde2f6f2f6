import pytest


@pytest.fixture(autouse=True)
def observed(request: pytest.FixtureRequest) -> None:
    """Observe whatever the operator does in any of these tests."""
    if "operator" in request.fixturenames:
        request.getfixturevalue("observer")
