"""How do pods reach each other, the host and the outside? A bridge, the CNI network on it, and kernel settings."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from e2e.cluster.embedded.layout import BRIDGE, FIRST_POD_IP, NETWORK, NODE_IP, POD_CIDR, Layout
from e2e.setup.progress import say

MODULES = ("overlay", "br_netfilter", "nf_conntrack")
SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",  # else a Service's answer crosses the bridge untranslated
}
# What kubelet and kube-proxy set for themselves: noted before they start, so that `down` can put it back.
SET_BY_COMPONENTS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
_FORWARD = ["-m", "comment", "--comment", "slipway node", "-j", "ACCEPT"]
_OURS = re.compile(r"KUBE-|--comment \"?slipway node\"?|name: \\\"slipway\\\"")
_CNI_CHAIN = re.compile(r"CNI-[0-9a-f]{20,}")


def bring_up(layout: Layout) -> None:
    """Make the bridge with the node's address, the CNI configuration, and let packets through."""
    for module in MODULES:
        subprocess.run(["modprobe", module], capture_output=True, check=False)  # built in on some kernels
    _set_kernel(layout)
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "address", "add", f"{NODE_IP}/{POD_CIDR.rpartition('/')[2]}", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    for direction in ("-s", "-d"):  # a firewall or Docker on this machine may drop what is forwarded
        _run("iptables", "-I", "FORWARD", direction, POD_CIDR, *_FORWARD)
    layout.cni.mkdir(parents=True, exist_ok=True)
    (layout.cni / "net.d").mkdir(exist_ok=True)
    (layout.cni / "net.d" / "10-slipway.conflist").write_text(json.dumps(cni_network(layout), indent=1))
    layout.resolv_conf.parent.mkdir(parents=True, exist_ok=True)
    layout.resolv_conf.write_text(resolvers(_host_resolv_conf()))


def cni_network(layout: Layout) -> dict[str, object]:
    """Return the CNI network: one bridge, addresses kept below the state folder."""
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(layout.cni / "addresses"),
            "ranges": [[{"subnet": POD_CIDR, "rangeStart": FIRST_POD_IP, "gateway": NODE_IP}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {"cniVersion": "0.4.0", "name": NETWORK, "plugins": [bridge]}


def resolvers(host: str) -> str:
    """Return the host's resolver configuration without what only works on the host: loopback addresses."""
    kept = [line for line in host.splitlines() if not re.match(r"nameserver\s+(127\.|::1)", line)]
    return "\n".join(kept) + "\n"


def has_resolver(resolv_conf: str) -> bool:
    """Return whether names outside of the cluster can be asked for at all."""
    return re.search(r"^nameserver\s", resolv_conf, re.MULTILINE) is not None


def remove_links() -> None:
    """Remove the bridge and the pod interfaces that still hang on it."""
    for link in links():
        subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)


def links() -> list[str]:
    """Return the node's network links on the host: pod interfaces first, the bridge last."""
    bridge = Path(f"/sys/class/net/{BRIDGE}")
    if not bridge.exists():
        return []
    return [*sorted(port.name for port in (bridge / "brif").iterdir()), BRIDGE]


def remove_rules() -> None:
    """Remove the node's rules from every table and keep all others, one atomic restore per family."""
    for family in ("iptables", "ip6tables"):
        saved = _saved_rules(family)
        if rules_in(saved):
            subprocess.run([f"{family}-restore"], input=without_rules(saved), text=True, check=True)


def rules() -> list[str]:
    """Return the node's packet filter rules and chains that are there now."""
    return [line for family in ("iptables", "ip6tables") for line in rules_in(_saved_rules(family))]


def rules_in(saved: str) -> list[str]:
    """Return the lines of an `iptables-save` that belong to the node."""
    own_chains = {chain for line in saved.splitlines() if _OURS.search(line) for chain in _CNI_CHAIN.findall(line)}
    return [
        line
        for line in saved.splitlines()
        if _OURS.search(line) or any(chain in own_chains for chain in _CNI_CHAIN.findall(line))
    ]


def without_rules(saved: str) -> str:
    """Return an `iptables-save` without the node's lines."""
    gone = set(rules_in(saved))
    return "\n".join(line for line in saved.splitlines() if line not in gone) + "\n"


def restore_kernel(layout: Layout) -> None:
    """Put kernel settings back to what they were."""
    if not layout.sysctls.exists():
        return
    for name, value in json.loads(layout.sysctls.read_text()).items():
        setting = Path("/proc/sys") / name
        if setting.exists():
            setting.write_text(value)
    layout.sysctls.unlink()


def _set_kernel(layout: Layout) -> None:
    settings = {name: Path("/proc/sys") / name for name in (*SETTINGS, *SET_BY_COMPONENTS)}
    before = {name: path.read_text().strip() for name, path in settings.items() if path.exists()}
    layout.sysctls.write_text(json.dumps(before, indent=1))
    for name, value in SETTINGS.items():
        if name in before:
            settings[name].write_text(value)
        else:
            say(f"      the kernel has no setting {name}; Services may not answer from inside their own pods")


def _saved_rules(family: str) -> str:
    if shutil.which(f"{family}-save") is None:
        return ""  # a new machine: the packages come later, and no node ever made rules without them
    ran = subprocess.run([f"{family}-save"], text=True, capture_output=True, check=False)
    return ran.stdout if ran.returncode == 0 else ""


def _host_resolv_conf() -> str:
    for candidate in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")):
        if candidate.exists() and has_resolver(resolvers(candidate.read_text())):
            return candidate.read_text()
    return ""


def _run(*command: str) -> None:
    ran = subprocess.run(command, text=True, capture_output=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {ran.stderr.strip()}. Is this root, with network rights?")
