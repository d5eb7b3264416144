"""Kubeconfig files as kubeadm and the kubelet write them: read, made for discovery, pointed at another server."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils import https, plainyaml
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.frozen import frozen
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

ADMIN_CONF = "/etc/kubernetes/admin.conf"
KUBELET_CONF = "/etc/kubernetes/kubelet.conf"

_SERVER_LINE = re.compile(r"^(\s+server:\s*)\S.*$", re.MULTILINE)


@frozen
class Kubeconfig:
    """What the current context names: a server, its CA, and who we are. ``user`` is the user entry's name."""

    server: str
    ca_pem: bytes
    client: Optional[https.ClientCertificate] = None
    token: Optional[str] = None
    user: str = ""


def load(system: System, path: str) -> Kubeconfig:
    """The kubeconfig at ``path``.

    Raises:
        NodeError: it is not there, or has something that kubeadm does not write.

    """
    try:
        text = system.path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise NodeError(path, "cannot be read: %s" % error.strerror) from error
    try:
        return parse_text(system, text)
    except (plainyaml.PlainYamlError, ValueError, KeyError, TypeError) as error:
        raise NodeError(
            path, "is not a kubeconfig as kubeadm writes it: %s" % error, "Restore the file, or reset the node"
        ) from error


def parse_text(system: System, text: str) -> Kubeconfig:
    """The kubeconfig in ``text``; files that it names are read.

    Raises:
        ValueError: it is not a kubeconfig, or something in it is missing.

    """
    value = plainyaml.parse(text)
    if not isinstance(value, dict) or value.get("kind") != "Config":
        raise ValueError("kind is not Config")
    context = _named(value, "contexts", "context", value.get("current-context"))
    cluster = _named(value, "clusters", "cluster", context.get("cluster"))
    user = _named(value, "users", "user", context.get("user"))
    ca_pem = _data(system, cluster, "certificate-authority")
    if ca_pem is None:
        raise ValueError("the cluster has no certificate authority")
    certificate, key = _data(system, user, "client-certificate"), _data(system, user, "client-key")
    client = https.ClientCertificate(certificate, key) if certificate and key else None
    return Kubeconfig(str(cluster["server"]), ca_pem, client, user.get("token"), str(context.get("user", "")))


def _named(value: dict[str, Any], plural: str, singular: str, name: Any) -> dict[str, Any]:
    for entry in value.get(plural) or []:
        if entry.get("name") == name and isinstance(entry.get(singular), dict):
            found: dict[str, Any] = entry[singular]
            return found
    raise ValueError("no %s named %r" % (singular, name))


def _data(system: System, entry: dict[str, Any], key: str) -> Optional[bytes]:
    inline = entry.get(key + "-data")
    if inline:
        try:
            return base64.b64decode(inline, validate=True)
        except binascii.Error as error:
            raise ValueError("%s-data is not base64" % key) from error
    path = entry.get(key)
    if not path:
        return None
    try:
        return system.path(path).read_bytes()
    except OSError as error:
        raise ValueError("%s: %s" % (path, error.strerror)) from error


def with_token(server: str, ca_pem: bytes, token: str) -> str:
    """A kubeconfig with a bootstrap token, for file discovery: ``kubeadm join`` then keeps to its server throughout.

    (kubeadm cmd/kubeadm/app/discovery/file/file.go: a discovery file with credentials is used as it is; cluster-info
    only completes a missing CA.)
    """
    name = "kubernetes"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": server, "certificate-authority-data": base64.b64encode(ca_pem).decode()},
                }
            ],
            "users": [{"name": "kubewright-join", "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": "kubewright-join"}}],
            "current-context": name,
            "preferences": {},
        },
        indent=1,
    )


def server_of(text: str) -> str:
    """The one server that a kubeconfig's text names.

    Raises:
        ValueError: it names none or several.

    """
    lines = _SERVER_LINE.findall(text)
    if len(lines) != 1:
        raise ValueError("names %d servers instead of one" % len(lines))
    match = _SERVER_LINE.search(text)
    return match.group(0)[len(lines[0]) :].strip().strip("\"'") if match else ""


def with_server(text: str, server: str) -> str:
    """The kubeconfig's text with another server, all else untouched.

    Raises:
        ValueError: it names none or several.

    """
    server_of(text)
    return _SERVER_LINE.sub(lambda match: match.group(1) + server, text)
