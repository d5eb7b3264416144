"""What a user should know of names that are given and do nothing: not honoured yet, not applicable, or misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from kubewright.settings.kubespray_names import KUBESPRAY_NAMES
from kubewright.settings.model import Notice
from kubewright.settings.names import HONOURED_NAMES, KNOWN_NAMES

_OTHER_PLUGINS = ("calico_", "cilium_", "kube_ovn_", "kube_router_", "macvlan_", "typha_", "custom_cni_")
_OTHER_ENGINES = ("docker_", "crio_", "cri_dockerd_")
_EXPLAINED = {
    "etcd_member_name": "not applicable here: kubeadm names an etcd member after its Node",
    "kubeconfig_localhost": "not applicable here: the kubeconfig is always fetched",
    "kubeadm_certificate_key": "not applicable here: joins of control planes use a new key each time",
    "resolvconf_mode": "not honoured yet: the nodes' resolver configuration is left as it is",
    "enable_nodelocaldns": "not honoured yet: pods ask CoreDNS by its service address",
    "kube_version_min_required": "not applicable here: the catalogue says which versions are supported",
}
_NEARNESS = 0.86
"""How alike two names must be to be taken for one misspelt: one changed, missing or doubled letter or two."""


def notices_of(
    names: Mapping[str, AbstractSet[str]], origins: Mapping[str, Callable[[str], str]]
) -> tuple[Notice, ...]:
    """Return a notice for each name that is given and does nothing, once whatever the number of hosts.

    Args:
        names: the names that are given, by host.
        origins: the function that tells where a name was given, by host.

    """
    first: dict[str, str] = {}
    for host, given in names.items():
        for name in given:
            first.setdefault(name, host)
    return tuple(_notices(first, origins))


def _notices(first: Mapping[str, str], origins: Mapping[str, Callable[[str], str]]) -> Iterator[Notice]:
    for name, host in sorted(first.items()):
        text = _EXPLAINED.get(name) or (None if name in KNOWN_NAMES else _text(name))
        if text:
            yield Notice(origins[host](name) or f"host {host}", f"{name} is {text}")


def _text(name: str) -> str | None:
    if name in KUBESPRAY_NAMES:
        if name.startswith(_OTHER_PLUGINS):
            return "not applicable here: the CNI plugin is another"
        if name.startswith(_OTHER_ENGINES):
            return "not applicable here: the container engine is another"
        return "not honoured yet"
    nearest = _nearest(name)
    return f"not known; did you mean {nearest}?" if nearest else None


def _nearest(name: str) -> str | None:
    """Return the known name that a name is a misspelling of: its words in another order, or a few other letters."""
    candidates = sorted(HONOURED_NAMES | KUBESPRAY_NAMES)
    words = sorted(name.split("_"))
    reordered = [candidate for candidate in candidates if sorted(candidate.split("_")) == words]
    return next(iter(reordered or difflib.get_close_matches(name, candidates, n=1, cutoff=_NEARNESS)), None)
