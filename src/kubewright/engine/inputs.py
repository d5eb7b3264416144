"""What a run was asked to do and what the inventory says, as JSON files that all its actions share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kubewright import catalog
from kubewright.engine.lazy import MadeOnDemand, ReadOnDemand
from kubewright.engine.record import Run
from kubewright.engine.request import DRAIN_SECONDS, Request
from kubewright.errors import BadInputError, RefusedError
from kubewright.inventory import Inventory
from kubewright.inventory.known import group_names
from kubewright.inventory.remembered import state_directory as folder_of_state
from kubewright.plan.rules.refusals import check_names
from kubewright.plan.rules.registry import RULES
from kubewright.settings import ClusterSettings, HostSettings, Settings, parse
from kubewright.topology import GroupNames, check_given
from kubewright.topology.names import own_names

INPUTS = "inputs"
"""The file of the run's folder with what the inventory says."""


@dataclass(frozen=True)
class LeavingHost:
    """A host of the inventory that leaves the cluster: its name, its Node's, and ``ip`` if the inventory has it.

    ``certificate_names`` are a control plane's own names that the inventory gives to certificates.
    """

    name: str
    node_name: str
    ip: str = ""
    certificate_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """The request, the parsed settings and the groups.

    ``names`` are without the hosts that leave the cluster; ``leaving`` are those of them that the inventory has.
    ``missing_groups`` are, by host, those of today's names that Ansible's own inventory does not have it in.
    """

    request: Request
    settings: Settings
    names: GroupNames
    inventory_directory: str
    state_directory: str
    notices: tuple[str, ...] = ()
    artifacts_name: str = "artifacts"
    sources: tuple[str, ...] = ()
    leaving: tuple[LeavingHost, ...] = ()
    missing_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def additions(self, hosts: Iterable[str], *groups: str) -> list[dict[str, Any]]:
        """What the playbook has to add to Ansible's inventory before it reaches hosts; see :func:`additions`."""
        return additions(self.missing_groups, hosts, *groups)

    @property
    def scope(self) -> tuple[str, ...]:
        """Hosts that the run may bring up to date, in the inventory's order."""
        return tuple(name for name in self.names.all if self.request.limit is None or name in self.request.limit)

    @property
    def kubeconfig(self) -> Path:
        """Where the administrator's kubeconfig is put on the controller."""
        folder = self.settings.cluster.artifacts_dir
        return (Path(folder) if folder else Path(self.inventory_directory) / self.artifacts_name) / "admin.conf"

    def save(self, run: Run) -> None:
        """Write to the run's folder: ``request``, ``origins``, and last ``inputs`` (:data:`INPUTS`)."""
        self.request.save(run)
        run.write("origins", dict(self.settings.origins))
        hosts = self.settings.hosts.items()
        run.write(
            INPUTS,
            {
                "cluster": self.settings.cluster.model_dump(mode="json"),
                "hosts": {name: host.model_dump(mode="json", exclude_defaults=True) for name, host in hosts},
                "names": {
                    "control_plane": self.names.control_plane,
                    "worker": self.names.worker,
                    "etcd": self.names.etcd,
                },
                "inventory_directory": self.inventory_directory,
                "state_directory": self.state_directory,
                "notices": self.notices,
                "artifacts_name": self.artifacts_name,
                "sources": self.sources,
                "leaving": [vars(host) for host in self.leaving],
                "missing_groups": dict(self.missing_groups),
            },
        )

    @classmethod
    def load(cls, run: Run) -> Inputs:
        """Read from the run's folder; what is about single hosts is made as far as it is looked at."""
        raw = run.read(INPUTS)
        return cls(
            request=Request.load(run),
            settings=Settings(
                cluster=ClusterSettings.model_validate(raw["cluster"]),
                hosts=MadeOnDemand(raw["hosts"], HostSettings.from_valid),
                origins=ReadOnDemand(lambda: run.read("origins")),
            ),
            names=GroupNames(**{group: tuple(hosts) for group, hosts in raw["names"].items()}),
            inventory_directory=raw["inventory_directory"],
            state_directory=raw["state_directory"],
            notices=tuple(raw["notices"]),
            artifacts_name=raw["artifacts_name"],
            sources=tuple(raw["sources"]),
            leaving=tuple(
                LeavingHost(**{**host, "certificate_names": tuple(host["certificate_names"])})
                for host in raw["leaving"]
            ),
            missing_groups={host: tuple(groups) for host, groups in raw["missing_groups"].items()},
        )


def additions(missing: Mapping[str, Sequence[str]], hosts: Iterable[str], *groups: str) -> list[dict[str, Any]]:
    """What the playbook has to add to Ansible's inventory before it reaches hosts, as its loop wants it.

    Args:
        missing: see :class:`Inputs`.
        hosts: that are to be in the groups of today's names, whatever their spelling is in the inventory: their
            ``group_vars`` may say how a host is reached. Ansible takes a hundredth of a second for each in a large
            inventory, so that only those are added that the run is about to reach.
        groups: further groups for them to be in.

    """
    added = {host: (*groups, *missing.get(host, ())) for host in hosts}
    return [{"host": host, "groups": list(names)} for host, names in added.items() if names]


def leaving_hosts(inputs: Inputs) -> tuple[LeavingHost, ...]:
    """Everything that is to leave; what the inventory lacks goes by its Node's name."""
    known = {name for host in inputs.leaving for name in (host.name, host.node_name)}
    others = (LeavingHost(name, name) for name in dict.fromkeys(inputs.request.removing) if name not in known)
    return (*inputs.leaving, *others)


def read_inputs(
    inventory: Inventory,
    request: Request,
    state_directory: str = "",
    *,
    sources: Sequence[str] = (),
    strict: bool = False,
) -> Inputs:
    """Parse the settings of a loaded inventory.

    Where the inventory's source is a whole directory Ansible would read a kubeconfig in it as an inventory, so the
    artifacts directory is a hidden one there.

    Raises:
        BadInputError: settings, groups, names, given addresses, the version or rules to skip are wrong (what goes
            together in one :class:`~kubewright.errors.BadInputErrors`).

    """
    check_names(request.force, RULES)
    names = group_names(inventory)
    unknown = set(request.limit or ()) - set(names.all)
    if unknown:
        raise BadInputError(
            "--limit",
            f"{', '.join(sorted(unknown))} is not a cluster host of this inventory",
            f"Name some of: {', '.join(names.all)}",
        )
    settings = parse(inventory.by_name, strict=strict)
    check_given(names, settings)
    leaving = _hosts_of(request.removing, names, settings)
    names, settings = _without(names, settings, {host.name for host in leaving})
    catalog.load().release(settings.cluster.kube_version)
    directory = str(inventory.directory or Path.cwd())
    return Inputs(
        request=request,
        settings=settings,
        names=names,
        inventory_directory=directory,
        state_directory=state_directory or default_state_directory(inventory, settings.cluster.cluster_name),
        notices=(*inventory.warnings, *(f"{notice.subject}: {notice.text}" for notice in settings.notices)),
        leaving=leaving,
        artifacts_name=".artifacts" if any(Path(source).is_dir() for source in sources) else "artifacts",
        sources=tuple(sources),
    )


def _hosts_of(removing: Sequence[str], names: GroupNames, settings: Settings) -> tuple[LeavingHost, ...]:
    """The inventory's hosts among what is to be removed, by their own name or their Node's."""
    hosts = (_leaving(name, names, settings) for name in names.all)
    return tuple(host for host in hosts if host.name in removing or host.node_name in removing)


def _leaving(name: str, names: GroupNames, settings: Settings) -> LeavingHost:
    host = settings.hosts[name]
    node_name = host.kube_override_hostname or name
    given = (
        name,
        host.ansible_host,
        *(str(each or "") for each in (host.ip, host.access_ip, host.ip6, host.access_ip6)),
    )
    certified = own_names(node_name, given, settings.cluster) if name in names.control_plane else ()
    return LeavingHost(name, node_name, str(host.ip or ""), certified)


def _without(names: GroupNames, settings: Settings, leaving: Collection[str]) -> tuple[GroupNames, Settings]:
    """Groups and settings without the hosts that leave.

    Raises:
        RefusedError: no control plane would be left to do it.

    """
    staying = GroupNames(
        *(
            tuple(name for name in group if name not in leaving)
            for group in (names.control_plane, names.worker, names.etcd)
        )
    )
    if names.control_plane and not staying.control_plane:
        raise RefusedError(
            f"remove {', '.join(sorted(leaving))}",
            "no control plane of the inventory would be left",
            "Add another control plane first, or take the whole cluster down with kubewright reset",
        )
    hosts = {name: host for name, host in settings.hosts.items() if name not in leaving}
    return staying, replace(settings, hosts=hosts)


def default_state_directory(inventory: Inventory, cluster_name: str) -> str:
    """Beside the inventory where that is a directory, else the user's state folder by cluster name."""
    return str(folder_of_state(inventory.directory, cluster_name))


def number_of_failures(value: object) -> int | None:
    """How many hosts may fail, as given by ``-e kubewright_max_failures=2``; None where it is not given.

    Raises:
        BadInputError: it is no whole number from 0 on.

    """
    return _whole_number("kubewright_max_failures", value, 0, "number of hosts", "any number of hosts may fail")


def seconds_of_a_drain(value: object) -> int:
    """How long a drain may take in seconds, as given by ``-e kubewright_drain_timeout=900``.

    Raises:
        BadInputError: it is no whole number from 1 on.

    """
    otherwise = f"{DRAIN_SECONDS} s are enough"
    seconds = _whole_number("kubewright_drain_timeout", value, 1, "number of seconds", otherwise)
    return DRAIN_SECONDS if seconds is None else seconds


def _whole_number(name: str, value: object, least: int, what: str, otherwise: str) -> int | None:
    """A variable that is a whole number; None where it is not given."""
    text = str(value if value is not None else "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        remedy = f"Give a whole number from {least} on; leave it out where {otherwise}"
        raise BadInputError(name, f"{text!r} is no {what}", remedy)
    return int(text)


def split_names(value: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """A limit as given by ``-e kubewright_limit=a,b`` or as a list."""
    if not value:
        return None
    parts: Sequence[Any] = value.split(",") if isinstance(value, str) else value
    names = tuple(str(part).strip() for part in parts if str(part).strip())
    if not names:
        raise BadInputError("--limit", f"{value!r} names no host", "Name hosts: --limit worker7,worker8")
    return names
