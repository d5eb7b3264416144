"""Measure ``kubewright validate`` and the topology on large inventories, beside what Ansible takes to list the same.

``python -m bench.validate`` prints a table and leaves nothing behind. It fails if a figure is above its bound.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SIZES = (500, 1000, 2500, 5000)
VALIDATE_SECONDS, TOPOLOGY_SECONDS, MEGABYTES = 15.0, 2.0, 500
"""Bounds at the largest size: the command; the pure function over loaded hosts, and what it adds to memory."""
LINEAR = 1.5
"""How much more a host of the largest inventory may cost than one of the smallest."""

_GROUP_VARS = """\
kube_version: 1.37.2
kube_network_plugin: flannel
etcd_deployment_type: kubeadm
kube_proxy_mode: iptables
kube_pods_subnet: 10.128.0.0/10
kube_service_addresses: 10.20.0.0/18
cluster_name: bench.example
dns_domain: "{{ cluster_name }}"
bin_dir: /usr/local/bin
kube_config_dir: /etc/kubernetes
kube_cert_dir: "{{ kube_config_dir }}/ssl"
credentials_dir: "{{ inventory_dir }}/credentials"
helm_enabled: false
metallb_enabled: false
metallb_speaker_enabled: "{{ metallb_enabled }}"
upstream_dns_servers: [192.0.2.53, 192.0.2.54]
supplementary_addresses_in_ssl_keys: [api.bench.example, 192.0.2.9]
kubelet_config_extra_args: {maxPods: 110, serializeImagePulls: false}
site: north
site_domain: "{{ site }}.example"
"""


@dataclass(frozen=True)
class Figures:
    """What one size took: seconds by the clock and of the processor, and megabytes of memory at most."""

    hosts: int
    command: float
    command_processor: float
    command_memory: float
    topology: float
    topology_memory: float
    listing: float
    listing_processor: float


def main() -> int:
    """Return 1 if a bound is broken."""
    with tempfile.TemporaryDirectory() as folder:
        figures = [measured(size, Path(folder) / str(size)) for size in SIZES]
    print(f"{'hosts':>6} {'validate (processor)':>21} {'memory':>8} {'topology':>9} {'added':>8}", end="")
    print(f" {'ansible-inventory --list (processor)':>37}")
    for each in figures:
        print(
            f"{each.hosts:>6} {each.command:>10.1f} s ({each.command_processor:>4.1f} s) {each.command_memory:>6.0f} MB"
            f" {each.topology:>7.2f} s {each.topology_memory:>5.0f} MB"
            f" {each.listing:>26.1f} s ({each.listing_processor:>4.1f} s)"
        )
    broken = list(_broken(figures))
    print("\n".join(broken) or "All within their bounds.")
    return int(bool(broken))


def measured(hosts: int, folder: Path) -> Figures:
    """Make an inventory of this size and measure it, each part in a process of its own."""
    _write(hosts, folder)
    inventory = str(folder / "hosts.ini")
    scripts = Path(sys.executable).parent
    command, command_processor, memory = _run([str(scripts / "kubewright"), "validate", "-i", inventory])
    listing, listing_processor, _ = _run([str(scripts / "ansible-inventory"), "-i", inventory, "--list"])
    told = json.loads(_output([sys.executable, "-m", "bench.validate", "--topology", inventory]))
    return Figures(
        hosts,
        *(command, command_processor, memory),
        *(told["seconds"], told["megabytes"]),
        *(listing, listing_processor),
    )


def measure_topology(inventory: str) -> None:
    """Print what the pure function takes over loaded hosts, in this process."""
    from kubewright.inventory import load  # noqa: PLC0415  the others need none of these
    from kubewright.inventory.known import group_names  # noqa: PLC0415
    from kubewright.settings import parse  # noqa: PLC0415
    from kubewright.topology import build  # noqa: PLC0415

    loaded = load([inventory])
    settings, names = parse(loaded.by_name), group_names(loaded)
    before, started = _megabytes(resource.RUSAGE_SELF), time.perf_counter()
    topology = build(names, settings, {})
    seconds = time.perf_counter() - started
    added = _megabytes(resource.RUSAGE_SELF) - before
    assert len(topology.hosts) == len(names.all)
    print(json.dumps({"seconds": seconds, "megabytes": added}))


def _broken(figures: Sequence[Figures]) -> list[str]:
    small, large = figures[0], figures[-1]
    growth = (large.command_processor / large.hosts) / (small.command_processor / small.hosts)
    bounds = (
        ("validate, seconds", large.command, VALIDATE_SECONDS),
        ("topology, seconds", large.topology, TOPOLOGY_SECONDS),
        ("topology, megabytes", large.topology_memory, MEGABYTES),
        (f"validate, cost of a host at {large.hosts} over one at {small.hosts}", growth, LINEAR),
    )
    return [f"Above its bound: {what}: {value:.2f} > {bound}" for what, value, bound in bounds if value > bound]


def _write(hosts: int, folder: Path) -> None:
    names = [f"node{number:05}" for number in range(hosts)]
    lines = ["[all]"]
    for number, name in enumerate(names):
        low = f"{number // 250}.{number % 250 + 1}"
        lines.append(f"{name} ansible_host=10.1.{low} ip=10.1.{low} access_ip=10.2.{low} rack=r{number // 40}")
    lines += ["[kube_control_plane]", *names[:3], "[etcd]", *names[:3], "[kube_node]", *names[3:]]
    for group in ("all", "k8s_cluster", "kube_node"):
        (folder / "group_vars" / group).mkdir(parents=True)
    (folder / "hosts.ini").write_text("\n".join(lines) + "\n")
    (folder / "group_vars" / "k8s_cluster" / "cluster.yml").write_text(_GROUP_VARS)
    (folder / "group_vars" / "all" / "all.yml").write_text(
        "http_proxy: ''\nntp_enabled: false\nrack_name: '{{ rack }}'\n"
    )
    (folder / "group_vars" / "kube_node" / "node.yml").write_text("node_labels: {role: worker}\nkube_log_level: 2\n")


def _run(command: Sequence[str]) -> tuple[float, float, float]:
    """Return the seconds that a command takes, those of the processor, and the megabytes that it has at most."""
    code = (
        "import resource,subprocess,sys,time;s=time.perf_counter();"
        "subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,check=True);"
        "u=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(time.perf_counter()-s,u.ru_utime+u.ru_stime,u.ru_maxrss/1024)"
    )
    seconds, processor, megabytes = map(float, _output([sys.executable, "-c", code, *command]).split())
    return seconds, processor, megabytes


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _megabytes(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--topology"]:
        measure_topology(sys.argv[2])
    else:
        sys.exit(main())
