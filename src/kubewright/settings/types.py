"""Types of settings: what a value may look like, and one spelling for each."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""RFC 1123 label, lower case as Kubernetes wants names."""
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PASSWORD_IN_URL = re.compile(r"://[^/\s]*@")
_PROXY_URL = re.compile(r"(https?|socks5)://[^\s\"'\\\x00-\x1f]+")
_PROXY_EXCEPTION = re.compile(r"[A-Za-z0-9*.:/_\[\]-]+")
_SERIAL = re.compile(r"[1-9][0-9]{0,5}%?")
_MEMBERSHIP = frozenset({"name", "data-dir", "wal-dir", "force-new-cluster"})
_MEMBERSHIP_FAMILIES = ("initial-", "listen-", "advertise-")
TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def without_passwords(text: str) -> str:
    """Return a text for a person, without the user and password of URLs in it."""
    return _PASSWORD_IN_URL.sub("://***@", text)


def is_dns_name(text: str) -> bool:
    """Whether the text is an RFC 1123 subdomain, as names of Nodes must be: dotted labels, at most 253 characters."""
    return len(text) <= 253 and all(DNS_LABEL.fullmatch(label) for label in text.split("."))


def _version(text: str) -> str:
    bare = text.strip().removeprefix("v")
    if not re.fullmatch(r"\d+\.\d+\.\d+", bare):
        raise ValueError("a version has three numbers, as in 1.37.2 (quoted, or YAML may read a number)")
    return bare


def _dns_name(text: str) -> str:
    bare = text.rstrip(".")
    if not is_dns_name(bare):
        raise ValueError("a DNS name has lower-case letters, digits and hyphens, in labels separated by dots")
    return bare


def _ip_or_dns_name(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return _dns_name(text)


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text.strip()))
    except ValueError:
        raise ValueError("an IPv4 address is wanted") from None


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text.strip()))
    except ValueError:
        raise ValueError("an IPv6 address is wanted") from None


def _proxy_url(text: str) -> str:
    """Return the URL of a proxy; the value is not repeated in messages, because it can hold a password."""
    if not text:
        return text
    if not _PROXY_URL.fullmatch(text.strip()):
        raise ValueError("a proxy is given as http://host:port, without spaces, quotes and control characters")
    return text.strip()


def _names_with_commas(value: Any) -> Any:
    """Split a text at its commas: Kubespray has such lists as texts."""
    if isinstance(value, str):
        value = value.split(",")
    return (
        [part.strip() if isinstance(part, str) else part for part in value if part != ""]
        if isinstance(value, (list, tuple))
        else value
    )


def _proxy_exceptions(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _PROXY_EXCEPTION.fullmatch(name):
            raise ValueError(f"{name!r} is no name, address, network or .domain")
    return names


def _absolute(text: str) -> str:
    if not text.startswith("/") or "/../" in f"{text}/":
        raise ValueError("an absolute path is wanted")
    return text.rstrip("/") or "/"


def _flags(value: Any) -> Any:
    """Write booleans as Kubernetes' commands read them; all flags are texts."""
    if not isinstance(value, dict):
        return value
    return {str(key): str(item).lower() if isinstance(item, bool) else item for key, item in value.items()}


def _etcd_flags(flags: dict[str, str]) -> dict[str, str]:
    """Refuse flags by which kubeadm says which member this is: another value would make it another one."""
    if own := sorted(name for name in flags if name in _MEMBERSHIP or name.startswith(_MEMBERSHIP_FAMILIES)):
        raise ValueError(f"{', '.join(own)} is kubeadm's to set")
    return flags


def _serial(text: str) -> str:
    """Return how many hosts at the same time: a number, or a share in percent."""
    bare = text.strip()
    if not _SERIAL.fullmatch(bare) or (bare.endswith("%") and int(bare[:-1]) > 100):
        raise ValueError("a number of hosts (1 or more) or a share of them (1% to 100%) is wanted")
    return bare


def _labels(value: Any) -> Any:
    if isinstance(value, dict) and any(isinstance(item, bool) for item in value.values()):
        raise ValueError("a label's value is a text; quote true and false")
    return value


def _valid_labels(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        _check_label(key, value)
    return labels


def _check_label(key: str, value: str) -> None:
    prefix, _, name = key.rpartition("/")
    if (prefix and not is_dns_name(prefix)) or not _LABEL_NAME.fullmatch(name):
        raise ValueError(
            f"{key!r} is no label key ([prefix/]name of letters, digits, '-', '_' and '.', at most 63 characters)"
        )
    if value and not _LABEL_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no label value (letters, digits, '-', '_' and '.', at most 63 characters)")


def _taints(taints: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_taint(taint) for taint in taints)


def _taint(taint: str) -> str:
    """Return the taint as ``key=value:Effect``; the value may be empty, and then the equals sign left out."""
    label, _, effect = taint.rpartition(":")
    if effect not in TAINT_EFFECTS or not label:
        raise ValueError(
            f"{taint!r} is no taint (key=value:Effect, where the effect is one of {', '.join(TAINT_EFFECTS)})"
        )
    key, _, value = label.partition("=")
    _check_label(key, value)
    return f"{key}={value}:{effect}"


def _feature_gates(fields: dict[str, Any]) -> dict[str, Any]:
    gates = fields.get("featureGates", {})
    if not isinstance(gates, dict) or not all(isinstance(gate, bool) for gate in gates.values()):
        raise ValueError("featureGates maps names to true or false")
    return fields


def _kubelet(fields: dict[str, Any]) -> dict[str, Any]:
    return _without(_feature_gates(fields), "KubeletConfiguration")


def _proxy(fields: dict[str, Any]) -> dict[str, Any]:
    if "mode" in fields:
        raise ValueError("mode is set by kube_proxy_mode")
    return _without(_feature_gates(fields), "KubeProxyConfiguration")


def _without(fields: dict[str, Any], kind: str) -> dict[str, Any]:
    if own := sorted(fields.keys() & {"apiVersion", "kind"}):
        raise ValueError(f"{', '.join(own)} of {kind} cannot be changed")
    return fields


Version = Annotated[str, AfterValidator(_version)]
DnsName = Annotated[str, AfterValidator(_dns_name)]
OptionalDnsName = Annotated[str, AfterValidator(lambda text: _dns_name(text) if text else text)]
IpOrDnsName = Annotated[str, AfterValidator(_ip_or_dns_name)]
NodeName = Annotated[str, AfterValidator(str.strip)]
"""Whether it is a DNS name is the topology's to say, as of names that come from the inventory."""
Ipv4 = Annotated[str, AfterValidator(_ipv4)]
Ipv6 = Annotated[str, AfterValidator(_ipv6)]
ProxyUrl = Annotated[str, AfterValidator(_proxy_url)]
ProxyExceptions = Annotated[tuple[str, ...], BeforeValidator(_names_with_commas), AfterValidator(_proxy_exceptions)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Flags = Annotated[dict[str, str], BeforeValidator(_flags)]
EtcdFlags = Annotated[dict[str, str], BeforeValidator(_flags), AfterValidator(_etcd_flags)]
Serial = Annotated[str, AfterValidator(_serial)]
Labels = Annotated[dict[str, str], BeforeValidator(_labels), AfterValidator(_valid_labels)]
Taints = Annotated[tuple[str, ...], AfterValidator(_taints)]
KubeletFields = Annotated[dict[str, Any], AfterValidator(_kubelet)]
ProxyFields = Annotated[dict[str, Any], AfterValidator(_proxy)]
