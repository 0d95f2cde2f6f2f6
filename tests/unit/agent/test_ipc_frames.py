import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool_agent import ipc_frames
from runnerpool_agent.ipc_frames import FrameError, FrameType


async def parsed(raw: bytes) -> dict[str, object]:
    stream = asyncio.StreamReader()
    stream.feed_data(raw)
    stream.feed_eof()
    return await ipc_frames.read(stream)


def test_a_request_looks_as_net_ipc_writes_it() -> None:
    frame = ipc_frames.encode(FrameType.REQUEST, {"type": "list-jobs"}, "1")
    body = b'{"t":2,"d":{"type":"list-jobs"},"n":"1"}'
    assert frame == bytes([0x80 | len(body)]) + body


@pytest.mark.parametrize(
    ("size", "head"),
    [(0, b"\x80"), (127, b"\xff"), (128, b"\x01\x80"), (300, b"\x02\xac"), (16384, b"\x01\x00\x80")],
)
def test_a_length_is_big_endian_with_the_high_bit_on_its_last_byte(size: int, head: bytes) -> None:
    assert ipc_frames._length(size) == head


@given(data=st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_written_is_read_again(data: object) -> None:
    raw = ipc_frames.encode(FrameType.RESPONSE, data, "7")
    assert asyncio.run(parsed(raw)) == {"t": 3, "d": data, "n": "7"}


async def test_a_frame_that_is_too_long_is_refused() -> None:
    with pytest.raises(FrameError, match="bytes or more"):
        await parsed(b"\x7f\x7f\x7f\xff")


@pytest.mark.parametrize("body", [b"\x83[1]", b"\x82{]", b"\x82\xff\xff"])
async def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError, match="no JSON"):
        await parsed(body)


async def test_an_ended_connection_is_told_as_such() -> None:
    with pytest.raises(EOFError):
        await parsed(b"\x85{")
