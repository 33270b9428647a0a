"""Is everything of the node recognised, and nothing of anybody else?"""

import subprocess
import sys
import time
from pathlib import Path

from e2e.cluster.embedded import leftovers, network, process
from e2e.cluster.embedded.layout import MARK, Layout

LAYOUT = Layout(Path("/state/node"))

RULES = r"""*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:CNI-1234567890abcdef12345678 - [0:0]
:CNI-fedcba0987654321fedcba09 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -s 10.87.0.10/32 -m comment --comment "name: \"slipway\" id: \"x\"" -j CNI-1234567890abcdef12345678
-A POSTROUTING -s 10.4.0.10/32 -m comment --comment "name: \"podman\" id: \"y\"" -j CNI-fedcba0987654321fedcba09
-A CNI-1234567890abcdef12345678 -d 10.87.0.0/16 -m comment --comment "name: \"slipway\" id: \"x\"" -j ACCEPT
-A CNI-fedcba0987654321fedcba09 -d 10.4.0.0/16 -j ACCEPT
-A FORWARD -s 10.87.0.0/16 -m comment --comment "slipway node" -j ACCEPT
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
"""


def test_rules_of_others_stay() -> None:
    assert network.without_rules(RULES).splitlines() == [
        "*nat",
        ":PREROUTING ACCEPT [0:0]",
        ":DOCKER - [0:0]",
        ":CNI-fedcba0987654321fedcba09 - [0:0]",
        r'-A POSTROUTING -s 10.4.0.10/32 -m comment --comment "name: \"podman\" id: \"y\"" -j CNI-fedcba0987654321fedcba09',  # noqa: E501
        "-A CNI-fedcba0987654321fedcba09 -d 10.4.0.0/16 -j ACCEPT",
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        "COMMIT",
    ]


def test_nothing_of_ours_in_a_clean_table() -> None:
    assert network.rules_in(network.without_rules(RULES)) == []


def test_a_new_machine_without_the_packet_filter_has_no_rules(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert network.rules() == []


def test_mounts_below_the_state_folder_outer_first() -> None:
    mountinfo = (
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        "2 1 0:1 / /state/node/kubelet/pods/a/volume rw - tmpfs tmpfs rw\n"
        "3 1 0:1 / /state/node/kubelet rw - tmpfs tmpfs rw\n"
        "4 1 0:1 / /state/node2/other rw - tmpfs tmpfs rw\n"
    )
    assert leftovers.mounts(LAYOUT, mountinfo) == ["/state/node/kubelet", "/state/node/kubelet/pods/a/volume"]


def test_a_container_is_ours_by_its_root() -> None:
    ours = "9 1 0:2 / / rw - overlay overlay rw,lowerdir=/state/node/containerd/root/1/fs\n"
    theirs = "9 1 0:2 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/1/fs\n"
    bind = "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:1 / /state/node/containerd/x rw - overlay overlay rw\n"
    assert process.in_container(LAYOUT, ours)
    assert not process.in_container(LAYOUT, theirs)
    assert not process.in_container(LAYOUT, bind)


def test_a_component_is_found_restarted_and_killed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    runs = tmp_path / "runs"
    program = f"import time; open({str(runs)!r}, 'a').write('run '); time.sleep(600)"
    process.start(layout, "sleeper", [sys.executable, "-c", program])
    try:
        until(lambda: runs.exists() and runs.read_text() == "run ")
        shell, child = sorted(process.ours(layout))
        assert process.of_component(layout, "sleeper") == [child]
        assert process.of_component(layout, "sleep") == []
        process.kill([child])
        until(lambda: runs.read_text() == "run run ")
        assert shell in process.ours(layout)
        assert process.kept(layout) == {"sleeper"}
        process.kill([shell])
        until(lambda: process.kept(layout) == set())
    finally:
        assert process.kill_all(layout) == []
    assert "ended with code" in layout.log("sleeper").read_text()


def test_a_process_without_the_mark_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(["/bin/sleep", "600"], env={MARK: f"{tmp_path}-of-someone-else"})
    try:
        assert other.pid not in process.ours(Layout(tmp_path))
    finally:
        other.kill()
        other.wait()


def until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
