"""Does an image's key change exactly when something that it is made from changes?"""

from pathlib import Path

import pytest

from e2e.cluster.dockerfile import Image, find, instructions, sources

DOCKERFILE = """\
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE} AS build
# COPY nothing/of this
COPY images/data/requirements.lock /opt/lock
RUN pip install \\
    # a comment inside
    --requirement /opt/lock
FROM ${BASE}
COPY --from=build /opt /opt
COPY --chown=1:1 operator/slipway/contract /contract
COPY operator/slipway/contract \\
     images/common/*.py /app/
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {
        "images/data/Dockerfile": DOCKERFILE,
        "images/data/requirements.lock": "numpy==2",
        "images/data/README.md": "not copied",
        "images/common/a.py": "a",
        "images/common/b.py": "b",
        "operator/slipway/contract/job.py": "job",
        "operator/slipway/kube/client.py": "never in a pod",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def image(repository: Path) -> Image:
    (only,) = find(repository)
    return only


def test_only_what_is_copied_from_the_repository_counts(repository: Path) -> None:
    names = [path.relative_to(repository).as_posix() for path in image(repository).sources()]
    contract = "operator/slipway/contract"
    assert names == ["images/data/requirements.lock", contract, contract, "images/common/a.py", "images/common/b.py"]


@pytest.mark.parametrize(
    "changed",
    [
        "images/data/requirements.lock",
        "operator/slipway/contract/job.py",
        "images/common/b.py",
        "images/data/Dockerfile",
    ],
)
def test_a_change_of_an_input_changes_the_key(repository: Path, changed: str) -> None:
    before = image(repository).key("base")
    (repository / changed).write_text((repository / changed).read_text() + "\n# changed\n")
    assert image(repository).key("base") != before


def test_a_new_file_in_a_copied_folder_changes_the_key(repository: Path) -> None:
    before = image(repository).key("base")
    (repository / "operator/slipway/contract/new.py").write_text("")
    assert image(repository).key("base") != before


def test_another_base_changes_the_key(repository: Path) -> None:
    assert image(repository).key("debian:1") != image(repository).key("debian:2")


@pytest.mark.parametrize("changed", ["images/data/README.md", "operator/slipway/kube/client.py"])
def test_what_is_not_copied_changes_nothing(repository: Path, changed: str) -> None:
    before = image(repository).key("base")
    (repository / changed).write_text("changed")
    (repository / "operator/slipway/contract/__pycache__").mkdir(exist_ok=True)
    (repository / "operator/slipway/contract/__pycache__/job.pyc").write_text("bytecode")
    assert image(repository).key("base") == before


def test_a_copy_of_something_missing_names_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"copies images/none, which does not exist .* COPY images/none /x"):
        sources("FROM a\nCOPY images/none /x\n", tmp_path)


def test_the_json_form_may_hold_spaces(repository: Path) -> None:
    (repository / "a file").write_text("")
    assert sources('COPY --chown=1:1 ["a file", "/app/"]', repository) == [repository / "a file"]


def test_continued_lines_are_one_instruction() -> None:
    assert instructions("RUN a \\\n  # why\n  && b\nUSER 1") == ["RUN a && b", "USER 1"]


def test_an_argument_that_the_environment_sets_is_passed_and_part_of_the_key(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockerfile = repository / "images/data/Dockerfile"
    dockerfile.write_text(DOCKERFILE + 'ARG TORCH_FIND_LINKS=""\nARG UNSET\n')
    monkeypatch.setenv("BASE", "an unrelated variable")
    monkeypatch.delenv("UNSET", raising=False)
    before = image(repository).key("base")
    monkeypatch.setenv("TORCH_FIND_LINKS", "https://wheels.example/cpu")
    assert image(repository).arguments() == ["TORCH_FIND_LINKS=https://wheels.example/cpu"]
    assert image(repository).key("base") != before
