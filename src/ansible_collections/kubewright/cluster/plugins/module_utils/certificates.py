"""When certificates expire and whom they are for, read from their DER without a tool (X.509, RFC 5280 section 4.1)."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import re
from typing import Any, Iterator

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeconfig
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _INTEGER, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x02, 0x17, 0x18, 0xA0
_OCTET_STRING, _EXTENSIONS, _DNS_NAME, _IP_ADDRESS = 0x04, 0xA3, 0x82, 0x87
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"
"""The object identifier 2.5.29.17, subjectAltName."""
_KUBECONFIGS = ("admin", "super-admin", "controller-manager", "scheduler", "kubelet")


def not_after(pem: bytes) -> dt.datetime:
    """The end of the first certificate's validity, in UTC.

    Raises:
        ValueError: no certificate.

    """
    try:
        return _not_after(der_of(pem))
    except IndexError as error:
        raise ValueError("the certificate is cut short") from error


def der_of(pem: bytes) -> bytes:
    """The first certificate's DER.

    Raises:
        ValueError: no certificate.

    """
    match = _PEM.search(pem)
    if match is None:
        raise ValueError("no PEM certificate")
    return base64.b64decode(match.group(1))


def of_der(der: bytes) -> tuple[dt.datetime, tuple[str, ...]]:
    """The end of a certificate's validity in UTC, and the DNS names and addresses that it is for.

    Raises:
        ValueError: no certificate.

    """
    try:
        return _not_after(der), tuple(_names(der))
    except IndexError as error:
        raise ValueError("the certificate is cut short") from error


def _validity(der: bytes) -> int:
    """Position of the element Validity."""
    start, _ = _enter(der, 0, _SEQUENCE)  # Certificate
    at, _ = _enter(der, start, _SEQUENCE)  # TBSCertificate
    if der[at] == _VERSION:
        at = _skip(der, at)
    _enter(der, at, _INTEGER)  # serial number
    return _skip(der, _skip(der, _skip(der, at)))  # serial number, signature algorithm, issuer


def _names(der: bytes) -> Iterator[str]:
    """The subject's alternative names, of the kinds that servers have."""
    _, end = _enter(der, _enter(der, 0, _SEQUENCE)[0], _SEQUENCE)
    at = _skip(der, _skip(der, _skip(der, _validity(der))))  # validity, subject, public key
    while at < end and der[at] != _EXTENSIONS:
        at = _skip(der, at)
    if at >= end:
        return
    at, end = _enter(der, _enter(der, at, _EXTENSIONS)[0], _SEQUENCE)
    while at < end:
        inside, after = _enter(der, at, _SEQUENCE)
        first, last = _enter(der, inside, 0x06)
        if der[first:last] == _ALTERNATIVE_NAMES:
            yield from _general_names(der, last, after)
        at = after


def _general_names(der: bytes, at: int, after: int) -> Iterator[str]:
    while at < after and der[at] != _OCTET_STRING:
        at = _skip(der, at)  # whether the extension is critical
    at, end = _enter(der, _enter(der, at, _OCTET_STRING)[0], _SEQUENCE)
    while at < end:
        first, last = _enter(der, at, der[at])
        if der[at] == _DNS_NAME:
            yield der[first:last].decode("ascii", "replace")
        elif der[at] == _IP_ADDRESS and last - first in (4, 16):
            yield str(ipaddress.ip_address(der[first:last]))
        at = last


def _not_after(der: bytes) -> dt.datetime:
    at, _ = _enter(der, _validity(der), _SEQUENCE)
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
