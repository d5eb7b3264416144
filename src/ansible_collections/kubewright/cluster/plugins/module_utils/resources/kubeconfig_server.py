"""The API server's address in a kubeconfig that kubeadm wrote."""

from __future__ import annotations

import re
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.resources.base import Change, Resource

_SERVER = re.compile(r"^(?P<head>[ \t]*(?:- )?server:[ \t]*)(?P<server>\S+)[ \t]*$", re.MULTILINE)


class KubeconfigServer(Resource):
    """``path`` and ``server``. Where there is no such file (the node has not joined yet) there is nothing to do.

    The file holds keys, so nothing but the server is ever shown of it.
    """

    type = "kubeconfig_server"

    def find(self) -> Any:
        """Return the server that the file names, None where there is no file.

        Raises:
            NodeError: the file does not name exactly one.

        """
        text = files.read_text(self.system.path(self.need("path")))
        if text is None:
            return None
        servers = [match["server"].strip("\"'") for match in _SERVER.finditer(text)]
        if len(servers) != 1:
            cause = "names %d servers, not one" % len(servers)
            raise NodeError(str(self.spec["path"]), cause, "Restore the file that kubeadm wrote")
        return servers[0]

    def diff(self, found: Any) -> Optional[Change]:
        """Compare the server."""
        server = str(self.need("server"))
        if found is None or found == server:
            return None
        path = str(self.spec["path"])
        diff = files.unified(path, "server: %s\n" % found, "server: %s\n" % server)
        return self.change("update", found, server, "set the server in %s to %s" % (path, server), diff=diff, path=path)

    def apply(self, change: Change) -> None:
        """Rewrite that one line, with the file's mode and owner as they are."""
        path = self.system.path(change.path)
        text = files.read_text(path) or ""
        content = _SERVER.sub(lambda match: match["head"] + str(change.after), text)
        status = path.stat()
        encoded = content.encode("utf-8", "surrogateescape")
        files.write_atomic(path, encoded, status.st_mode & 0o7777, (status.st_uid, status.st_gid))
        self.remember(**self.details())
