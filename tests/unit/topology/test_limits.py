"""From the files to the values: no limit, order of hosts or further play changes what is said of a host."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kubewright.inventory import Inventory, load
from kubewright.inventory.known import group_names, known_of
from kubewright.inventory.remembered import Remembered
from kubewright.topology import Survey, read_settings, survey

_CLUSTER = "[all:vars]\nkube_network_plugin=flannel\nkube_proxy_mode=iptables\netcd_deployment_type=kubeadm\n"


@st.composite
def inventories(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return an inventory's text and its hosts."""
    planes = [f"cp{number}" for number in range(draw(st.sampled_from([1, 3])))]
    workers = [f"w{number}" for number in range(draw(st.integers(1, 5)))]
    spelled = draw(st.booleans())
    lines = [f"[{'kube-master' if spelled else 'kube_control_plane'}]"]
    for number, host in enumerate([*planes, *workers], 1):
        if host == workers[0]:
            lines += ["", f"[{'kube-node' if spelled else 'kube_node'}]"]
        ip = f" ip=10.0.0.{number}" if draw(st.booleans()) else ""
        access = f" access_ip=192.0.2.{number}" if draw(st.booleans()) else ""
        lines.append(f"{host}{ip}{access}")
    return "\n".join([*lines, "", _CLUSTER]), [*planes, *workers]


def told(inventory: Inventory, memory: dict[str, str]) -> Survey:
    names = group_names(inventory)
    found, stack = read_settings(inventory.by_name)
    return survey(names, found, known_of(names.all, Remembered(memory)), stack)


@settings(max_examples=25)
@given(inventories(), st.data())
def test_a_limit_changes_nothing(made: tuple[str, list[str]], data: st.DataObject) -> None:
    text, hosts = made
    limit = ",".join(data.draw(st.lists(st.sampled_from(hosts), min_size=1)))
    cached = data.draw(st.frozensets(st.sampled_from(hosts)))
    memory = {host: f"10.0.0.{number}" for number, host in enumerate(hosts, 1) if host in cached}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "hosts.ini"
        source.write_text(text)
        assert told(load([str(source)], limit=limit), memory) == told(load([str(source)]), memory)
