"""Does `make test` tell apart what passed, what failed, and what proved nothing?"""

import pytest

from e2e.setup import checks
from e2e.setup.checks import Outcome
from e2e.setup.progress import Steps, duration


def test_a_stage_without_tests_does_not_pass() -> None:
    assert [Outcome("unit", code, 1).word for code in (0, 1, 5)] == ["passed", "FAILED", "NO TESTS"]


def test_every_stage_runs_and_the_worst_decides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "STAGES", {"first": lambda: [["false"], ["true"]], "second": lambda: [["true"]]})
    monkeypatch.setattr("sys.argv", ["checks", "all"])
    with pytest.raises(SystemExit) as ended:
        checks.main()
    assert ended.value.code == 1
    table = [line.split()[:2] for line in capsys.readouterr().err.splitlines()[-3:]]
    assert table[:2] == [["first", "FAILED"], ["second", "passed"]]


def test_steps_are_numbered_out_of_a_known_total(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(2)
    with steps.step("building kubernetes"):
        pass
    with steps.step("fetching Traefik"):
        pass
    assert capsys.readouterr().err.splitlines() == ["[1/2] building kubernetes ...", "[2/2] fetching Traefik ..."]


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (59.4, "59 s"), (125, "2 min 05 s"), (119.7, "2 min 00 s")]
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
