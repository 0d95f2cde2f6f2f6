import asyncio
from pathlib import Path

import pytest

from runnerpool_agent.orders import Order, read_order, watch


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("", None),
        ("  \n", None),
        ("abort", Order.ABORT),
        ("abort\n", Order.ABORT),
        ("drain", Order.DRAIN),
        ("scale-down: slots idle", Order.DRAIN),
        ("aborted", Order.DRAIN),
        ("x" * 5000, Order.DRAIN),
    ],
)
def test_a_file_holds_an_order(tmp_path: Path, text: str, order: Order | None) -> None:
    (tmp_path / "drain").write_text(text, encoding="utf-8")
    assert read_order(tmp_path / "drain") is order


def test_no_file_is_no_order_and_bytes_are_one(tmp_path: Path) -> None:
    assert read_order(tmp_path / "drain") is None
    (tmp_path / "drain").write_bytes(b"\xff\xfe")
    assert read_order(tmp_path / "drain") is Order.DRAIN


@pytest.mark.looptime
async def test_each_order_is_told_once_and_within_a_quarter_of_a_second(tmp_path: Path) -> None:
    file = tmp_path / "drain"
    told: list[tuple[Order, float]] = []
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(watch(file, lambda order: told.append((order, loop.time()))))
    await asyncio.sleep(1.05)
    for text in ("drain", "", "drain", "another reason", "abort", "abort"):
        file.write_text(text, encoding="utf-8")
        await asyncio.sleep(1)
    task.cancel()
    assert [order for order, _ in told] == [Order.DRAIN, Order.ABORT]
    assert told[0][1] <= 1.05 + 0.25
    assert told[1][1] <= 5.05 + 0.25
