"""How far apart versions may be after a run.

Sources: the Kubernetes version skew policy (https://kubernetes.io/releases/version-skew-policy/) for API servers,
kubelets, kube-proxy and kubectl; kubeadm's ``app/phases/upgrade/policy.go`` for what may be skipped (kubelets that are
too old); etcd's upgrade guide (https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/) for members one minor version apart.

A run is refused only for what it would add: what is apart already is for an upgrade to mend, and a correction must stay
possible meanwhile.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kubewright.catalog.model import Skew
from kubewright.plan.rules.refusals import Refusal, Rule

_POLICY = "Kubernetes version skew policy"
API_SERVERS = Rule("api-server-skew", "API servers more than one minor version apart", _POLICY)
KUBELET_NEWER = Rule("kubelet-newer", "a kubelet that is newer than an API server", _POLICY)
KUBELET_OLD = Rule(
    "kubelet-too-old", "a kubelet more than three minor versions older than an API server", _POLICY, True
)
KUBE_PROXY = Rule(
    "kube-proxy-skew", "kube-proxy newer than an API server, or more than three minor versions apart", _POLICY, True
)
KUBECTL = Rule("kubectl-skew", "kubectl more than one minor version from an API server", _POLICY, True)
ETCD_OLD = Rule(
    "etcd-too-old", "an etcd that the Kubernetes version does not support", "kubeadm MinExternalEtcdVersion"
)
ETCD_APART = Rule("etcd-skew", "etcd members more than one minor version apart", "etcd upgrade guide")
RULES = (API_SERVERS, KUBELET_NEWER, KUBELET_OLD, KUBE_PROXY, KUBECTL, ETCD_OLD, ETCD_APART)

Version = tuple[int, ...]


@dataclass(frozen=True)
class Versions:
    """Versions in a cluster by Node or member name, with or without a leading ``v``.

    ``kube_proxy`` is empty where there is none. ``kubectls`` are those that a run puts on hosts.
    """

    api_servers: Mapping[str, str] = field(default_factory=dict)
    kubelets: Mapping[str, str] = field(default_factory=dict)
    kubectls: Mapping[str, str] = field(default_factory=dict)
    etcd: Mapping[str, str] = field(default_factory=dict)
    kube_proxy: str = ""


@dataclass(frozen=True)
class Addition:
    """A host that a run adds, by its Node's name."""

    node: str
    control_plane: bool


def added(before: Versions, additions: tuple[Addition, ...], *, kubernetes: str, etcd: str) -> Versions:
    """The versions after a run that adds hosts with these versions of Kubernetes and etcd."""
    planes = [each.node for each in additions if each.control_plane]
    return replace(
        before,
        api_servers={**before.api_servers, **dict.fromkeys(planes, kubernetes)},
        kubelets={**before.kubelets, **{each.node: kubernetes for each in additions}},
        kubectls={**before.kubectls, **{each.node: kubernetes for each in additions}},
        etcd={**before.etcd, **dict.fromkeys(planes, etcd)},
    )


def refuse(before: Versions, after: Versions, skew: Skew) -> tuple[Refusal, ...]:
    """What the run would bring about that the policies forbid, and that is not there already."""
    known = set(violations(before, skew))
    return tuple(found for found in violations(after, skew) if found not in known)


def violations(versions: Versions, skew: Skew) -> tuple[Refusal, ...]:
    """All that is further apart than the policies allow; what has no version that can be read is left out."""
    servers = _parsed(versions.api_servers)
    if not servers:
        return tuple(_members_apart(versions))
    oldest, newest = min(servers.values()), max(servers.values())
    return (
        *_api_servers(servers, skew),
        *_kubelets(_parsed(versions.kubelets), oldest, newest, skew),
        *_kube_proxy(versions, oldest, newest, skew),
        *_kubectls(_parsed(versions.kubectls), oldest, newest, skew),
        *_etcd_too_old(_parsed(versions.etcd), newest, skew),
        *_members_apart(versions),
    )


def _api_servers(servers: Mapping[str, Version], skew: Skew) -> Iterator[Refusal]:
    newest = max(servers.values())
    for name, version in sorted(servers.items()):
        if _minors(version, newest) > skew.control_plane_behind:
            yield Refusal(
                API_SERVERS,
                f"API server of {name}",
                f"it would be {_text(version)} beside {_text(newest)}",
                "Bring all control planes to one version first",
            )


def _kubelets(kubelets: Mapping[str, Version], oldest: Version, newest: Version, skew: Skew) -> Iterator[Refusal]:
    for name, version in sorted(kubelets.items()):
        if _minors(oldest, version) > 0:
            yield Refusal(
                KUBELET_NEWER,
                f"kubelet of {name}",
                f"it would be {_text(version)} and an API server is {_text(oldest)}",
                "Upgrade the control planes first",
            )
        if _minors(version, newest) > skew.kubelet_behind:
            yield Refusal(
                KUBELET_OLD,
                f"kubelet of {name}",
                f"it would be {_text(version)} and an API server is {_text(newest)}",
                "Upgrade that node first",
            )


def _kube_proxy(versions: Versions, oldest: Version, newest: Version, skew: Skew) -> Iterator[Refusal]:
    proxy = _parsed({"": versions.kube_proxy}).get("")
    if proxy is None:
        return
    kubelets = _parsed(versions.kubelets).values()
    apart = max([_minors(proxy, newest), *(abs(_minors(proxy, kubelet)) for kubelet in kubelets)])
    if _minors(oldest, proxy) > 0 or apart > skew.kube_proxy_behind:
        yield Refusal(
            KUBE_PROXY,
            "kube-proxy",
            f"it is {_text(proxy)} and API servers would be {_text(oldest)} to {_text(newest)}",
            "Bring its DaemonSet to the version of the control planes",
        )


def _kubectls(kubectls: Mapping[str, Version], oldest: Version, newest: Version, skew: Skew) -> Iterator[Refusal]:
    for name, version in sorted(kubectls.items()):
        if max(abs(_minors(version, oldest)), abs(_minors(version, newest))) > skew.kubectl_distance:
            yield Refusal(
                KUBECTL,
                f"kubectl on {name}",
                f"it would be {_text(version)} and API servers {_text(oldest)} to {_text(newest)}",
                "Bring all control planes to one version first",
            )


def _etcd_too_old(members: Mapping[str, Version], newest: Version, skew: Skew) -> Iterator[Refusal]:
    minimum = skew.etcd_minimum.get(_text(newest), "")
    needed = _parsed({"": minimum}).get("", ())
    for name, version in sorted(members.items()):
        if version < needed:
            yield Refusal(
                ETCD_OLD,
                f"etcd member {name}",
                f"it is {'.'.join(map(str, version))} and Kubernetes {_text(newest)} needs {minimum} or newer",
                "Upgrade etcd first",
            )


def _members_apart(versions: Versions) -> Iterator[Refusal]:
    members = _parsed(versions.etcd)
    newest = max(members.values(), default=())
    for name, version in sorted(members.items()):
        if _minors(version, newest) > 1:
            yield Refusal(
                ETCD_APART,
                f"etcd member {name}",
                f"it is {_text(version)} beside {_text(newest)}",
                "Upgrade etcd one minor version at a time, all members before the next",
            )


def _parsed(versions: Mapping[str, str]) -> dict[str, Version]:
    """Versions as numbers; those that cannot be read are left out."""
    found = ((name, _version(text)) for name, text in versions.items())
    return {name: version for name, version in found if version}


@functools.lru_cache(maxsize=256)
def _version(text: str) -> Version:
    """``v1.37.2-rc.1+x`` is (1, 37, 2); empty for what is no version. A thousand nodes have few different ones."""
    numbers = text.removeprefix("v").partition("-")[0].partition("+")[0].split(".")
    if len(numbers) < 2 or not all(number.isdecimal() for number in numbers):
        return ()
    return tuple(int(number) for number in numbers)


def _minors(older: Version, newer: Version) -> int:
    """How many minor versions ``newer`` is ahead; another major version is further than any."""
    return 1000 * (newer[0] - older[0]) + newer[1] - older[1]


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
