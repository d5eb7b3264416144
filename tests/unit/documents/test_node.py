"""What holds for the node document of every host of every golden cluster."""

from __future__ import annotations

import tomllib

import pytest

from kubewright.documents import NodeDocument, node_document
from kubewright.documents.model import Resource
from tests.golden.clusters import (
    Case,
    artifacts,
    cases,
    custom,
    external_load_balancer,
    lab,
    local_load_balancer,
    node,
    release,
)

ALL = [(case, host.name) for case in cases() for host in case.topology.hosts]


def content(document: NodeDocument, path: str) -> str:
    return str(resource(document, f"file:{path}")["content"])


def resource(document: NodeDocument, identifier: str) -> Resource:
    return next(found for found in document.resources if found["id"] == identifier)


def ids(document: NodeDocument) -> list[str]:
    return [found["id"] for found in document.resources]


@pytest.mark.parametrize(("case", "name"), ALL, ids=lambda value: getattr(value, "name", value))
class TestEveryNode:
    def test_has_each_id_once(self, case: Case, name: str) -> None:
        found = ids(node(case, name))
        assert len(found) == len(set(found))

    def test_has_files_only_in_directories_that_are_there(self, case: Case, name: str) -> None:
        """A directory is the system's, or a resource before the file."""
        made = {"/etc/systemd/system"}
        for found in node(case, name).resources:
            if found["type"] == "directory":
                made.add(found["path"])
            elif found["type"] == "file":
                assert found["path"].rsplit("/", 1)[0] in made

    def test_starts_no_unit_before_its_file(self, case: Case, name: str) -> None:
        order = ids(node(case, name))
        for unit in ("containerd.service", "kubelet.service"):
            assert order.index(f"file:/etc/systemd/system/{unit}") < order.index(f"unit:{unit}")

    def test_imports_images_into_a_running_engine(self, case: Case, name: str) -> None:
        order = ids(node(case, name))
        started = order.index("unit:containerd.service")
        assert all(order.index(identifier) > started for identifier in order if identifier.startswith("image:"))

    def test_fans_out_only_what_depends_on_other_hosts(self, case: Case, name: str) -> None:
        document = node(case, name)
        assert document.fan_out <= {
            "hosts_block:/etc/hosts",
            "file:/etc/kubernetes/haproxy/haproxy.cfg",
            "file:/etc/kubernetes/manifests/haproxy.yaml",
        }
        assert {found["id"] for found in document.fan_out_only().resources} == document.fan_out

    def test_fans_out_the_same_as_every_host_of_its_kind(self, case: Case, name: str) -> None:
        """So it is made once for all of them."""
        kind = case.topology[name].is_control_plane
        alike = [host.name for host in case.topology.hosts if host.is_control_plane is kind]
        assert {name: node(case, name).fan_out_only().resources for name in alike} == dict.fromkeys(
            alike, node(case, name).fan_out_only().resources
        )


class TestRoles:
    def test_a_control_plane_keeps_its_manifests_to_kubeadm(self) -> None:
        assert not [identifier for identifier in ids(node(lab(), "cp1")) if "/manifests/" in identifier]

    def test_a_control_plane_has_no_load_balancer(self) -> None:
        assert not [identifier for identifier in ids(node(local_load_balancer(), "cp3")) if "haproxy" in identifier]

    def test_a_worker_gets_no_image_of_the_control_plane(self) -> None:
        images = [identifier for identifier in ids(node(lab(), "worker1")) if identifier.startswith("image:")]
        assert not [identifier for identifier in images if "apiserver" in identifier or "etcd" in identifier]

    def test_no_local_load_balancer_beside_an_external_one(self) -> None:
        document = node(external_load_balancer(), "worker1")
        assert not [identifier for identifier in ids(document) if "haproxy" in identifier]
        kubeconfig = resource(document, "kubeconfig_server:/etc/kubernetes/kubelet.conf")
        assert kubeconfig["server"] == "https://api.example.net:8383"


class TestLoadBalancer:
    def test_balances_over_the_addresses_that_others_use(self) -> None:
        config = content(node(local_load_balancer(), "worker2"), "/etc/kubernetes/haproxy/haproxy.cfg")
        servers = [line.split()[1:] for line in config.splitlines() if line.startswith("  server ")]
        assert servers == [["cp1", "192.0.2.1:8443"], ["cp2", "10.7.0.2:8443"], ["cp3", "10.7.0.3:8443"]]

    def test_a_changed_list_of_control_planes_changes_the_pod(self) -> None:
        """Else the kubelet would not restart it."""
        path = "/etc/kubernetes/manifests/haproxy.yaml"
        assert content(node(lab(), "worker1"), path) != content(node(local_load_balancer(), "worker1"), path)


class TestEngine:
    @pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
    def test_configuration_is_toml(self, case: Case) -> None:
        config = tomllib.loads(content(node(case, "worker1"), "/etc/containerd/config.toml"))
        runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
        assert runtime["containerd"]["runtimes"]["runc"]["options"]["BinaryName"] == "runc"

    def test_runs_the_runc_that_is_an_artifact(self) -> None:
        case = custom()
        document = node_document(
            case.topology["cp1"],
            topology=case.topology,
            settings=case.settings,
            release=release(),
            artifacts=artifacts(runc=True),
        )
        assert "BinaryName = '/opt/kubernetes/bin/runc'" in content(document, "/etc/containerd/config.toml")
        assert "runc" not in resource(document, "packages:system")["names"]


class TestArchives:
    def test_members_of_one_directory_are_installed_without_it(self) -> None:
        document = node(lab(), "cp1")
        assert resource(document, "archive:containerd")["strip"] == 1
        assert resource(document, "archive:cni-plugins")["strip"] == 0


def test_artifacts_of_another_release_are_a_mistake() -> None:
    case = lab()
    with pytest.raises(ValueError, match=r"1\.36\.3"):
        node_document(
            case.topology["cp1"],
            topology=case.topology,
            settings=case.settings,
            release=type(release())("1.36.3", {}, ()),
            artifacts=artifacts(),
        )
