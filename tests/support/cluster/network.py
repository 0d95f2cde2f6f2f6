"""The node's network: a bridge whose gateway is this machine, and packet filter rules that keep pods on it."""

import json
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from support.cluster.commands import run
from support.cluster.errors import ClusterError
from support.cluster.pki import GATEWAY_ADDRESS, SERVICE_ADDRESS

BRIDGE = "runnerpool0"
CNI_NETWORK = "runnerpool"
POD_NETWORK = IPv4Network("10.88.0.0/16")
_GATEWAY = IPv4Interface(f"{GATEWAY_ADDRESS}/16")
_SERVICE_NETWORK = "10.96.0.0/16"
_CHAIN = "RUNNERPOOL"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_CNI_RESULTS = Path("/var/lib/cni/results")

# Chains of our own, so that they come out again whatever is in them. Each entry: table, built-in chain, own chain.
_JUMPS = (
    ("nat", "PREROUTING", f"{_CHAIN}-SERVICE"),
    ("nat", "OUTPUT", f"{_CHAIN}-SERVICE"),
    ("filter", "INPUT", f"{_CHAIN}-INPUT"),
    ("filter", "FORWARD", f"{_CHAIN}-FORWARD"),
    ("filter", "OUTPUT", f"{_CHAIN}-OUTPUT"),
)


def up(api_port: int, state: Path) -> None:
    """Make the bridge and the rules. `state` keeps what `down` needs to put things back.

    Raises:
        ClusterError: the pods' network is another interface's.
    """
    _refuse_taken_network()
    (state / "ip_forward").write_text(_FORWARDING.read_text())
    _FORWARDING.write_text("1")
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "add", str(_GATEWAY), "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    for table, chain in sorted({(table, own) for table, _, own in _JUMPS}):
        _iptables(table, "-N", chain)
    for table, builtin, own in _JUMPS:
        _iptables(table, "-I", builtin, "-j", own)
    # Without kube-proxy: the one Service that every pod may need is the API server's.
    service = ("-d", SERVICE_ADDRESS, "-p", "tcp", "--dport", "443")
    _iptables(
        "nat", "-A", f"{_CHAIN}-SERVICE", *service, "-j", "DNAT", "--to-destination", f"{GATEWAY_ADDRESS}:{api_port}"
    )
    _iptables("filter", "-A", f"{_CHAIN}-INPUT", "-i", BRIDGE, "-j", "ACCEPT")
    # Pods reach each other and this machine; what else they ask for is refused at once instead of hanging.
    _iptables("filter", "-A", f"{_CHAIN}-FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT")
    _iptables("filter", "-A", f"{_CHAIN}-FORWARD", "-i", BRIDGE, "-j", "REJECT")
    _iptables("filter", "-A", f"{_CHAIN}-FORWARD", "-o", BRIDGE, "-j", "DROP")
    _iptables("filter", "-A", f"{_CHAIN}-OUTPUT", "-d", _SERVICE_NETWORK, "-j", "REJECT")


def down(state: Path) -> None:
    """Take all of it out again; what is not there is no error."""
    for table, builtin, own in _JUMPS:
        while _iptables(table, "-D", builtin, "-j", own, check=False):
            pass
    for table, chain in sorted({(table, own) for table, _, own in _JUMPS}):
        _iptables(table, "-F", chain, check=False)
        _iptables(table, "-X", chain, check=False)
    run("ip", "link", "delete", BRIDGE, check=False)
    forwarding = state / "ip_forward"
    if forwarding.exists():
        _FORWARDING.write_text(forwarding.read_text())
    _forget_cni_results()


def write_cni_configuration(directory: Path, addresses: Path) -> None:
    directory.mkdir(exist_ok=True)
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(addresses),
            "ranges": [[{"subnet": str(POD_NETWORK), "rangeStart": "10.88.0.10", "gateway": GATEWAY_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    document = {"cniVersion": "0.4.0", "name": CNI_NETWORK, "plugins": [bridge]}
    (directory / "10-runnerpool.conflist").write_text(json.dumps(document, indent=1))


def _forget_cni_results() -> None:
    """Remove what the CNI library notes of each pod, in a directory that is the machine's."""
    for result in _CNI_RESULTS.glob(f"{CNI_NETWORK}-*"):
        sandbox = result.name.split("-")[1]
        result.unlink()
        (_CNI_RESULTS / f"cni-loopback-{sandbox}-lo").unlink(missing_ok=True)


def _refuse_taken_network() -> None:
    links = json.loads(run("ip", "-json", "-4", "address", "show").stdout)
    for link in links:
        for address in link.get("addr_info", []):
            if "local" in address and IPv4Network(f"{address['local']}/32").subnet_of(POD_NETWORK):
                raise ClusterError(
                    f"the pods' network {POD_NETWORK} is taken: interface {link['ifname']} has {address['local']}; "
                    f"remove it (`ip link delete {link['ifname']}` if it is the bridge of an unused container engine)"
                )


def _iptables(table: str, *arguments: str, check: bool = True) -> bool:
    return run("iptables", "--wait", "--table", table, *arguments, check=check).returncode == 0
