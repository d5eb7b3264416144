"""What modules on a control plane tell and do, against an API of the tests' own."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import (
    checkpods,
    clusterstate,
    joining,
    kubeadm,
    kubeconfig,
    lease,
    nodecheck,
    record,
    servers,
    tokens,
)
from ansible_collections.kubewright.cluster.plugins.module_utils.calls import clean_up, cluster_state
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.etcd import Etcd
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from kubewright.observe import parse_cluster
from kubewright.observe.model import Condition, Lock
from tests.unit.node.api.api import RECORD, SECRETS, Api
from tests.unit.node.api.made import join_cluster_files, kubeconfig_text, write
from tests.unit.node.api.pki import Pki, Request, Server, serve
from tests.unit.node.api.test_kubeadm import Recording

NODE: dict[str, Any] = {
    "metadata": {"name": "cp1", "uid": "u", "labels": {"node-role.kubernetes.io/control-plane": ""}},
    "spec": {
        "podCIDRs": ["10.233.64.0/24"],
        "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}, {"key": "c", "effect": "NoExecute"}],
    },
    "status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": "cp1"}],
        "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}],
        "nodeInfo": {"kubeletVersion": "v1.37.2", "machineID": "m1", "architecture": "amd64"},
    },
}
CONFIGURATION = "certificatesDir: /etc/kubernetes/ssl\nkubernetesVersion: v1.37.2\n"


@pytest.fixture
def api() -> Api:
    configmaps = "/api/v1/namespaces/kube-system/configmaps"
    workload = {"metadata": {"name": "coredns"}, "spec": {"replicas": 2}, "status": {"availableReplicas": 1}}
    return Api(
        objects={
            f"{configmaps}/kubeadm-config": {"data": {"ClusterConfiguration": CONFIGURATION}},
            f"{configmaps}/kubelet-config": {"data": {"kubelet": "kind: KubeletConfiguration"}},
            RECORD: {"data": {"record": '{"format": 1, "objects": ["v1/ConfigMap/a/b", "v1/ConfigMap/a/gone"]}'}},
            "/api/v1/namespaces/a/configmaps/b": {"metadata": {"annotations": {clusterstate.DIGEST: "d1"}}},
            "/api/v1": {"resources": [{"name": "configmaps", "namespaced": True, "kind": "ConfigMap"}]},
        },
        lists={
            "/api/v1/nodes": [NODE],
            "/api/v1/namespaces/kube-system/pods": [],
            "/apis/apps/v1/namespaces/kube-system/daemonsets": [],
            "/apis/apps/v1/namespaces/kube-system/deployments": [workload],
        },
        tokens={"abcdef": tokens.JOIN},
    )


@pytest.fixture
def server(pki: Pki, api: Api) -> Iterator[Server]:
    with serve(pki, api.answer) as running:
        yield running


@pytest.fixture
def control_plane(tmp_path: Path, pki: Pki, server: Server) -> Recording:
    made = Recording(tmp_path)
    write(made, kubeconfig.ADMIN_CONF, kubeconfig_text(pki, server.url))
    write(made, "/etc/kubernetes/ssl/ca.crt", pki.pem("ca.crt"))
    return made


class TestClusterState:
    def test_tells_everything_in_the_types_of_the_controller(self, control_plane: Recording) -> None:
        state = clusterstate.observe(control_plane, timeout=5)
        cluster = parse_cluster("host1", state)
        assert (cluster.via, cluster.version, cluster.ours) == ("host1", "v1.37.2", True)
        assert cluster.nodes[0].internal_ip == "127.0.0.1"
        assert cluster.nodes[0].ready
        assert cluster.nodes[0].control_plane
        assert cluster.nodes[0].taints == ("a=b:NoSchedule", "c:NoExecute")
        assert cluster.object_digests == {"v1/ConfigMap/a/b": "d1"}
        assert cluster.workloads[0].available == 1
        assert "runs no etcd" in cluster.etcd_error
        assert cluster.cluster_configuration == CONFIGURATION
        assert [entry["name"] for entry in cluster.certificates] == ["ca", "admin.conf"]

    def test_tells_what_rules_and_states_are_decided_by(
        self, control_plane: Recording, api: Api, server: Server
    ) -> None:
        configmaps = "/api/v1/namespaces/kube-system/configmaps"
        api.objects[f"{configmaps}/kube-proxy"] = {"data": {"config.conf": "mode: nftables"}}
        api.objects[lease.LEASE] = {
            "metadata": {"annotations": {"kubewright.io/command": "scale"}},
            "spec": {"holderIdentity": "ada@desk", "leaseDurationSeconds": 60},
        }
        listed = {
            "metadata": {"annotations": {servers.ADVERTISED: server.url.removeprefix("https://")}},
            "spec": {"nodeName": "cp1"},
        }
        dead = {"metadata": {"annotations": {servers.ADVERTISED: "127.0.0.1:1"}}, "spec": {"nodeName": "cp2"}}
        api.lists["/api/v1/namespaces/kube-system/pods"] = [listed, dead]
        cluster = parse_cluster("host1", clusterstate.observe(control_plane, timeout=5))
        node = cluster.nodes[0]
        assert node.conditions == (Condition("Ready", "True"),)
        assert node.addresses == (("InternalIP", "127.0.0.1"), ("Hostname", "cp1"))
        assert (node.machine_id, node.architecture, node.pod_cidrs) == ("m1", "amd64", ("10.233.64.0/24",))
        assert cluster.kube_proxy_configuration == "mode: nftables"
        assert cluster.lock == Lock("ada@desk", "", 60, {"kubewright.io/command": "scale"})
        told = {found.node: found for found in cluster.api_servers}
        assert told["cp1"].version == "v1.37.2"
        assert told["cp2"].error
        shown = {(found.component, found.name): found for found in cluster.serving}
        assert shown["kube-apiserver", "cp1"].names == ("127.0.0.1", "localhost")
        assert shown["kube-apiserver", "cp2"].error
        assert shown["kubelet", "cp1"].error

    def test_without_details_all_else_is_the_same(self, control_plane: Recording) -> None:
        """Conditions and certificates are most of the answer of a large cluster, and decide nothing."""
        whole = clusterstate.observe(control_plane, timeout=5)
        assert whole["serving"]
        assert whole["nodes"][0]["conditions"]
        nodes = [{**node, "conditions": []} for node in whole["nodes"]]
        assert clusterstate.observe(control_plane, timeout=5, details=False) == {**whole, "serving": [], "nodes": nodes}

    def test_the_call_tells_it_as_json_in_a_text(self, control_plane: Recording) -> None:
        """To look for secrets Ansible copies each value of a result, which takes long for a thousand Nodes."""
        parameters = {"timeout": 5.0, "server": "", "details": False}
        told = cluster_state.work(control_plane, parameters, True)
        assert json.loads(told["state"]) == clusterstate.observe(control_plane, timeout=5, details=False)
        assert told["changed"] is False

    def test_no_lock_and_no_last_run(self, control_plane: Recording) -> None:
        cluster = parse_cluster("host1", clusterstate.observe(control_plane, timeout=5))
        assert cluster.lock is None
        assert cluster.last is None

    def test_a_silent_api_does_not_hide_what_the_disk_has(self, control_plane: Recording, api: Api) -> None:
        api.up = False
        state = clusterstate.observe(control_plane, timeout=5)
        assert "runs no etcd" in state["etcd_error"]
        assert [entry["name"] for entry in state["certificates"]] == ["admin.conf"]

    def test_an_api_without_etcd_is_silent_soon(
        self, control_plane: Recording, api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It tells its version and nothing else; long answers may take longer than the first ones."""
        monkeypatch.setattr(clusterstate, "FIRST_SECONDS", 0.3)
        over = threading.Event()

        def without_etcd(request: Request) -> tuple[int, Any]:
            if request.path != "/version":
                over.wait(60)
            return api.answer(request)

        server.handler = without_etcd
        began = time.monotonic()
        state = clusterstate.observe(control_plane, timeout=60)
        took = time.monotonic() - began
        over.set()
        assert not state["answers"]
        assert "timed out" in state["reason"]
        assert took < 30

    def test_never_tells_a_token_s_secret(self, control_plane: Recording) -> None:
        state = clusterstate.observe(control_plane, timeout=5)
        assert state["bootstrap_tokens"][0]["id"] == "abcdef"
        assert "hidden" not in str(state)

    def test_no_cluster_is_an_answer(self, system: System) -> None:
        state = clusterstate.observe(system, timeout=5)
        assert (state["present"], state["answers"]) == (False, False)

    def test_a_silent_api_is_an_answer(self, control_plane: Recording, api: Api) -> None:
        api.up = False
        state = clusterstate.observe(control_plane, timeout=5)
        assert (state["present"], state["answers"]) == (True, False)
        assert "starting" in state["reason"]

    def test_a_half_written_admin_conf_is_an_answer(self, system: System) -> None:
        write(system, kubeconfig.ADMIN_CONF, "apiVersion: v1\nclus")
        state = clusterstate.observe(system, timeout=5)
        assert (state["present"], state["answers"]) == (True, False)

    def test_tells_what_was_cut_short(self, control_plane: Recording) -> None:
        marker = '{"phase": "prepare", "existing": [], "admin_server": "", "since": 1}'
        write(control_plane, "/etc/kubewright/init.json", marker)
        assert clusterstate.observe(control_plane, timeout=5)["unfinished"] == {"init": "prepare"}

    def test_a_damaged_marker_is_told_beside_all_else(self, control_plane: Recording) -> None:
        write(control_plane, "/etc/kubewright/join.json", '{"phase": "pre')
        state = clusterstate.observe(control_plane, timeout=5)
        assert state["answers"]
        assert state["unfinished"] == {"join": "damaged"}
        (damaged,) = state["damaged"]
        assert damaged["subject"].endswith("/etc/kubewright/join.json")
        assert "cannot be read" in damaged["cause"]
        assert "remove the file or reset the node" in damaged["remedy"]

    @pytest.mark.parametrize("text", ["", "{", "[]"])
    def test_a_damaged_record_is_told_as_such(self, control_plane: Recording, api: Api, text: str) -> None:
        api.objects[record.PATH]["data"]["record"] = text
        state = clusterstate.observe(control_plane, timeout=5)
        assert (state["present"], state["answers"]) == (True, False)
        assert state["record_error"]["subject"] == "ConfigMap kube-system/kubewright"
        assert "observations" in state["record_error"]["remedy"]
        assert state["certificates"]


PREPARE: dict[str, Any] = {
    "control_planes": False,
    "ttl_minutes": 40,
    "keys_ttl_minutes": 15,
    "server": "https://10.0.0.1:6443",
    "replace_members": [],
    "cluster_configuration": None,
}


class TestJoinPreparation:
    def test_makes_one_token_and_removes_those_of_killed_runs(self, control_plane: Recording, api: Api) -> None:
        api.tokens["theirs"] = "somebody's own"
        result = joining.prepare(control_plane, PREPARE)
        assert result["removed_tokens"] == ["abcdef"]
        assert set(api.tokens) == {"theirs", result["token_id"]}
        config = kubeconfig.parse_text(control_plane, result["discovery"])
        assert config.server == "https://10.0.0.1:6443"
        assert (config.token or "").startswith(result["token_id"] + ".")
        assert result["certificate_key"] is None

    def test_removes_the_keys_that_a_killed_run_uploaded(self, control_plane: Recording, api: Api) -> None:
        api.objects[f"{SECRETS}/kubeadm-certs"] = {"metadata": {}}
        joining.prepare(control_plane, PREPARE)
        assert f"{SECRETS}/kubeadm-certs" not in api.objects

    def test_the_certificate_key_goes_by_the_file_alone(self, control_plane: Recording) -> None:
        result = joining.prepare(control_plane, {**PREPARE, "control_planes": True})
        assert len(result["certificate_key"]) == 64
        assert f"certificateKey: {result['certificate_key']}\n" in control_plane.seen_configuration
        assert control_plane.seen_configuration.endswith("---\n" + CONFIGURATION)
        assert result["certificate_key"] not in " ".join(control_plane.commands)
        assert not control_plane.path(kubeadm.CONFIGURATION).exists()

    def test_keys_end_before_the_token_does(
        self, control_plane: Recording, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Control planes join before workers, of which there may be many."""

        def upload(*_arguments: Any, **_options: Any) -> None:
            api.tokens["kkkkkk"] = tokens.CERTIFICATES

        monkeypatch.setattr(kubeadm, "run", upload)
        now = dt.datetime.now(dt.UTC)
        result = joining.prepare(control_plane, {**PREPARE, "control_planes": True})
        minutes = {
            name: round((dt.datetime.fromisoformat(end) - now) / dt.timedelta(minutes=1))
            for name, end in api.ends.items()
        }
        assert minutes == {"kkkkkk": 15, result["token_id"]: 40}

    def test_joining_control_planes_find_the_wanted_configuration(self, control_plane: Recording, api: Api) -> None:
        wanted = CONFIGURATION + "apiServer:\n  certSANs:\n  - new\n"
        joining.prepare(control_plane, {**PREPARE, "control_planes": True, "cluster_configuration": wanted})
        stored = api.objects["/api/v1/namespaces/kube-system/configmaps/kubeadm-config"]
        assert stored == {"data": {"ClusterConfiguration": wanted}}
        assert control_plane.seen_configuration.endswith("---\n" + wanted)

    def test_cleaning_up_leaves_others_tokens_and_can_be_repeated(self, control_plane: Recording, api: Api) -> None:
        api.tokens["theirs"] = "somebody's own"
        api.objects[f"{SECRETS}/kubeadm-certs"] = {"metadata": {}}
        arguments = {"token_ids": [], "certificates": True}
        first = joining.cleanup(control_plane, arguments)
        assert (first["changed"], first["removed_tokens"], first["removed_certificates"]) == (True, ["abcdef"], True)
        assert joining.cleanup(control_plane, arguments)["changed"] is False
        assert set(api.tokens) == {"theirs"}


class TestCheckPods:
    def test_are_pinned_harmless_and_from_what_is_there(self) -> None:
        pod = checkpods.manifest("p", "n1", "coredns:1")
        container = pod["spec"]["containers"][0]
        assert pod["spec"]["nodeName"] == "n1"
        assert container["imagePullPolicy"] == "Never"
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]

    def test_left_over_ones_are_removed(self, control_plane: Recording, api: Api) -> None:
        path = "/api/v1/namespaces/kube-system/pods"
        api.lists[path] = [{"metadata": {"name": "old"}}]
        api.objects[f"{path}/old"] = {"metadata": {"name": "old"}}
        assert checkpods.delete_all(admin_client(control_plane)) == ["old"]


LAST = {"verb": "scale", "user": "ada", "host": "desk", "time": "2026-01-01T00:00:00Z", "version": "1"}
ENDING: dict[str, Any] = {
    "lock_id": "",
    "tokens": False,
    "check_pods": False,
    "fan_out": {},
    "removed": [],
    "last": LAST,
    "changed_before": False,
    "kubeconfig": False,
}


class TestWhatWasDoneLast:
    def test_is_in_the_record_after_a_run_that_changed_something(self, control_plane: Recording, api: Api) -> None:
        assert clean_up.work(control_plane, {**ENDING, "changed_before": True}, False)["changed"]
        assert (api.record() or {})["last"] == LAST
        assert (api.record() or {})["format"] == 1
        assert parse_cluster("h", clusterstate.observe(control_plane, timeout=5)).last == LAST

    def test_also_where_only_the_end_changed_something(self, control_plane: Recording, api: Api) -> None:
        clean_up.work(control_plane, {**ENDING, "fan_out": {"cp1": "d1"}}, False)
        assert (api.record() or {})["last"] == LAST

    def test_the_record_goes_over_the_wire_once_in_each_direction(
        self, control_plane: Recording, server: Server
    ) -> None:
        """It has a line for each node of the cluster."""
        given = {**ENDING, "fan_out": {"cp1": "d1"}, "removed": ["w1"], "changed_before": True}
        clean_up.work(control_plane, given, False)
        asked = [request.method for request in server.requests if request.path.startswith(RECORD)]
        assert asked == ["GET", "PATCH"]

    def test_a_run_that_changes_nothing_leaves_no_trace(self, control_plane: Recording, api: Api) -> None:
        before = api.record()
        assert not clean_up.work(control_plane, ENDING, False)["changed"]
        assert api.record() == before

    def test_never_makes_a_cluster_ours(self, control_plane: Recording, api: Api) -> None:
        del api.objects[record.PATH]
        clean_up.work(control_plane, {**ENDING, "changed_before": True}, False)
        assert api.record() is None


CHECK: dict[str, Any] = {"node_name": "cp1", "dns_server": "", "dns_domain": "x", "peers": [], "deadline": 0.0}


class TestNodeCheck:
    @pytest.fixture
    def node(self, system: System, pki: Pki, server: Server) -> System:
        join_cluster_files(system, pki, server.url)
        return system

    def test_tells_what_holds(self, node: System, api: Api, server: Server) -> None:
        api.objects["/api/v1/nodes/cp1"] = NODE
        checks = nodecheck.check(node, {**CHECK, "endpoint": server.url})
        assert [(check["ok"], check["remedy"]) for check in checks] == [(True, ""), (True, "")]

    def test_tells_what_does_not_hold_and_what_to_do(self, node: System, api: Api, server: Server) -> None:
        conditions = [{"type": "Ready", "status": "False", "message": "cni plugin not initialized"}]
        api.objects["/api/v1/nodes/cp1"] = {**NODE, "status": {"conditions": conditions}}
        checks = nodecheck.check(node, {**CHECK, "endpoint": server.url})
        assert "cni plugin not initialized" in checks[0]["detail"]
        assert not checks[0]["ok"]
        assert checks[0]["remedy"]

    def test_every_check_is_tried_though_one_fails(self, node: System) -> None:
        peers = [{"name": "p", "ip": "127.0.0.1"}]
        checks = nodecheck.check(node, {**CHECK, "endpoint": "https://127.0.0.1:1", "peers": peers})
        assert [check["ok"] for check in checks] == [False, False, False]

    def test_a_check_that_comes_true_in_time_holds(self, node: System, api: Api, server: Server) -> None:
        answers = iter([404, 404])

        def late(request: Any) -> tuple[int, Any]:
            if request.path == "/api/v1/nodes/cp1" and next(answers, None):
                return 404, {"reason": "NotFound"}
            return api.answer(request)

        api.objects["/api/v1/nodes/cp1"] = NODE
        server.handler = late
        checks = nodecheck.check(node, {**CHECK, "endpoint": server.url, "deadline": 5.0})
        assert all(check["ok"] for check in checks)


def test_a_missing_certificate_is_an_error_with_its_path(system: System) -> None:
    with pytest.raises(NodeError, match=r"healthcheck-client\.crt"):
        Etcd(system, "/etc/kubernetes/ssl")
