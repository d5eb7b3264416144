"""The topology of a whole inventory: a total function, whatever is limited, unreachable or cached."""

from __future__ import annotations

from collections.abc import Mapping

from kubewright.errors import BadInputError, BadInputErrors
from kubewright.settings import Notice, Settings
from kubewright.topology import rules
from kubewright.topology.addresses import Resolved, resolve
from kubewright.topology.model import Endpoint, GroupNames, Host, KnownAddresses, Role, Stack, Topology

_IPV4_ONLY = Stack()


def build(
    names: GroupNames,
    settings: Settings,
    known: Mapping[str, KnownAddresses],
    *,
    existing_etcd: bool = False,
    stack: Stack = _IPV4_ONLY,
) -> Topology:
    """Return every host's addresses, names and roles.

    Args:
        names: the hosts of each role.
        settings: settings of the cluster and of every host in ``names``.
        known: what else is known of hosts' addresses; a host may be absent.
        existing_etcd: whether etcd already runs. An even number of members is then a notice, not an error.
        stack: the IP families of the hosts' addresses.

    Raises:
        BadInputErrors: everything that is wrong.

    """
    errors = list(rules.group_errors(names, settings))
    resolved = {
        name: resolve(name, settings, known.get(name, KnownAddresses()), stack)
        for name in names.all
        if name in settings.hosts
    }
    errors.extend(error for found in resolved.values() for error in (*found.missing, *found.errors))
    hosts = known_hosts(names, settings, resolved)
    errors.extend(rules.name_errors(resolved, settings))
    errors.extend(rules.address_errors(hosts, settings))
    notices = [notice for found in resolved.values() for notice in found.notices]
    _count_members(names, existing_etcd, errors, notices)
    if errors:
        raise BadInputErrors(tuple(errors))
    return Topology(hosts, endpoint(settings), tuple(notices))


def check_given(names: GroupNames, settings: Settings) -> None:
    """Refuse what the inventory alone shows to be wrong, so that it is told before any host is contacted.

    Hosts whose address nothing in the inventory gives are left to :func:`build`, and so is the number of etcd members.

    Raises:
        BadInputErrors: everything that is wrong.

    """
    errors = list(rules.group_errors(names, settings))
    known = [name for name in names.all if name in settings.hosts]
    given = {name: resolve(name, settings, KnownAddresses()) for name in known if settings.hosts[name].ip}
    errors.extend(error for found in given.values() for error in found.errors)
    errors.extend(rules.name_errors(known, settings))
    errors.extend(rules.address_errors(known_hosts(names, settings, given), settings))
    if errors:
        raise BadInputErrors(tuple(errors))


def endpoint(settings: Settings) -> Endpoint:
    """Return how nodes reach the API: the external load balancer, else 127.0.0.1 on every node."""
    cluster = settings.cluster
    if external := cluster.loadbalancer_apiserver:
        return Endpoint(cluster.apiserver_loadbalancer_domain_name or external.address, external.port, local=False)
    return Endpoint("127.0.0.1", cluster.kube_apiserver_port, local=True)


def node_name(name: str, settings: Settings) -> str:
    """Return the name of the host's Node."""
    return settings.hosts[name].kube_override_hostname or name


def roles_of(names: GroupNames) -> dict[str, set[Role]]:
    """Return each host's roles; without a group etcd the control planes are its members."""
    roles: dict[str, set[Role]] = {name: set() for name in names.all}
    for name in names.control_plane:
        roles[name] |= {Role.CONTROL_PLANE} if names.etcd else {Role.CONTROL_PLANE, Role.ETCD}
    for name in names.worker:
        roles[name].add(Role.WORKER)
    for name in names.etcd:
        roles[name].add(Role.ETCD)
    return roles


def known_hosts(names: GroupNames, settings: Settings, resolved: Mapping[str, Resolved]) -> tuple[Host, ...]:
    """Return the hosts of which an address is known."""
    roles = roles_of(names)
    return tuple(_host(name, roles[name], settings, found) for name, found in resolved.items() if found.main_ips)


def _host(name: str, roles: set[Role], settings: Settings, found: Resolved) -> Host:
    node = node_name(name, settings)
    # What a host binds is something that others can use, so that a pair with the first has the second.
    (main_ip, main_access_ip), *others = [(own, other) for own, other in found.pairs if own and other]
    second_ip, second_access_ip = others[0] if others else (None, None)
    return Host(
        name=name,
        node_name=node,
        main_ip=main_ip,
        main_access_ip=main_access_ip,
        ansible_host=settings.hosts[name].ansible_host or name,
        roles=frozenset(roles),
        # kubeadm names the member of a stacked etcd after its Node.
        etcd_member_name=node if Role.ETCD in roles else None,
        second_ip=second_ip,
        second_access_ip=second_access_ip,
    )


def _count_members(names: GroupNames, existing: bool, errors: list[BadInputError], notices: list[Notice]) -> None:
    """An even number of members tolerates no more failures than one less, and loses quorum more easily (etcd FAQ)."""
    members = len(names.control_plane)
    if members == 0 or members % 2 == 1:
        return
    tolerated = (members - 1) // 2
    if existing:
        notices.append(
            Notice(
                "etcd",
                f"{members} members tolerate {tolerated} failures, as {members - 1} would; an odd number is better",
            )
        )
        return
    cause = f"{members} members ({', '.join(names.control_plane)}), and a new cluster needs an odd number"
    errors.append(BadInputError("etcd", cause, f"Use {members - 1} or {members + 1} control planes"))
