"""What etcd tells of itself on one control plane, as part of the cluster's state; an error is an answer, too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import etcd, files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import field, frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import APISERVER_MANIFEST
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

if TYPE_CHECKING:
    import ssl

MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
_AUTHORITIES = (
    (APISERVER_MANIFEST, re.compile(r"--client-ca-file=(\S+)/ca\.crt")),
    (MANIFEST, re.compile(r"--trusted-ca-file=(\S+)/etcd/ca\.crt")),
)


@frozen
class Told:
    """The members' own answers, or why there are none.

    ``here`` is whether this control plane runs a member at all. ``context`` is for looking at what certificates members
    show.
    """

    error: str = ""
    here: bool = True
    survey: etcd.Survey = field(default_factory=lambda: etcd.Survey([], [], [], {}))
    context: Optional[ssl.SSLContext] = None

    def to_json(self) -> dict[str, Any]:
        """As modules return it."""
        return {
            "etcd_members": [etcd.to_json(member) for member in self.survey.members],
            "etcd_status": self.survey.status,
            "etcd_alarms": self.survey.alarms,
            "etcd_error": self.error,
            "etcd_here": self.here,
        }


def survey(system: System, directory: str, timeout: float) -> Told:
    """Ask the member on this control plane, and each of the others for itself.

    Args:
        system: the node.
        directory: kubeadm's certificatesDir.
        timeout: seconds for each request.

    """
    if not system.path(MANIFEST).exists():
        return Told("this control plane runs no etcd member", here=False)
    try:
        client = etcd.Etcd(system, directory, timeout=timeout)
        return Told(survey=client.survey(), context=client.context_for_looking())
    except NodeError as error:
        return Told(str(error))


def certificates_directory(system: System) -> str:
    """The certificatesDir of kubeadm as the static pods' manifests name it; empty where there are none."""
    for path, pattern in _AUTHORITIES:
        match = pattern.search(files.read_text(system.path(path)) or "")
        if match:
            return match.group(1)
    return ""
