"""Run the raw kubeadm script on a lab's nodes."""

from __future__ import annotations

from pathlib import Path

import yaml
from tests.lab.support.commands import Result, run

from kubewright.lab import Lab

SCRIPT = Path(__file__).with_name("raw_kubeadm.sh")
SECONDS = 900.0


def raw_kubeadm(mode: str, lab: Lab, kit: Path, *names: str) -> Result:
    """Deploy to all nodes of the lab (``deploy``) or add workers (``join``); the exit code is the caller's to judge."""
    hosts = kit / "hosts"
    hosts.write_text(hosts_text(lab))
    environment = {"SSH_KEY": str(lab.key), "SSH_KNOWN_HOSTS": str(lab.known_hosts), "SSH_USER": "admin"}
    return run((str(SCRIPT), mode, str(kit), str(hosts), *names), timeout=SECONDS, environment=environment)


def hosts_text(lab: Lab) -> str:
    """One line a host for the script: name, address, role and sudo's password."""
    return "".join(f"{node.name} {node.address} {node.role} {_password(lab, node.name)}\n" for node in lab.nodes)


def _password(lab: Lab, name: str) -> str:
    path = lab.inventory / "host_vars" / f"{name}.yml"
    if not path.exists():
        return "-"
    return str(yaml.safe_load(path.read_text()).get("ansible_become_password", "-"))
