"""When certificates expire, read from their DER without any tool (X.509, RFC 5280 section 4.1)."""

from __future__ import annotations

import base64
import datetime as dt
import re
from typing import Any

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeconfig
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _INTEGER, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x02, 0x17, 0x18, 0xA0
_KUBECONFIGS = ("admin", "super-admin", "controller-manager", "scheduler", "kubelet")


def not_after(pem: bytes) -> dt.datetime:
    """The end of the first certificate's validity, in UTC.

    Raises:
        ValueError: no certificate.

    """
    match = _PEM.search(pem)
    if match is None:
        raise ValueError("no PEM certificate")
    try:
        return _not_after(base64.b64decode(match.group(1)))
    except IndexError as error:
        raise ValueError("the certificate is cut short") from error


def _not_after(der: bytes) -> dt.datetime:
    start, _ = _enter(der, 0, _SEQUENCE)  # Certificate
    at, _ = _enter(der, start, _SEQUENCE)  # TBSCertificate
    if der[at] == _VERSION:
        at = _skip(der, at)
    _enter(der, at, _INTEGER)  # serial number
    at = _skip(der, _skip(der, _skip(der, at)))  # serial number, signature algorithm, issuer
    at, _ = _enter(der, at, _SEQUENCE)  # Validity
    at = _skip(der, at)  # not before
    tag = der[at]
    start, end = _enter(der, at, tag)
    text = der[start:end].decode("ascii")
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("the certificate has no end of validity")
    if tag == _UTC_TIME:
        # RFC 5280: two-digit years below 50 are in the 21st century.
        text = ("20" if int(text[:2]) < 50 else "19") + text
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.timezone.utc)


def _enter(der: bytes, at: int, tag: int) -> tuple[int, int]:
    """First and last position (exclusive) of the content of the element at ``at``, which has to have ``tag``."""
    if der[at] != tag:
        raise ValueError("not a certificate: tag %#x where %#x is due" % (der[at], tag))
    length, at = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(der[at : at + size], "big"), at + size
    return at, at + length


def _skip(der: bytes, at: int) -> int:
    return _enter(der, at, der[at])[1]


def expiries(system: System, certificates_directory: str) -> list[dict[str, Any]]:
    """Every certificate of this control plane with its end: [{name, path, not_after (ISO 8601) or error}]."""
    found = []
    base = system.path(certificates_directory)
    for path in sorted(base.glob("*.crt")) + sorted(base.glob("etcd/*.crt")):
        name = str(path.relative_to(base))[: -len(".crt")]
        found.append(_entry(name, str(path), path.read_bytes()))
    for name in _KUBECONFIGS:
        source = "/etc/kubernetes/%s.conf" % name
        if system.path(source).exists():
            found.append(_of_kubeconfig(system, name, source))
    return found


def _of_kubeconfig(system: System, name: str, path: str) -> dict[str, Any]:
    try:
        client = kubeconfig.load(system, path).client
    except NodeError as error:
        return {"name": name + ".conf", "path": path, "error": error.cause}
    return _entry(name + ".conf", path, client.certificate if client else b"")


def _entry(name: str, path: str, pem: bytes) -> dict[str, Any]:
    try:
        return {"name": name, "path": path, "not_after": not_after(pem).strftime("%Y-%m-%dT%H:%M:%SZ")}
    except ValueError as error:
        return {"name": name, "path": path, "error": str(error)}
