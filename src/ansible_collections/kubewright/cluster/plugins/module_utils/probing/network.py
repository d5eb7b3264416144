"""The node's addresses, default route and listening ports, from ``ip`` or, where that is missing, from /proc."""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
from typing import Any, Iterable, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_LISTEN = "0A"
_UP_AND_GATEWAY = 0x3


def default_ipv4(system: System) -> Optional[dict[str, str]]:
    """Return {address, interface, gateway} of the IPv4 default route of lowest metric; None where there is none."""
    routes = [route for route in _ip(system, "-4", "route", "show", "default") if "dev" in route]
    if routes:
        best = min(routes, key=lambda route: int(route.get("metric", 0)))
        interface, gateway = str(best["dev"]), str(best.get("gateway", ""))
        address = str(best.get("prefsrc") or _first_address(system, interface))
        return {"address": address, "interface": interface, "gateway": gateway}
    return _default_from_proc(system)


def addresses(system: System) -> list[dict[str, Any]]:
    """Return every global address: {address, prefix, interface, family (4 or 6)}."""
    found = []
    for link in _ip(system, "address", "show"):
        for item in link.get("addr_info", []):
            if item.get("scope") == "global" and "local" in item:
                family = 6 if item.get("family") == "inet6" else 4
                found.append(
                    {
                        "address": item["local"],
                        "prefix": item.get("prefixlen"),
                        "interface": link.get("ifname", ""),
                        "family": family,
                    }
                )
    return found


def listening(system: System, ports: Iterable[int] = ()) -> dict[str, list[str]]:
    """Return the addresses listened on by TCP port (as text, for JSON); of ``ports`` only, where some are given."""
    chosen = set(ports)
    found: dict[str, set[str]] = {}
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (files.read_text(system.path(name)) or "").splitlines()[1:]:
            columns = line.split()
            if len(columns) > 3 and columns[3] == _LISTEN:
                address, _, port = columns[1].partition(":")
                number = int(port, 16)
                if not chosen or number in chosen:
                    found.setdefault(str(number), set()).add(_address(address))
    return {port: sorted(found[port]) for port in sorted(found, key=int)}


def _ip(system: System, *arguments: str) -> list[dict[str, Any]]:
    done = system.run("ip", "-json", *arguments)
    if not done.ok:
        return []
    try:
        value = json.loads(done.stdout or "[]")
    except ValueError:
        # An iproute2 without JSON (before 4.13): /proc tells the default route.
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _first_address(system: System, interface: str) -> str:
    for item in addresses(system):
        if item["interface"] == interface and item["family"] == 4:
            return str(item["address"])
    return ""


def _default_from_proc(system: System) -> Optional[dict[str, str]]:
    for line in (files.read_text(system.path("/proc/net/route")) or "").splitlines()[1:]:
        columns = line.split()
        if len(columns) > 7 and columns[1] == "00000000" and int(columns[3], 16) & _UP_AND_GATEWAY == _UP_AND_GATEWAY:
            gateway = socket.inet_ntoa(struct.pack("<I", int(columns[2], 16)))
            return {"address": _source_address(gateway), "interface": columns[0], "gateway": gateway}
    return None


def _source_address(towards: str) -> str:
    """Return the address that the kernel would send from; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _address(text: str) -> str:
    """Return an address of /proc/net/tcp, which has it in 32-bit words of the machine's byte order."""
    words = [int(text[index : index + 8], 16) for index in range(0, len(text), 8)]
    packed = struct.pack("=%dI" % len(words), *words)
    return str(ipaddress.ip_address(packed))
