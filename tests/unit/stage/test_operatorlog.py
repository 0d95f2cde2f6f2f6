from pathlib import Path

import pytest

from support.stage.operatorlog import complaints, complaints_of


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        '{"msg": "failed", "exc_info": "Traceback (most recent call last):\\n  File"}',
        "RuntimeWarning: coroutine 'x' was never awaited",
        "Unclosed client session",
        "Task exception was never retrieved",
        "Task was destroyed but it is pending!",
    ],
)
def test_a_fault_of_the_program_is_found(line: str) -> None:
    assert complaints(f"all well\n{line}\n") == [f"line 2: {line}"]


@pytest.mark.parametrize(
    "secret",
    [
        "ptrt-0b0c1a2e-8a2d-4c1f-9a55-1f1f2c3d4e5f",
        "ptrrt-0b0c1a2e-8a2d-4c1f-9a55-1f1f2c3d4e5f",
        "ptrjt-0b0c1a2e-8a2d-4c1f-9a55-1f1f2c3d4e5f",
        "Authorization: Bearer 0123456789abcdef",
        "hunter2",
    ],
)
def test_a_secret_is_found_and_not_repeated(secret: str) -> None:
    found = complaints(f"token {secret} was used", ["hunter2"])
    assert found == ["line 1 holds a secret"]


@pytest.mark.parametrize("text", ["", "registered runner vod-1a2b3-1", "masked ptrt-***", "Bearer ***"])
def test_a_clean_log_has_no_complaint(text: str) -> None:
    assert complaints(text, ["hunter2"]) == []


def test_complaints_of_files_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("fine\n")
    (tmp_path / "b.log").write_text("Unclosed connector\n")
    assert complaints_of([tmp_path / "a.log", tmp_path / "b.log"]) == ["b.log: line 1: Unclosed connector"]
