"""Inventories through ansible-core's own classes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kubewright.errors import BadInputError, BadInputErrors
from kubewright.inventory import Inventory, load

HOSTS = """\
[kube_control_plane]
cp1 ip=10.0.0.1 etcd_member_name=etcd1

[kube_node]
w[1:2]

[etcd:children]
kube_control_plane

[bastion]
jump ansible_host=192.0.2.1 kube_version="{{ nonsense }}"
"""


def write(folder: Path, **files: str) -> str:
    """Write files, named with __ for / and without suffix for YAML, and return the path of hosts.ini."""
    for name, text in {"hosts.ini": HOSTS, **files}.items():
        path = folder / (name if "." in name else f"{name.replace('__', '/')}.yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder / "hosts.ini")


def values(inventory: Inventory, name: str) -> list[Any]:
    return [host.variables.get(name) for host in inventory.hosts]


class TestHosts:
    def test_cluster_hosts_in_the_order_of_the_inventory(self, tmp_path: Path) -> None:
        inventory = load([write(tmp_path)])
        assert [host.name for host in inventory.hosts] == ["cp1", "w1", "w2"]
        assert inventory.groups["k8s_cluster"] == ("cp1", "w1", "w2")
        assert inventory.groups["etcd"] == ("cp1",)
        assert (inventory.limit, inventory.directory) == (None, tmp_path)
        assert "kube_control_plane" in inventory["cp1"].groups

    def test_a_folder_of_sources(self, tmp_path: Path) -> None:
        write(tmp_path)
        (tmp_path / "more.yml").write_text("kube_node: {hosts: {w3: {ip: 10.0.0.3}}}\n")
        inventory = load([str(tmp_path)])
        assert inventory.groups["kube_node"] == ("w1", "w2", "w3")
        assert inventory["w3"].variables["ip"] == "10.0.0.3"
        assert inventory.directory == tmp_path

    def test_a_list_of_hosts_has_no_folder(self) -> None:
        inventory = load(["a,b,"])
        assert (inventory.hosts, inventory.directory) == ((), None)

    def test_an_executable_inventory(self, tmp_path: Path) -> None:
        script = tmp_path / "inventory.sh"
        script.write_text("#!/bin/sh\n" + """echo '{"kube_node": {"hosts": ["w1"]}, "_meta": {"hostvars": {}}}'\n""")
        script.chmod(0o755)
        assert load([str(script)]).groups["kube_node"] == ("w1",)

    def test_limit_marks_hosts_and_removes_none(self, tmp_path: Path) -> None:
        inventory = load([write(tmp_path)], limit="kube_node:!w1")
        assert inventory.limit == frozenset({"w2"})
        assert len(inventory.hosts) == 3


class TestVariables:
    def test_values_are_templated_per_host_and_plain(self, tmp_path: Path) -> None:
        files = {
            "group_vars__all": "first: cp1\nnode_labels: {name: '{{ inventory_hostname }}'}\n"
            "kubelet_max_pods: '{{ 25 * 2 }}'\n"
            "supplementary_addresses_in_ssl_keys: ['{{ hostvars[first].ip }}']\n"
        }
        inventory = load([write(tmp_path, **files)])
        host = inventory["w1"]
        assert host.variables["node_labels"] == {"name": "w1"}
        assert host.variables["supplementary_addresses_in_ssl_keys"] == ["10.0.0.1"]
        assert host.variables["kubelet_max_pods"] == 50
        kinds = {type(value) for value in (*host.variables.values(), *host.variables["node_labels"].values())}
        assert kinds <= {str, int, dict, list}

    def test_precedence_is_ansibles(self, tmp_path: Path) -> None:
        files = {
            "group_vars__all": "cluster_name: all\nkubelet_max_pods: 1\nbin_dir: /all\n",
            "group_vars__k8s_cluster": "cluster_name: cluster\nkubelet_max_pods: 2\n",
            "group_vars__kube_node": "cluster_name: node\n",
            "host_vars__w2": "cluster_name: host\n",
        }
        inventory = load([write(tmp_path, **files)])
        assert values(inventory, "cluster_name") == ["cluster", "node", "host"]
        assert values(inventory, "kubelet_max_pods") == [2, 2, 2]
        assert values(load([write(tmp_path)], extra_vars=["cluster_name=extra"]), "cluster_name") == ["extra"] * 3

    def test_extra_variables_of_one_load_are_not_the_nexts(self, tmp_path: Path) -> None:
        path = write(tmp_path)
        load([path], extra_vars=['{"cluster_name": "extra"}'])
        assert values(load([path]), "cluster_name") == [None] * 3

    def test_group_vars_of_todays_groups_apply_to_old_ones(self, tmp_path: Path) -> None:
        old = HOSTS.replace("kube_control_plane", "kube-master").replace("kube_node", "kube-node")
        files = {"group_vars__k8s_cluster": "bin_dir: /c\n", "group_vars__kube_node": "cluster_name: n\n"}
        inventory = load([write(tmp_path, **{"hosts.ini": old}, **files)])
        assert values(inventory, "bin_dir") == ["/c"] * 3
        assert values(inventory, "cluster_name") == [None, "n", "n"]
        assert inventory.warnings == ()

    def test_vars_in_the_working_directory_are_not_the_inventorys(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(tmp_path / "inventory")
        write(tmp_path / "elsewhere", group_vars__all="bin_dir: /wrong\n")
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert values(load([path]), "bin_dir") == [None] * 3
        monkeypatch.chdir(tmp_path / "inventory")
        assert values(load(["hosts.ini"]), "bin_dir") == [None] * 3

    def test_relative_sources(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, group_vars__all="bin_dir: /right\n")
        monkeypatch.chdir(tmp_path)
        inventory = load(["hosts.ini"])
        assert values(inventory, "bin_dir") == ["/right"] * 3
        assert inventory["cp1"].origin("bin_dir") == "group_vars/all.yml:1"

    def test_undefined_variables_that_are_not_needed_break_nothing(self, tmp_path: Path) -> None:
        text = "backup_target: '{{ backup_host }}'\nkubelet_max_podz: '{{ nothing }}'\n"
        host = load([write(tmp_path, group_vars__all=text)])["cp1"]
        assert {"backup_target", "kubelet_max_podz"} <= host.variable_names
        assert "backup_target" not in host.variables
        assert "inventory_hostname" not in host.variable_names

    def test_kubesprays_expression_for_the_dns_address_is_the_default(self, tmp_path: Path) -> None:
        subnet = "kube_service_subnets.split(',') | first | ansible.utils.ipaddr('net')"
        text = f'skydns_server: "{{{{ {subnet} | ansible.utils.ipaddr(3) }}}}"\n'
        assert values(load([write(tmp_path, group_vars__all=text)]), "skydns_server") == [None] * 3

    def test_vault(self, tmp_path: Path) -> None:
        password = tmp_path / "password"
        password.write_text("secret\n")
        path = write(tmp_path, group_vars__all="cluster_name: vaulted\n")
        vault = [
            str(Path(sys.executable).with_name("ansible-vault")),
            "encrypt",
            "--vault-password-file",
            str(password),
        ]
        subprocess.run([*vault, str(tmp_path / "group_vars" / "all.yml")], check=True, capture_output=True)
        assert values(load([path], vault_password_files=[str(password)]), "cluster_name") == ["vaulted"] * 3
        with pytest.raises(BadInputError, match=r"(?i)vault"):
            load([path])


class TestOrigins:
    def test_files_and_lines(self, tmp_path: Path) -> None:
        files = {
            "group_vars__all": "kubelet_fail_swap_on: true\nkubernetes_audit: false\nbin_dir: /x\n",
            "group_vars__kube_node": "# a comment\nkubelet_fail_swap_on: false\nnode_taints: ['a=b:NoSchedule']\n",
            "host_vars__w2": "\n\nkubelet_fail_swap_on: true\n",
        }
        inventory = load([write(tmp_path, **files)])

        def origin(host: str, name: str) -> str:
            return inventory[host].origin(name).removeprefix(f"{tmp_path}/")

        assert origin("cp1", "ip") == "hosts.ini:2"
        assert origin("w1", "bin_dir") == "group_vars/all.yml:3"
        assert origin("w1", "node_taints") == "group_vars/kube_node.yml:3"
        assert origin("w1", "kubernetes_audit") == "group_vars/all.yml:2"
        assert origin("w1", "nothing") == ""

    def test_of_booleans_which_ansible_does_not_tag(self, tmp_path: Path) -> None:
        files = {
            "group_vars__all": "kubelet_fail_swap_on: true\n",
            "group_vars__kube_node": "# a comment\nkubelet_fail_swap_on: false\n",
            "host_vars__w2": "\n\nkubelet_fail_swap_on: true\n",
        }
        inventory = load([write(tmp_path, **files)])
        origins = [host.origin("kubelet_fail_swap_on").removeprefix(f"{tmp_path}/") for host in inventory.hosts]
        assert origins == ["group_vars/all.yml:1", "group_vars/kube_node.yml:2", "host_vars/w2.yml:3"]
        extra = load([str(tmp_path / "hosts.ini")], extra_vars=["{kubelet_fail_swap_on: false}"])
        assert str(tmp_path) not in extra["w2"].origin("kubelet_fail_swap_on")


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                "kube_version: '{{ nothing }}'\n",
                "kube_version cannot be evaluated: .*'nothing' is undefined",
            ),
            ("kube_version: '{{ 1 + }}'\n", "kube_version cannot be evaluated"),
            ("kube_version: '{{ cluster_name }}'\ncluster_name: '{{ kube_version }}'\n", "cannot be evaluated"),
            ("kube_version: \"{{ '1' | no_such_filter }}\"\n", "no_such_filter"),
        ],
    )
    def test_what_is_needed_and_cannot_be_templated(self, tmp_path: Path, text: str, expected: str) -> None:
        with pytest.raises(BadInputErrors, match=expected) as caught:
            load([write(tmp_path, group_vars__all=text)])
        assert f"{tmp_path}/group_vars/all.yml:1" in [error.subject for error in caught.value.errors]

    @pytest.mark.parametrize(
        ("name", "text", "expected"),
        [
            ("hosts.ini", "[kube_node]\nw1 ip\n", r"hosts.ini: not an inventory: .*Expected key=value"),
            ("hosts.yml", "all:\n  hosts:\n    - x: [\n", r"hosts.yml:4: not an inventory: .*YAML"),
            ("hosts.yml", "- a\n- b\n", r"hosts.yml: not an inventory"),
            ("hosts.ini", "[a:children]\nb\n[b:children]\na\n", "."),
        ],
    )
    def test_a_source_that_cannot_be_read(self, tmp_path: Path, name: str, text: str, expected: str) -> None:
        (tmp_path / name).write_text(text)
        with pytest.raises(BadInputError, match=expected):
            load([str(tmp_path / name)])
        with pytest.raises(BadInputError, match=expected):
            load([str(tmp_path)])

    def test_variable_files(self, tmp_path: Path) -> None:
        with pytest.raises(BadInputError, match=r"all.yml:3"):
            load([write(tmp_path, group_vars__all="a: b\nc: [\n")])

    def test_files_deeper_in_a_folder_are_no_sources(self, tmp_path: Path) -> None:
        write(tmp_path)
        (tmp_path / "artifacts").mkdir()
        (tmp_path / "artifacts" / "admin.conf").write_text("apiVersion: v1\nclusters: [\n")
        assert len(load([str(tmp_path)]).hosts) == 3

    @pytest.mark.parametrize("limit", ["w9", "kube_node:w9", "kube_node:!kube_node"])
    def test_a_limit_that_matches_nothing(self, tmp_path: Path, limit: str) -> None:
        with pytest.raises(BadInputError, match=r"--limit: no host of the inventory matches"):
            load([write(tmp_path)], limit=limit)

    def test_no_source(self, tmp_path: Path) -> None:
        with pytest.raises(BadInputError, match="none is given"):
            load([])
        with pytest.raises(BadInputError, match="no such file"):
            load([str(tmp_path / "absent")])

    def test_extra_variables(self, tmp_path: Path) -> None:
        with pytest.raises(BadInputError, match=r"(?i)extra"):
            load([write(tmp_path)], extra_vars=["[1, 2]"])


def test_importing_is_cheap() -> None:
    """ansible-core is imported by a load only: the command line's help must not wait for it."""
    code = "import sys, kubewright.inventory; sys.exit('ansible' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
