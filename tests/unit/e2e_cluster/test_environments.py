"""Is an environment made whoever asks, and only when its lock is new?"""

from pathlib import Path

import pytest

from e2e.setup import environments


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Return the commands that would have been run; the interpreter is one without uv beside it."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> None:
        commands.append(command)
        if command[1:3] == ["-m", "venv"]:
            folder = Path(command[3])
            (folder / "bin").mkdir(parents=True)
            (folder / "bin" / "python").touch()
            (folder / "lib" / "python3.11" / "site-packages").mkdir(parents=True)

    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "venv-torch" / "bin" / "python"))
    monkeypatch.setattr(environments.subprocess, "run", run)
    return commands


def test_an_environment_without_uv_can_ask_for_another(asked: list[list[str]], tmp_path: Path) -> None:
    lock = tmp_path / "blender.lock"
    lock.write_text("bpy==4.2.0")
    python = environments.made("venv-blender", lock, sees_checkout=False)
    assert python == tmp_path / "cache" / "venv-blender" / "bin" / "python"
    assert Path(asked[1][0]).is_file(), "the uv of the checkout's own environment"
    assert not list(python.parents[1].rglob("*.pth"))


def test_it_is_brought_up_to_date_when_its_lock_changed_and_only_then(asked: list[list[str]], tmp_path: Path) -> None:
    lock = tmp_path / "ray.lock"
    lock.write_text("ray==2.0")
    first = environments.made("venv-ray", lock)
    (pth,) = first.parents[1].rglob("slipway-checkout.pth")
    assert str(environments.REPOSITORY) in pth.read_text().splitlines()
    assert environments.made("venv-ray", lock) == first
    assert len(asked) == 2, "made, and filled"
    lock.write_text("ray==2.1")
    assert environments.made("venv-ray", lock) == first
    assert [command[1:3] for command in asked[2:]] == [["pip", "sync"]]
