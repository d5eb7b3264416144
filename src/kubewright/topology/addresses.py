"""Which address a host has, of all the sources that may know one."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from kubewright.errors import BadInputError
from kubewright.settings import Notice, Settings
from kubewright.topology.model import Address, Attempt, GroupNames, KnownAddresses, Source, Stack

_NOTHING = KnownAddresses()
_IPV4_ONLY = Stack()

_GAVE = {
    Source.NODE: "InternalIP of its Node",
    Source.ETCD: "peer address of its etcd member",
    Source.CACHE: "remembered from an earlier run",
    Source.GATHER: "default route of the host",
}
_SILENT = {
    Source.NODE: "the live cluster was not asked, or has no Node of this host",
    Source.ETCD: "the live cluster was not asked, or has no etcd member of this host",
    Source.CACHE: "no address is remembered from an earlier run",
    Source.GATHER: "the host was not asked, or told no default route",
}


def binding_variable(family: int) -> str:
    """Return the name of the variable that gives what a host binds."""
    return "ip6" if family == 6 else "ip"


def access_variable(family: int) -> str:
    """Return the name of the variable that gives what others use."""
    return "access_ip6" if family == 6 else "access_ip"


@dataclass(frozen=True)
class Resolved:
    """The addresses of one host, and what is wrong with them.

    Attributes:
        pairs: of each family what it binds and what others use; None where nothing gives it. ``access_ip`` gives the
            second without the first.
        missing: an error for each family of which nothing gives what the host binds.
        errors: addresses that are none that other hosts can use.
        notices: sources that were not believed.

    """

    pairs: tuple[tuple[Address | None, Address | None], ...]
    missing: tuple[BadInputError, ...] = ()
    errors: tuple[BadInputError, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def main_ips(self) -> tuple[Address, ...]:
        """What the host binds, one of each family that something gives."""
        return tuple(main_ip for main_ip, _ in self.pairs if main_ip)

    @property
    def main_access_ips(self) -> tuple[Address, ...]:
        """What others use, one of each family that something gives."""
        return tuple(other for _, other in self.pairs if other)


def missing(
    names: GroupNames, settings: Settings, known: Mapping[str, KnownAddresses], stack: Stack = _IPV4_ONLY
) -> tuple[str, ...]:
    """Return the hosts that lack an address which nothing gives yet: those to gather it from."""
    return tuple(
        name
        for name in names.all
        if any(not _is_given(name, settings, known.get(name, _NOTHING), family) for family in stack.families)
    )


def _is_given(name: str, settings: Settings, known: KnownAddresses, family: int) -> bool:
    """Whether any of :func:`attempts` finds an address."""
    return bool(getattr(settings.hosts[name], binding_variable(family))) or any(value for _, value in known.of(family))


def attempts(name: str, settings: Settings, known: KnownAddresses, family: int = 4) -> tuple[Attempt, ...]:
    """Return what each source says of the address that a host binds, in order of precedence, those after the first too.

    The order is ``ip``, its Node, its etcd member, the cache, the host itself. It depends on nothing but this host's
    own inventory variables and what is known of it.
    """
    variable = binding_variable(family)
    given: str | None = getattr(settings.hosts[name], variable)
    origin = settings.origin(name, variable)
    first = Attempt(Source.IP, given or None, origin if given else f"{variable} is not set for the host")
    others = (
        Attempt(source, value or None, _GAVE[source] if value else known.silent.get(source, _SILENT[source]))
        for source, value in known.of(family)
    )
    return (first, *others)


def resolve(name: str, settings: Settings, known: KnownAddresses, stack: Stack = _IPV4_ONLY) -> Resolved:
    """Return a host's addresses: of each family the first that :func:`attempts` finds."""
    pairs: list[tuple[Address | None, Address | None]] = []
    lacking: list[BadInputError] = []
    errors: list[BadInputError] = []
    notices: list[Notice] = []
    for family in stack.families:
        main_ip = _found(attempts(name, settings, known, family))
        other = _access(name, settings, main_ip, family)
        pairs.append((main_ip, other))
        judged = (main_ip, other if other and other.source is Source.ACCESS_IP else None)
        errors.extend(error for address in judged if address and (error := _unusable(name, address, family)))
        if main_ip is None:
            lacking.append(_missing_error(name, family))
        else:
            notices.extend(_contradictions(name, main_ip, known, family))
    return Resolved(tuple(pairs), tuple(lacking), tuple(errors), tuple(notices))


def _found(tried: tuple[Attempt, ...]) -> Address | None:
    return next((Address(each.value, each.source, each.detail) for each in tried if each.value), None)


def _access(name: str, settings: Settings, main_ip: Address | None, family: int) -> Address | None:
    variable = access_variable(family)
    if given := getattr(settings.hosts[name], variable):
        return Address(given, Source.ACCESS_IP, settings.origin(name, variable))
    return Address(main_ip.value, Source.MAIN_IP, main_ip.detail) if main_ip else None


def _contradictions(name: str, main_ip: Address, known: KnownAddresses, family: int) -> tuple[Notice, ...]:
    """Tell where the sources disagree in a way that says that one of them is out of date."""
    said = dict(known.of(family))
    live, cached = said[Source.NODE] or said[Source.ETCD], said[Source.CACHE]
    notices = []
    if live and cached and cached != live:
        text = f"the remembered address {cached} is dropped: the live cluster says {live}"
        notices.append(Notice(name, text))
    if main_ip.source is Source.IP and live and live != main_ip.value:
        text = f"{binding_variable(family)} is {main_ip.value}, and the live cluster has this host with {live}"
        notices.append(Notice(main_ip.detail or name, text))
    return tuple(notices)


def remedy(name: str, family: int) -> str:
    """Say what to do where nothing gives an address."""
    return f"Set {binding_variable(family)} for {name} in the inventory, or make the host reachable"


def _missing_error(name: str, family: int) -> BadInputError:
    variable = binding_variable(family)
    cause = (
        f"its main_ip is not known: {variable} is not set, it has no Node or etcd member, and it told no default route"
    )
    return BadInputError(name, cause, remedy(name, family))


def _unusable(name: str, address: Address, family: int) -> BadInputError | None:
    """Refuse what no other host can reach: a silent 127.0.0.1 would end in certificates and configuration files."""
    given = address.source in (Source.IP, Source.ACCESS_IP)
    variable = access_variable(family) if address.source is Source.ACCESS_IP else binding_variable(family)
    subject = address.detail if given and address.detail else name
    told = f"{variable} of {name} is" if given else f"main_ip of {name} ({address.detail}) is"
    kind = what_is_unusable(address.value, family)
    if kind is None:
        return None
    return BadInputError(
        subject, f"{told} {address.value}, {kind}", f"Set {variable} to an IPv{family} address that other hosts reach"
    )


_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


@functools.lru_cache(maxsize=8192)
def ip_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address that a text is; those of a large inventory are judged by several rules, and read once.

    Raises:
        ValueError: it is none.

    """
    return ipaddress.ip_address(text)


def what_is_unusable(text: str, family: int) -> str | None:
    """Say what makes an address one that no other host can use; ``None`` for a good one."""
    try:
        value = ip_of(text)
    except ValueError:
        return "which is no IP address"
    kinds = (
        (value.version != family, f"an IPv{value.version} address where one of IPv{family} is wanted"),
        (value.is_loopback, "a loopback address"),
        (value.is_unspecified, "the unspecified address"),
        (value.is_link_local, "a link-local address"),
        (value.is_multicast, "a multicast address"),
        (value == _BROADCAST, "the broadcast address"),
        (
            isinstance(value, ipaddress.IPv6Address) and value.ipv4_mapped is not None,
            "an IPv4 address in the form of IPv6",
        ),
    )
    return next((kind for is_so, kind in kinds if is_so), None)
