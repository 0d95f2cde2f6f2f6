from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api import ownership
from runnerpool.api.names import MAX_POOL_NAME_LENGTH
from runnerpool.api.ownership import MAX_LENGTH, OwnershipMark, belongs, parse_mark

MARK = OwnershipMark(
    cluster_id="5f0c7b2e-1111-4222-8333-444455556666",
    namespace="media",
    pool="vod",
    pool_uid="0a1b2c3d-0000-4000-8000-000000000000",
    pod="vod-0a1b2-7",
)
_PARTS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", fullmatch=True)
_MARKS = st.builds(OwnershipMark, cluster_id=_PARTS, namespace=_PARTS, pool=_PARTS, pool_uid=_PARTS, pod=_PARTS)


def test_the_mark_begins_with_a_sentence_for_people():
    assert MARK.text().startswith("Runner pod media/vod-0a1b2-7 of the Runnerpool pool vod.")


@given(_MARKS)
def test_a_mark_is_read_back_as_it_was_written(mark):
    assert parse_mark(mark.text()) == mark


@given(_MARKS)
def test_a_mark_fits_into_a_description_and_one_line(mark):
    assert len(mark.text()) <= MAX_LENGTH
    assert mark.text().isprintable()


def test_the_longest_names_of_kubernetes_fit():
    longest = OwnershipMark(
        cluster_id="x" * 63, namespace="n" * 63, pool="p" * MAX_POOL_NAME_LENGTH, pool_uid="u" * 36, pod="q" * 63
    )

    assert parse_mark(longest.text()) == longest


@given(_MARKS, st.data())
def test_a_mark_with_any_one_character_changed_names_nothing_of_ours(mark, data):
    text = mark.text()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda character: character != text[place]))

    parsed = parse_mark(text[:place] + other + text[place + 1 :])

    assert parsed is None or parsed != mark


@given(st.text() | st.none())
def test_what_somebody_wrote_by_hand_is_no_mark(text):
    assert parse_mark(text) is None


@pytest.mark.parametrize(
    "look_alike",
    [
        MARK.text() + " ",
        " " + MARK.text(),
        MARK.text() + "\n",
        MARK.text() + MARK.text(),
        MARK.text().replace("v1 ", "v2 "),
        MARK.text().replace("pool vod", "pool other"),
        MARK.text()[MARK.text().index("[") :],
        MARK.text().lower(),
        "owned-by pool x",
        "",
    ],
)
def test_a_look_alike_is_no_mark(look_alike):
    assert parse_mark(look_alike) is None


def test_a_mark_too_long_to_be_one_is_not_even_looked_at():
    assert parse_mark(MARK.text().ljust(MAX_LENGTH + 1)) is None


def test_a_text_too_long_to_be_a_mark_is_not_remembered():
    remembered = ownership._parse.cache_info

    before = remembered().currsize
    assert parse_mark("x" * (MAX_LENGTH + 1)) is parse_mark("") is None
    assert remembered().currsize == before

    parse_mark("x" * MAX_LENGTH)
    assert remembered().currsize == before + 1


@pytest.mark.parametrize("part", ["", "a b", "a]", "-a", "a" * 129, "ä", "a\n"])
def test_a_part_that_could_not_be_read_back_is_refused(part):
    with pytest.raises(ValueError, match="namespace must be 1 to 128"):
        replace(MARK, namespace=part)


@pytest.mark.parametrize(
    ("description", "found"),
    [
        (MARK.text(), True),
        (replace(MARK, cluster_id="another").text(), False),
        (replace(MARK, pool_uid="another").text(), False),
        (f"{MARK.text()} edited by hand", False),
        (None, False),
    ],
)
def test_a_runner_belongs_to_the_pool_whose_mark_it_bears_in_this_cluster(description, found):
    assert belongs(description, runner=MARK.pod, cluster_id=MARK.cluster_id, pool_uid=MARK.pool_uid) is found


def test_a_mark_on_a_runner_of_another_name_was_copied():
    assert not belongs(MARK.text(), runner="canary", cluster_id=MARK.cluster_id, pool_uid=MARK.pool_uid)
