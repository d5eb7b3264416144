"""Labels and taints of Node objects."""

from __future__ import annotations

import re
from typing import Any

from kubewright.errors import BadInputError
from kubewright.settings.model import HostSettings
from kubewright.topology.model import Host, Role

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
"""The label by which a Node is known as a control plane, and the key of its taint; kubeadm sets both."""

CONTROL_PLANE_TAINT = {"key": CONTROL_PLANE, "effect": "NoSchedule"}

_TAINT = re.compile(r"(?P<key>[^=:\s]+)(=(?P<value>[^=:\s]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")


def node_metadata(host: Host, settings: HostSettings) -> dict[str, Any]:
    """Return labels and taints that kubewright sets on the host's Node; others that it has stay as they are."""
    role = {CONTROL_PLANE: ""} if host.is_control_plane else {}
    return {"labels": {**role, **settings.node_labels}, "taints": taints(host, settings)}


def taints(host: Host, settings: HostSettings) -> list[dict[str, str]]:
    """Return taints of the host's Node: its own, and that of a control plane which is not in ``kube_node`` as well.

    Raises:
        BadInputError: a value of ``node_taints`` is not ``key=value:Effect`` or ``key:Effect``.

    """
    role = [CONTROL_PLANE_TAINT] if host.is_control_plane and Role.WORKER not in host.roles else []
    return [*map(dict, role), *(_taint(host.name, text) for text in settings.node_taints)]


def _taint(host: str, text: str) -> dict[str, str]:
    match = _TAINT.fullmatch(text)
    if match is None:
        raise BadInputError(
            f"{host}: node_taints",
            f"{text!r} is no taint",
            "Write key=value:Effect or key:Effect with one of NoSchedule, PreferNoSchedule, NoExecute",
        )
    return {name: value for name, value in match.groupdict().items() if value}
