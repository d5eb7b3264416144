"""Join this node to a cluster, also after an earlier attempt that was killed at any moment.

With an endpoint of 127.0.0.1 a joining control plane cannot use the admin.conf that kubeadm writes for it before its
own API server runs. So kubeadm is run in two parts: the first makes certificates, kubeconfigs and manifests; then
admin.conf is pointed at a living control plane; the second joins etcd and the cluster (kubeadm keeps an existing
admin.conf of the same CA: phases/kubeconfig, createKubeConfigFileIfNotExists); at last admin.conf gets its own server
back.
"""

from __future__ import annotations

import re
import time
import urllib.parse
from pathlib import Path
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    etcd,
    files,
    kubeadm,
    kubeconfig,
    markers,
    quorum,
    rollout,
    takeback,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import FOREIGN, REFUSED, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.joinstate import Action, Facts, Membership, classify
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client, calm, wait_until
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_NETWORK_TIMEOUT = 30.0
_ETCD_WAIT = 60.0
_BOOTSTRAP_CONF = "/etc/kubernetes/bootstrap-kubelet.conf"
_PREPARE_PHASES = ("preflight", "control-plane-prepare")
_MEMBER_PHASES = (
    "check-etcd",
    "kubelet-start",
    "etcd-join",
    "kubelet-wait-bootstrap",
    "control-plane-join",
    "wait-control-plane",
)


@frozen
class Request:
    """One join.

    ``server`` is the living control plane of the discovery file; ``endpoint`` is what a worker's kubelet uses
    afterwards; times in seconds.
    """

    node_name: str
    configuration: str
    discovery: str
    server: str
    endpoint: str
    layout: markers.Layout
    ignore: tuple[str, ...]
    timeout: float
    ready_timeout: float

    @property
    def control_plane(self) -> bool:
        """Whether the node becomes a control plane."""
        return kubeadm.is_control_plane(self.configuration)


def request(system: System, params: dict[str, Any]) -> Request:
    """The join that the module's arguments ask for.

    Raises:
        NodeError: the discovery file's text is no kubeconfig.

    """
    try:
        server = kubeconfig.parse_text(system, params["discovery"]).server
    except ValueError as error:
        raise NodeError("discovery", "is no kubeconfig: %s" % error) from error
    configuration = params["config"]
    if kubeadm.CERTIFICATE_KEY in configuration and not params["certificate_key"]:
        raise NodeError(
            "certificate_key", "a control plane cannot join without it", "Call join_prepare with control_planes"
        )
    configuration = configuration.replace(kubeadm.CERTIFICATE_KEY, params["certificate_key"] or "")
    return Request(
        node_name=params["node_name"],
        configuration=configuration,
        discovery=params["discovery"],
        server=server,
        endpoint=params["endpoint"],
        layout=markers.Layout(_certificates_directory(configuration), params["etcd_data_directory"]),
        ignore=tuple(params["ignore_preflight_errors"]),
        timeout=params["timeout"],
        ready_timeout=params["ready_timeout"],
    )


def join(system: System, params: dict[str, Any]) -> dict[str, Any]:
    """Do what ``kubeadm_join`` does.

    Raises:
        NodeError: refused, or kubeadm failed, or the node did not register in time.
        ApiError: the control plane refused something.

    """
    wanted = request(system, params)
    started = time.monotonic()
    marker = markers.read(system, "join")
    decision = classify(_facts(system, wanted, marker))
    if decision.action is Action.REFUSE:
        raise NodeError("kubeadm join", decision.cause, decision.remedy, REFUSED if marker else FOREIGN)
    result = {"changed": decision.action is not Action.NOTHING, "action": decision.action.value, "removed": []}
    if decision.action is Action.NOTHING:
        return dict(result, node_uid=_registered(system, wanted))
    try:
        if decision.action is Action.RESTART and marker:
            result["removed"] = takeback.take_back(system, marker, wanted.layout)
        if marker is None or decision.action is Action.RESTART:
            marker = markers.begin(system, "join", wanted.layout)
        _run(system, wanted, marker)
    finally:
        kubeadm.remove_secrets(system)
    uid = wait_until(
        "Node %s in the cluster" % wanted.node_name,
        lambda: _node_uid(system, wanted, ""),
        wanted.ready_timeout,
        "Look at: journalctl -u kubelet, and at the local load balancer",
    )
    markers.done(system, "join")
    if params["network_ready_file"]:
        result["network_ready"] = rollout.wait_for_file(system, params["network_ready_file"], _NETWORK_TIMEOUT)
    return dict(result, node_uid=uid, seconds=round(time.monotonic() - started, 1))


def _run(system: System, wanted: Request, marker: markers.Marker) -> None:
    kubeadm.write_secret(system, kubeadm.DISCOVERY, wanted.discovery)
    if wanted.control_plane:
        _control_plane(system, wanted, marker)
        return
    if marker.phase == markers.PREPARE and not _registered(system, wanted):
        kubeadm.run(system, ("join",), wanted.configuration, timeout=wanted.timeout, ignore=wanted.ignore)
    resumed = marker.phase == markers.FINISH
    markers.advance(system, marker, markers.FINISH)
    files.remove(system.path(_BOOTSTRAP_CONF))
    if _point_at(system, kubeconfig.KUBELET_CONF, wanted.endpoint) or resumed:
        # Resumed: the file may have been changed before the kubelet could be told.
        system.must("systemctl", "restart", "kubelet")


def _control_plane(system: System, wanted: Request, marker: markers.Marker) -> None:
    if marker.phase == markers.PREPARE:
        kubeadm.run(
            system, ("join",), wanted.configuration, timeout=wanted.timeout, skip=_MEMBER_PHASES, ignore=wanted.ignore
        )
        text = system.path(kubeconfig.ADMIN_CONF).read_text(encoding="utf-8")
        marker = markers.advance(system, marker, markers.MEMBER, admin_server=kubeconfig.server_of(text))
    if marker.phase == markers.MEMBER:
        _check_addition(system, wanted)
        _point_at(system, kubeconfig.ADMIN_CONF, wanted.server)
        skip: tuple[str, ...] = _PREPARE_PHASES
        if system.path(kubeconfig.KUBELET_CONF).exists():
            # The kubelet has its credentials; kubelet-start would refuse a Node that is Ready already.
            skip += ("kubelet-start",)
            system.must("systemctl", "start", "kubelet")
        kubeadm.run(system, ("join",), wanted.configuration, timeout=wanted.timeout, skip=skip, ignore=wanted.ignore)
        marker = markers.advance(system, marker, markers.FINISH)
    _point_at(system, kubeconfig.ADMIN_CONF, marker.admin_server)
    files.remove(system.path(_BOOTSTRAP_CONF))


def _point_at(system: System, path: str, server: str) -> bool:
    """Make the kubeconfig name ``server``, in one step, keeping mode and owner; whether it was another one."""
    target = system.path(path)
    text = target.read_text(encoding="utf-8")
    try:
        changed = kubeconfig.with_server(text, server)
    except ValueError as error:
        raise NodeError(path, str(error)) from error
    if changed != text:
        status = target.stat()
        files.write_atomic(target, changed.encode(), status.st_mode & 0o7777, (status.st_uid, status.st_gid))
    return changed != text


def _facts(system: System, wanted: Request, marker: Optional[markers.Marker]) -> Facts:
    vouched = set(marker.existing) if marker else set()
    own = _cluster_files(system)
    etcd_data = _holds_files(system.path(wanted.layout.etcd_data))
    return Facts(
        control_plane=wanted.control_plane,
        marker=marker.phase if marker else None,
        leftovers=bool([path for path in own if path not in vouched])
        or (marker is None and wanted.control_plane and etcd_data),
        registered=_registered(system, wanted) is not None,
        runs_control_plane=all(
            system.path("/etc/kubernetes/manifests/%s.yaml" % name).exists() for name in markers.CONTROL_PLANE_MANIFESTS
        ),
        etcd_data=etcd_data,
        membership=_membership(system, wanted) if marker and marker.phase == markers.MEMBER else Membership.NONE,
    )


def _cluster_files(system: System) -> list[str]:
    """Files that only a node of some cluster has."""
    names = ["/etc/kubernetes/%s.conf" % name for name in ("admin", "kubelet", "bootstrap-kubelet")]
    names += ["/etc/kubernetes/manifests/%s.yaml" % name for name in markers.CONTROL_PLANE_MANIFESTS]
    return [str(system.path(name)) for name in names if system.path(name).exists()]


def _holds_files(directory: Path) -> bool:
    return any(not path.is_dir() for path in directory.rglob("*"))


def _registered(system: System, wanted: Request) -> Optional[str]:
    """The uid of this node's Node by its own credentials, asked at the living control plane.

    None where the cluster does not know it.

    Raises:
        ApiError: the control plane gives no answer, so that nothing can be judged.

    """
    if not system.path(kubeconfig.KUBELET_CONF).exists():
        return None
    try:
        return _node_uid(system, wanted, wanted.server)
    except NodeError:
        # Half written: the kubelet was cut short while it got its credentials.
        return None
    except ApiError as error:
        if error.status in (401, 403):
            return None
        raise


def _node_uid(system: System, wanted: Request, server: str) -> Optional[str]:
    config = kubeconfig.load(system, kubeconfig.KUBELET_CONF)
    client = Client(system, config, server=server, timeout=5.0)
    node = client.find("/api/v1/nodes/" + urllib.parse.quote(wanted.node_name))
    return str(node["metadata"]["uid"]) if node else None


def _check_addition(system: System, wanted: Request) -> None:
    """Ask etcd, immediately before this node is announced to it, whether it can take a member.

    The one that joined before may take part only in a moment, so that this is waited for.

    Raises:
        NodeError: it cannot.

    """
    own = _peer_address(wanted.configuration)
    wait_until(
        "etcd, before this node is added to it",
        lambda: calm(quorum.addition_refusal(_members(system, wanted), own)),
        _ETCD_WAIT,
        "Bring the other members up, or remove a dead one first (kubewright remove --limit HOST --offline)",
        exit_code=REFUSED,
    )


def _members(system: System, wanted: Request) -> list[quorum.Member]:
    """All etcd members as a living one knows them, asked with credentials that kubeadm's first part made."""
    config = kubeconfig.load(system, kubeconfig.ADMIN_CONF)
    client = Client(system, config, server=wanted.server)
    own = _peer_address(wanted.configuration)
    return etcd.members_of_cluster(system, client, wanted.layout.certificates, skip=own)


def _membership(system: System, wanted: Request) -> Membership:
    address = _peer_address(wanted.configuration)
    for member in _members(system, wanted):
        if member.peer_ip == address:
            return Membership.STARTED if member.started else Membership.NOT_STARTED
    return Membership.NONE


def _peer_address(configuration: str) -> str:
    address = _setting(configuration, "advertiseAddress")
    if not address:
        raise NodeError("kubeadm configuration", "names no advertiseAddress for the control plane")
    return address


def _certificates_directory(configuration: str) -> str:
    """Where kubeadm keeps certificates: a JoinConfiguration tells it by its caCertPath only."""
    return str(Path(_setting(configuration, "caCertPath") or "/etc/kubernetes/pki/ca.crt").parent)


def _setting(configuration: str, key: str) -> str:
    match = re.search(r"^\s*\"?%s\"?:\s*[\"']?([^\"'\s,}]+)" % key, configuration, re.MULTILINE)
    return match.group(1) if match else ""
