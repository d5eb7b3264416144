"""What a kubelet is configured by, as kubeadm makes it of the cluster's configuration and this host's patches."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.file import TextFile
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.rendered import Rendered, file_of

_NOT_HERE = "not a member"


class KubeletConfiguration(Rendered, TextFile):
    """``path`` of a file that kubeadm writes; ``mode`` (0644) and ``owner`` (root:root)."""

    type = "kubelet_configuration"
    removable = False

    def content(self) -> str:
        """Return what kubeadm would write."""
        return file_of(self.context, str(self.need("path")).rpartition("/")[2])

    def find(self) -> Any:
        """Return text, mode and owner; None where a member has no such file."""
        return super().find() if self.applies() else _NOT_HERE

    def diff(self, found: Any) -> Optional[Change]:
        """Compare as any file, on a member."""
        return None if found == _NOT_HERE else super().diff(found)
