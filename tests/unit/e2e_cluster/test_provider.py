"""Which provider is chosen, and is the reason one that a person can act on?"""

import pytest

from e2e.cluster import NoCluster
from e2e.cluster.__main__ import main
from e2e.cluster.provider import choose


def chosen(cluster: str = "", *, docker: bool = False, root: bool = False, linux: bool = True, **more: str) -> str:
    environment = {"CLUSTER": cluster, **more} if cluster else dict(more)
    return choose(environment, lambda: docker, root, linux).provider


@pytest.mark.parametrize(
    ("docker", "root", "linux", "provider"),
    [
        (True, True, True, "kind"),
        (True, False, True, "kind"),
        (True, False, False, "kind"),
        (False, True, True, "embedded"),
    ],
)
def test_the_machine_decides(docker: bool, root: bool, linux: bool, provider: str) -> None:
    assert chosen(docker=docker, root=root, linux=linux) == provider


@pytest.mark.parametrize("name", ["embedded", "kind", "existing"])
def test_the_user_overrides_the_machine(name: str) -> None:
    assert chosen(name, docker=name != "kind", root=name != "embedded") == name


def test_a_kubeconfig_alone_does_not_point_the_demo_at_somebodys_cluster() -> None:
    assert chosen(docker=True, KUBECONFIG="/home/someone/production") == "kind"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="minikube is unknown: set it to one of embedded, kind, existing"):
        chosen("minikube", docker=True)


def test_without_docker_and_root_the_message_says_what_would_help() -> None:
    with pytest.raises(SystemExit, match="Start Docker, run this with sudo, or set CLUSTER=existing"):
        chosen()


def test_docker_is_not_asked_when_the_user_decided() -> None:
    def explode() -> bool:
        raise AssertionError("asking a daemon takes seconds")

    assert choose({"CLUSTER": "embedded"}, explode, True, True).reason == "CLUSTER=embedded asks for it"


def test_where_no_cluster_is_possible_there_is_none_to_remove(monkeypatch, capsys) -> None:
    def impossible() -> None:
        raise NoCluster("not here")

    monkeypatch.setattr("e2e.cluster.__main__.open_cluster", impossible)
    monkeypatch.setattr("sys.argv", ["cluster", "down"])
    main()
    assert "none to remove" in "".join(capsys.readouterr())
    monkeypatch.setattr("sys.argv", ["cluster", "up"])
    with pytest.raises(NoCluster, match="not here"):
        main()
