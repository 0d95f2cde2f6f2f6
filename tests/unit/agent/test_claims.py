from runnerpool_agent.claims import AGAIN_SECONDS, Claims


def test_nobody_asks_without_a_doubt() -> None:
    assert Claims().to_ask(0.0, ["a"]) == ()


def test_so_many_noes_in_a_row_as_are_needed_make_a_job_lost() -> None:
    claims = Claims()
    claims.doubt(["a", "b"])
    assert claims.to_ask(0.0, ["a", "b"]) == ("a", "b")
    claims.answered("a", ours=False, needed=2)
    claims.answered("b", ours=True, needed=2)
    assert claims.to_ask(AGAIN_SECONDS - 0.1, ["a", "b"]) == ()
    assert claims.to_ask(AGAIN_SECONDS, ["a", "b"]) == ("a",)
    claims.answered("a", ours=False, needed=2)
    assert claims.lost == {"a"}
    assert claims.to_ask(100.0, ["a", "b"]) == ()


def test_a_yes_makes_the_noes_before_it_void() -> None:
    claims = Claims()
    for ours in (False, True, False):
        claims.doubt(["a"])
        claims.answered("a", ours=ours, needed=2)
    assert claims.lost == set()


def test_no_answer_decides_nothing() -> None:
    claims = Claims()
    claims.doubt(["a"])
    for _ in range(9):
        claims.answered("a", ours=None, needed=1)
    assert claims.lost == set()
    assert claims.to_ask(0.0, ["a"]) == ("a",)


def test_a_job_that_has_ended_is_forgotten() -> None:
    claims = Claims()
    claims.doubt(["a"])
    claims.answered("a", ours=False, needed=1)
    assert claims.to_ask(0.0, []) == ()
    assert claims.lost == set()
