"""Resource types by name."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.archive import Archive
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Context, Resource
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.binary import Binary
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.certificate import Certificate
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.directory import Directory
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.file import File
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.hosts_block import HostsBlock
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.image import Image
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.kernel_modules import KernelModules
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.kubeconfig_server import KubeconfigServer
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.kubelet_configuration import (
    KubeletConfiguration,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.packages import Packages
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.private_files import PrivateFiles
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.static_pod import StaticPod
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.sysctls import Sysctls
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.unit import Unit

TYPES: dict[str, type[Resource]] = {
    kind.type: kind
    for kind in (
        Packages,
        KernelModules,
        Sysctls,
        Directory,
        File,
        Binary,
        Archive,
        Image,
        Unit,
        HostsBlock,
        KubeconfigServer,
        KubeletConfiguration,
        PrivateFiles,
        Certificate,
        StaticPod,
    )
}

FORMAT = 1
"""The version of node documents that this node side understands."""


def resources_of(document: dict[str, Any], context: Context) -> list[Resource]:
    """Return the document's resources in its order.

    Raises:
        NodeError: the document has another format, an unknown type, or an id twice.

    """
    if document.get("format") != FORMAT:
        raise NodeError("node document", "has format %r, not %d" % (document.get("format"), FORMAT), "", BAD_INPUT)
    found: list[Resource] = []
    ids = set()
    for spec in document.get("resources", []):
        kind = TYPES.get(spec.get("type"))
        identifier = spec.get("id")
        if kind is None or not identifier or identifier in ids:
            cause = "type %r is unknown, or the id is absent or there twice" % spec.get("type")
            raise NodeError("resource %s" % identifier, cause, "", BAD_INPUT)
        ids.add(identifier)
        found.append(kind(spec, context))
    return found
