"""Which address a host has, of all the sources that may know one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from kubewright.errors import BadInputError
from kubewright.settings import Notice, Settings
from kubewright.topology.model import Address, GroupNames, KnownAddresses, Source

_NOTHING = KnownAddresses()


@dataclass(frozen=True)
class Resolved:
    """The addresses of one host, or ``None`` with ``error``; ``notices`` tells of sources that were not believed."""

    main_ip: Address | None
    main_access_ip: Address | None
    errors: tuple[BadInputError, ...] = ()
    notices: tuple[Notice, ...] = ()


def missing(names: GroupNames, settings: Settings, known: Mapping[str, KnownAddresses]) -> tuple[str, ...]:
    """Return the hosts whose ``main_ip`` nothing gives yet: those to gather it from."""
    return tuple(name for name in names.all if not _candidates(name, settings, known.get(name, _NOTHING)))


def resolve(name: str, settings: Settings, known: KnownAddresses) -> Resolved:
    """Return a host's addresses: ``ip``, its Node, its etcd member, the cache, the host itself, in this order.

    It depends on nothing but this host's own inventory variables and what is known of it.
    """
    candidates = _candidates(name, settings, known)
    if not candidates:
        return Resolved(None, None, (_missing_error(name),))
    main_ip = candidates[0]
    access_value = settings.hosts[name].access_ip
    if access_value:
        access = Address(access_value, Source.ACCESS_IP, settings.origin(name, "access_ip"))
    else:
        access = Address(main_ip.value, Source.MAIN_IP, main_ip.detail)
    given = (main_ip, access) if access_value else (main_ip,)
    errors = tuple(error for address in given if (error := _unusable(name, address)))
    return Resolved(main_ip, access, errors, _contradictions(name, main_ip, known))


def _candidates(name: str, settings: Settings, known: KnownAddresses) -> tuple[Address, ...]:
    ip = settings.hosts[name].ip
    sources = (
        (ip, Source.IP, settings.origin(name, "ip")),
        (known.node, Source.NODE, "InternalIP of its Node"),
        (known.etcd, Source.ETCD, "peer address of its etcd member"),
        (known.cached, Source.CACHE, "remembered from an earlier run"),
        (known.gathered, Source.GATHER, "default route of the host"),
    )
    return tuple(Address(value, source, detail) for value, source, detail in sources if value)


def _contradictions(name: str, main_ip: Address, known: KnownAddresses) -> tuple[Notice, ...]:
    """Tell where the sources disagree in a way that says that one of them is out of date."""
    live = known.node or known.etcd
    notices = []
    if live and known.cached and known.cached != live:
        text = f"the remembered address {known.cached} is dropped: the live cluster says {live}"
        notices.append(Notice(name, text))
    if main_ip.source is Source.IP and live and live != main_ip.value:
        text = f"ip is {main_ip.value}, and the live cluster has this host with {live}"
        notices.append(Notice(main_ip.detail or name, text))
    return tuple(notices)


def _missing_error(name: str) -> BadInputError:
    cause = "its main_ip is not known: ip is not set, it has no Node or etcd member, and it told no default route"
    return BadInputError(name, cause, f"Set ip for {name} in the inventory, or make the host reachable")


def _unusable(name: str, address: Address) -> BadInputError | None:
    """Refuse what no other host can reach: a silent 127.0.0.1 would end in certificates and configuration files."""
    variable = "access_ip" if address.source is Source.ACCESS_IP else "ip"
    subject = address.detail if address.source in (Source.IP, Source.ACCESS_IP) and address.detail else name
    told = (
        f"{variable} of {name} is"
        if address.source in (Source.IP, Source.ACCESS_IP)
        else f"main_ip of {name} ({address.detail}) is"
    )
    try:
        value = ipaddress.ip_address(address.value)
    except ValueError:
        return BadInputError(
            subject, f"{told} {address.value!r}, which is no IP address", f"Set {variable} to an IPv4 address"
        )
    for is_so, kind in (
        (value.is_loopback, "a loopback address"),
        (value.is_unspecified, "the unspecified address"),
        (value.is_link_local, "a link-local address"),
        (value.is_multicast, "a multicast address"),
        (str(value) == "255.255.255.255", "the broadcast address"),
        (value.version != 4, "an IPv6 address, which is not supported yet"),
    ):
        if is_so:
            return BadInputError(
                subject, f"{told} {address.value}, {kind}", f"Set {variable} to an IPv4 address that other hosts reach"
            )
    return None
