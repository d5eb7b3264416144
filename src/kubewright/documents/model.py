"""Documents are plain JSON values with a few typed helpers.

A *node document* is what one host should look like: ``{"format": 1, "host": …, "kubeadm": YAML, "resources": [RESOURCE,
…]}``, applied in the order listed. The *cluster document* is what the API should hold: kubeadm's configuration and
objects for server-side apply.

Every resource has ``type`` and ``id`` (unique in the document, stable between runs). ``restarts`` names the units that
a change of it restarts. The node side (``plugins/module_utils/resources``) has find, diff and apply for each type:

====================  ==================================================================================================
type                  further keys
====================  ==================================================================================================
packages              names: list of distribution packages, environment: variables for the package manager, by name
kernel_modules        path (of the modules-load.d file), names
sysctls               path (of the sysctl.d file), values: name to string, optional: names that need not exist in
                      /proc/sys (then they are only in the file; another missing name is a difference)
directory             path, mode ("0755"), owner ("root:root")
file                  path, content, mode, owner, restarts, secret: whether the content is never shown
binary                path, artifact, sha256, size, mode, restarts
archive               destination, artifact, sha256, size, members (path in the archive to SHA-256), mode, restarts,
                      strip: how many leading directories of a member's path are left out where it is installed
image                 reference, artifact, sha256, size
unit                  name, enabled (bool), state ("started", or "member": on a member of a cluster), restarts: []
hosts_block           path, marker (text after "# BEGIN " and "# END "), entries: list of [address, [names]]
kubeconfig_server     path, server, restarts: a kubeconfig that kubeadm wrote, when it exists, names this server
kubelet_configuration path, restarts: what kubeadm on the host makes of the document's ``kubeadm``
private_files         files: paths that nobody but root may read or write, where they are there
certificate           name, phase, authority, directory, address, required, allowed (names that it has to and may have)
static_pod            name, node, address, certificates, servers (URLs of the other API servers): its manifest is what
                      kubeadm makes of the document's ``kubeadm``, and it runs and answers
====================  ==================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Resource = dict[str, Any]
"""A JSON object as described above."""


@dataclass(frozen=True)
class NodeDocument:
    """What one host should look like.

    ``fan_out`` names the resource ids that depend on other hosts (hosts file block, local load balancer's upstreams):
    only these are touched on hosts outside a limit. ``kubeadm`` is YAML for ``kubeadm init`` by which kubeadm on the
    host tells what its kubelet and its control plane should be configured by.
    """

    host: str
    resources: tuple[Resource, ...]
    fan_out: frozenset[str] = frozenset()
    kubeadm: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the document as the node side takes it."""
        head = {"format": 1, "host": self.host}
        return head | ({"kubeadm": self.kubeadm} if self.kubeadm else {}) | {"resources": list(self.resources)}

    def fan_out_only(self) -> NodeDocument:
        """Return the document cut down to what depends on other hosts."""
        kept = tuple(resource for resource in self.resources if resource["id"] in self.fan_out)
        return NodeDocument(self.host, kept, self.fan_out)


@dataclass(frozen=True)
class ClusterDocument:
    """What the cluster should hold.

    ``kubeadm_init`` is the YAML for ``kubeadm init`` by host name of a control plane (InitConfiguration,
    ClusterConfiguration, KubeletConfiguration, KubeProxyConfiguration), without ``bootstrapTokens`` and ``skipPhases``,
    which the node side chooses. ``kubeadm_join`` is the JoinConfiguration YAML by host name; it takes a discovery file
    at ``/run/kubewright/discovery.conf`` that the node side writes, and (control planes) the certificate key
    ``{{certificate_key}}``, filled in on the node. ``objects`` are add-on objects for server-side apply, in order;
    ``network_objects`` are those of them that make the pod network, applied first in a new cluster, and
    ``network_ready_file`` is what the network's agent writes on a node when pods there can have a network.
    ``node_metadata`` has by node name ``labels`` (name to value) and ``taints`` (objects with key, effect and perhaps
    value, as in a Node's spec).
    """

    kubeadm_init: dict[str, str] = field(default_factory=dict)
    kubeadm_join: dict[str, str] = field(default_factory=dict)
    network_objects: tuple[dict[str, Any], ...] = ()
    network_ready_file: str = ""
    objects: tuple[dict[str, Any], ...] = ()
    node_metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
