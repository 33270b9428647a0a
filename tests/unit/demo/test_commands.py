"""A command that fails says so with its last words; one that is given up ends, and takes its children along."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from e2e.demo.commands import CommandFailed, Shell, summary


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"GREETING": "hello"}, tmp_path / "log", poll_seconds=0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_block_runs_in_its_folder_with_its_environment(shell: Shell) -> None:
    shell.run("echo $GREETING > file")
    assert (shell.folder / "file").read_text() == "hello\n"


def test_the_first_failing_command_ends_the_block_and_is_shown(shell: Shell) -> None:
    with pytest.raises(CommandFailed, match=r"(?s)exit code 3.*went wrong"):
        shell.run("echo went wrong; (exit 3)\ntouch never")
    assert not (shell.folder / "never").exists()


def test_only_the_failing_block_is_quoted(shell: Shell) -> None:
    shell.run("echo earlier")
    with pytest.raises(CommandFailed) as failed:
        shell.run("echo later; false")
    assert "later" in str(failed.value)
    assert "earlier" not in str(failed.value)


def test_background_commands_end_with_their_block(shell: Shell) -> None:
    shell.run("sleep 300 &\necho $! > pid")
    pid = int((shell.folder / "pid").read_text())
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(pid)


def test_a_hopeless_wait_is_given_up_with_the_reason(shell: Shell) -> None:
    with pytest.raises(CommandFailed, match="the job failed"):
        shell.run("sleep 300", hopeless=lambda: "the job failed")
    assert shell.running is None


def test_nothing_of_ours_stays_in_the_environment(shell: Shell) -> None:
    shell.run("true")
    assert "GREETING" not in os.environ


def test_a_summary_is_the_last_command_in_one_line() -> None:
    assert summary("a\nb \\\n  --c  d\n") == "b --c d"
    assert summary("") == ""
