"""Labs and nodes brought up: made in parallel, started, and waited for until each lets one log in."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from kubewright.inventory.writing import ADDRESSES, ADDRESSES_FILE
from kubewright.lab import _host, _inventory, _nodes, _ssh
from kubewright.lab._image import ensure_image
from kubewright.lab._leftovers import Container, settle
from kubewright.lab._network import create_network
from kubewright.lab._place import Place, write
from kubewright.lab.model import LabNode, LabRecord, LabShape, Progress, count

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_LOGIN_SECONDS = 30.0
_PARALLEL = 8


def boot_lab(place: Place, shape: LabShape, progress: Progress) -> None:
    """Make a lab from nothing; what it leaves when it fails is marked as incomplete."""
    _host.require_disk(shape.control_planes + shape.workers)
    record = _new_record(place, shape, ensure_image(place.root, progress))
    _ssh.generate_key(place.key, f"lab {place.name}")
    _boot(place, record, record.nodes, progress)
    _write_inventory(place, record)
    place.save(dataclasses.replace(record, complete=True))


def boot_more(place: Place, record: LabRecord, *, control_planes: int, workers: int, progress: Progress) -> LabRecord:
    """Boot more nodes, add them to the inventory, and return the lab's new record."""
    added = record.planned(control_planes=control_planes, workers=workers)
    grown = dataclasses.replace(record, nodes=(*record.nodes, *added))
    grown.shape.check()
    _host.require_disk(len(added))
    hosts = _inventory.add_hosts(place.hosts.read_text(), added, addresses=record.addresses)
    _boot(place, grown, added, progress)
    write(place.hosts, hosts)
    place.save(grown)
    return grown


def start_again(place: Place, record: LabRecord, stopped: dict[LabNode, Container], progress: Progress) -> None:
    """Start nodes that were stopped, or killed from outside, with their addresses and data."""
    _host.raise_inotify_limit(progress)

    def start(node: LabNode) -> None:
        if stopped[node].killed:
            progress(f"{node.name} was killed from outside")
            settle(stopped[node])
        _start(place, record, node, progress)

    _each(start, stopped)


def _new_record(place: Place, shape: LabShape, image: str) -> LabRecord:
    """Make the lab's networks and return its record, saved as incomplete."""
    empty = LabRecord(
        name=place.name,
        identity=place.identity,
        image=image,
        networks=tuple(
            create_network(place.identity, internal=number > 0) for number in range(2 if shape.second_network else 1)
        ),
        kubernetes=shape.kubernetes,
        addresses=shape.addresses,
        complete=False,
        nodes=(),
    )
    *others, last = empty.planned(control_planes=shape.control_planes, workers=shape.workers)
    record = dataclasses.replace(empty, nodes=(*others, dataclasses.replace(last, sudo_password=True)))
    place.save(record)
    return record


def _boot(place: Place, record: LabRecord, nodes: tuple[LabNode, ...], progress: Progress) -> None:
    _host.raise_inotify_limit(progress)
    progress(f"booting {count(len(nodes), 'node')}: {', '.join(node.name for node in nodes)}")
    keys = _each(lambda node: _nodes.create_node(record, node, _login(place, node)), nodes)
    _add_known_hosts(place, dict(zip(nodes, keys, strict=True)))
    _each(lambda node: _start(place, record, node, progress), nodes)


def _add_known_hosts(place: Place, keys: dict[LabNode, str]) -> None:
    """Name nodes and their keys in known_hosts; a node that was made again replaces its line."""
    new = {f"{node.address} ": key for node, key in keys.items()}
    old = place.known_hosts.read_text().splitlines() if place.known_hosts.exists() else []
    kept = [line for line in old if not line.startswith(tuple(new))]
    write(place.known_hosts, "".join(f"{line}\n" for line in (*kept, *(address + key for address, key in new.items()))))


def _login(place: Place, node: LabNode) -> _nodes.Login:
    public = place.key.with_suffix(".pub").read_text().strip()
    if not node.sudo_password:
        return _nodes.Login(public)
    password = secrets.token_urlsafe(12)
    write(place.inventory / "host_vars" / f"{node.name}.yml", _inventory.host_vars(password))
    return _nodes.Login(public, password)


def _start(place: Place, record: LabRecord, node: LabNode, progress: Progress) -> None:
    _nodes.start_node(record.container(node))
    _ssh.wait_for_login(node, place.key, place.known_hosts, time.monotonic() + _LOGIN_SECONDS)
    progress(f"{node.name} is up at {node.address}")


def _write_inventory(place: Place, record: LabRecord) -> None:
    hosts = _inventory.add_hosts("", record.nodes, addresses=record.addresses)
    write(place.hosts, _inventory.fill_empty_workers(hosts, record.nodes))
    variables = _inventory.group_vars(record, place.key, place.known_hosts, _host.cgroup_mode())
    write(place.inventory / "group_vars" / "all.yml", variables)
    write(place.inventory / ADDRESSES_FILE, ADDRESSES)


def _each(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Do the work for all items in parallel; the first error is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=_PARALLEL) as pool:
        return list(pool.map(work, items))
