from hypothesis import given
from hypothesis import strategies as st

from runnerpool.manifests.fingerprint import fingerprint

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON))
def test_the_order_of_keys_does_not_matter(value):
    assert fingerprint(dict(reversed(value.items()))) == fingerprint(value)


def test_a_fingerprint_is_the_same_in_every_release():
    """It is compared with the annotation of pods that an older release made."""
    assert fingerprint({"a": [1, "ü"]}, None) == "d89981aaa3e690d3"


def test_different_values_differ():
    assert len({fingerprint(value) for value in (None, 0, "", "0", [], {}, [0], {"0": 0})}) == 8
