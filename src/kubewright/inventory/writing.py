"""A new inventory as text: minimal, with comments, ready to be deployed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubewright.errors import BadInputError
from kubewright.settings import ClusterSettings
from kubewright.settings.types import is_dns_name

HOSTS_FILE = "hosts.ini"
SETTINGS_FILE = "group_vars/all.yml"
ADDRESSES_FILE = "kubewright.yml"

_HOSTS = """\
# An Ansible inventory with Kubespray's groups. Further variables of a host go behind its name:
#   ip=...         the address that it binds; by default that of its default route
#   access_ip=...  the address at which other hosts reach it; by default the same

[kube_control_plane]
{control_planes}

# etcd runs on the control planes.
[etcd:children]
kube_control_plane

{workers_comment}[kube_node]
{workers}

[k8s_cluster:children]
kube_control_plane
kube_node
{bastion}"""

_BASTION = """
# Everything else is reached through this host, which is no part of the cluster.
[bastion]
{line}
"""

_SETTINGS = """\
---
# Settings of the cluster, under Kubespray's names: see `kubewright settings`.

kube_version: "{version}"

# Must be named, for Kubespray's defaults are others.
kube_network_plugin: flannel
kube_proxy_mode: iptables
etcd_deployment_type: kubeadm
"""

_REACHED = """
# How the hosts are reached.
{lines}
"""

ADDRESSES = """\
# Gives every host main_ip, main_access_ip, main_ips and main_access_ips in playbooks of your own, whatever the limit.
plugin: kubewright.cluster.topology
"""
"""The text of :data:`ADDRESSES_FILE`, which belongs in the folder of any inventory."""


@dataclass(frozen=True)
class NewHost:
    """A host by the name that it has in the inventory and the address or name for SSH."""

    name: str
    address: str

    @property
    def line(self) -> str:
        """Its line in the inventory."""
        return self.name if self.name == self.address else f"{self.name} ansible_host={self.address}"


@dataclass(frozen=True)
class NewInventory:
    """What a new inventory holds. Without workers the control planes take ordinary pods, too."""

    control_planes: tuple[NewHost, ...]
    workers: tuple[NewHost, ...] = ()
    bastion: NewHost | None = None
    user: str = ""
    private_key: str = ""

    def files(self) -> Mapping[str, str]:
        """Return the text of each file by its path in the inventory's folder.

        Raises:
            BadInputError: no cluster can be made of these hosts.

        """
        self._check()
        return {HOSTS_FILE: self._hosts(), SETTINGS_FILE: self._settings(), ADDRESSES_FILE: ADDRESSES}

    def _check(self) -> None:
        number = len(self.control_planes)
        if number % 2 == 0:
            cause = f"{number} control planes, and etcd needs an odd number of members"
            raise BadInputError("--control-plane", cause, "Name one, three or five")
        first: dict[str, NewHost] = {}
        everyone = (*self.control_planes, *self.workers, *((self.bastion,) if self.bastion else ()))
        for host in everyone:
            for key in {host.name, host.address}:
                if first.setdefault(key, host) is not host:
                    raise BadInputError(key, "it is named twice", "Name each host once")

    def _hosts(self) -> str:
        comment = (
            "" if self.workers else "# There are no workers, so that the control plane takes ordinary pods, too.\n"
        )
        workers = [host.line for host in self.workers] or [host.name for host in self.control_planes]
        return _HOSTS.format(
            control_planes="\n".join(host.line for host in self.control_planes),
            workers_comment=comment,
            workers="\n".join(workers),
            bastion=_BASTION.format(line=self.bastion.line) if self.bastion else "",
        )

    def _settings(self) -> str:
        reached = {"ansible_user": self.user, "ansible_ssh_private_key_file": self.private_key}
        lines = [f"{name}: {_quoted(value)}" for name, value in reached.items() if value]
        text = _SETTINGS.format(version=ClusterSettings.model_fields["kube_version"].default)
        return text + (_REACHED.format(lines="\n".join(lines)) if lines else "")


def new_hosts(texts: Sequence[str], prefix: str) -> tuple[NewHost, ...]:
    """Return hosts from ``ADDRESS`` or ``NAME=ADDRESS``.

    An IP address without a name becomes ``PREFIX1``, ``PREFIX2``, …; a DNS name is its own name.

    Raises:
        BadInputError: a text is none of these.

    """
    return tuple(_new_host(text, f"{prefix}{number}") for number, text in enumerate(texts, 1))


def split_addresses(texts: Iterable[str]) -> list[str]:
    """Split texts at commas and white space; what follows a ``#`` is a comment."""
    return [word for text in texts for word in text.split("#")[0].replace(",", " ").split()]


def _new_host(text: str, default_name: str) -> NewHost:
    name, given, address = text.partition("=")
    if not given:
        name, address = "", text
    if _is_address(address):
        name = name or default_name
    elif is_dns_name(address):
        name = name or address
    else:
        raise BadInputError(repr(text), "it is no IP address and no DNS name", "Write ADDRESS or NAME=ADDRESS")
    if not is_dns_name(name):
        raise BadInputError(
            repr(text), f"{name!r} is no name of a Node", "Use lower-case letters, digits, hyphens and dots"
        )
    return NewHost(name, address)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    """Write a text as YAML does in single quotes; Jinja2 is not meant by braces in it."""
    kept = text.replace("'", "''")
    return f"!unsafe '{kept}'" if "{" in text else f"'{kept}'"
