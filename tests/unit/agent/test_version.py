import runnerpool
import runnerpool_agent


def test_operator_and_agent_are_released_together() -> None:
    assert runnerpool_agent.__version__ == runnerpool.__version__
