"""kubeadm's own objects become what kubeadm here would upload; kube-proxy's pods follow."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
import yaml

from ansible_collections.kubewright.cluster.plugins.module_utils import clusterconfig, objectrefs, rendering
from ansible_collections.kubewright.cluster.plugins.module_utils.calls import converge, objects
from ansible_collections.kubewright.cluster.plugins.module_utils.kubeapi import ApiError, Client, admin_client
from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from tests.unit.node.api.made import kubeconfig_text, write
from tests.unit.node.api.pki import Pki, Request, serve
from tests.unit.node.fake import context_of
from tests.unit.node.test_rendering import RECORDED

MAPS = "/api/v1/namespaces/kube-system/configmaps"
DAEMON_SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
ACCESS = "/apis/rbac.authorization.k8s.io/v1"
OUTPUT = (RECORDED / "objects.txt").read_text()
KINDS = {
    "/api/v1": {"ServiceAccount": "serviceaccounts"},
    "/apis/apps/v1": {"DaemonSet": "daemonsets"},
    ACCESS: {"Role": "roles", "RoleBinding": "rolebindings", "ClusterRoleBinding": "clusterrolebindings"},
}
"""Of each group and version, the kinds that kubeadm's objects are of, and their plurals."""


@dataclass
class Api:
    """Objects by path; a merge patch or an apply gives a new version and refuses an old one; ``asked`` are dry runs."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> tuple[int, Any]:
        path = request.path.partition("?")[0]
        if path == "/api/v1/nodes":
            return 200, {"items": [{"metadata": {"name": "cp1"}}]}
        if path in KINDS:
            names = {kind: {"kind": kind, "name": name} for kind, name in KINDS[path].items()}
            return 200, {"resources": [{**entry, "namespaced": "Cluster" not in kind} for kind, entry in names.items()]}
        if request.method == "POST":
            path = f"{path}/{request.body['metadata']['name']}"
            self.objects[path] = request.body
            self.objects[path]["metadata"]["resourceVersion"] = "1"
        found = self.objects.get(path)
        if found is None and "apply" in request.headers.get("Content-Type", ""):
            found = self.objects[path] = {"metadata": {"resourceVersion": "0"}}
        if found is None:
            return 404, {"reason": "NotFound"}
        if "dryRun=All" in request.path:
            self.asked.append(path.rpartition("/")[2])
            told = copy.deepcopy(found)
            _merge(told, request.body)
            return 200, told
        if request.method == "PATCH":
            given = request.body.get("metadata", {}).get("resourceVersion")
            if given not in (None, found["metadata"]["resourceVersion"]):
                return 409, {"reason": "Conflict"}
            _merge(found, request.body)
            found["metadata"]["resourceVersion"] = str(int(found["metadata"]["resourceVersion"]) + 1)
        if request.method != "GET":
            self.writes.append(path.rpartition("/")[2])
        return 200, copy.deepcopy(found)


def _merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, value in patch.items():
        if isinstance(value, dict):
            _merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


def path_of(item: dict[str, Any]) -> str:
    """Where an object lives."""
    version = item["apiVersion"]
    root = ("/apis/" if "/" in version else "/api/") + version
    namespace = f"/namespaces/{item['metadata']['namespace']}" if "namespace" in item["metadata"] else ""
    return f"{root}{namespace}/{KINDS[root][item['kind']]}/{item['metadata']['name']}"


@dataclass
class World:
    """A cluster as kubeadm made it, a node that can ask for it, and what kubeadm would upload now."""

    system: System
    client: Client
    api: Api
    output: str = OUTPUT

    def work(self, *, former_names: tuple[str, ...] = (), check: bool = False) -> list[dict[str, Any]]:
        rendered = rendering.render(self.system, "kind: InitConfiguration\n", rendering.OBJECTS)
        paths = objectrefs.Paths(self.client)
        return clusterconfig.work(self.client, paths, rendered, former_names=former_names, check=check)


@pytest.fixture
def world(system: System, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    api = Api()
    made = rendering.Rendered({}, OUTPUT)
    for name in clusterconfig.NAMES:
        metadata = {"name": name, "resourceVersion": "7"}
        api.objects[f"{MAPS}/{name}"] = {"metadata": metadata, "data": made.object_data(name)}
    for text in made.other_objects():
        item = yaml.safe_load(text)
        item["metadata"]["resourceVersion"] = "3"
        api.objects[path_of(item)] = item
    status = {"observedGeneration": 1, "desiredNumberScheduled": 1, "numberAvailable": 1, "updatedNumberScheduled": 1}
    api.objects[DAEMON_SET]["metadata"]["generation"] = 1
    api.objects[DAEMON_SET]["status"] = status
    with serve(pki, api.answer) as server:
        write(system, "/etc/kubernetes/admin.conf", kubeconfig_text(pki, server.url))
        world = World(system, admin_client(system), api)
        monkeypatch.setattr(rendering, "render", lambda *_: rendering.Rendered({}, world.output))
        yield world


def data(world: World, name: str, key: str) -> str:
    return str(world.api.objects[f"{MAPS}/{name}"]["data"][key])


def with_names(configuration: str, *names: str) -> str:
    """The configuration with further names for certificates."""
    value = yaml.safe_load(configuration)
    value.setdefault("apiServer", {}).setdefault("certSANs", []).extend(names)
    return yaml.safe_dump(value)


class TestObjects:
    def test_as_kubeadm_made_them_they_are_left_alone(self, world: World) -> None:
        assert world.work() == []
        assert world.api.writes == []
        # Its numbers and truth values are read as text, so the server has to say whether they are the same.
        assert world.api.asked == ["kube-proxy"]

    def test_what_we_applied_before_is_judged_by_the_server(self, world: World) -> None:
        """It may have fields that kubeadm writes no longer."""
        role = next(path for path in world.api.objects if "/roles/" in path)
        world.api.objects[role]["metadata"]["managedFields"] = [{"manager": "kubewright", "operation": "Apply"}]
        assert world.work(check=True) == []
        assert sorted(world.api.asked) == sorted([role.rpartition("/")[2], "kube-proxy"])

    def test_names_of_control_planes_that_left_change_nothing(self, world: World) -> None:
        live = world.api.objects[f"{MAPS}/kubeadm-config"]["data"]
        live["ClusterConfiguration"] = with_names(live["ClusterConfiguration"], "cp9", "192.0.2.9")
        assert world.work(former_names=("cp9", "192.0.2.9", "cp8")) == []
        assert world.api.writes == []

    def test_a_name_that_nobody_wants_goes_and_takes_theirs_along(self, world: World) -> None:
        live = world.api.objects[f"{MAPS}/kubeadm-config"]["data"]
        live["ClusterConfiguration"] = with_names(live["ClusterConfiguration"], "cp9", "api.example.org")
        (change,) = world.work(former_names=("cp9",))
        assert "-  - api.example.org\n" in change["diff"]
        assert "-  - cp9\n" in change["diff"]
        assert "cp9" not in data(world, "kubeadm-config", "ClusterConfiguration")

    def test_a_changed_setting_is_shown_and_written_and_nothing_else(self, world: World) -> None:
        world.output = OUTPUT.replace("maxPods: 110", "maxPods: 50")
        (change,) = world.work(check=True)
        assert change["reference"] == "v1/ConfigMap/kube-system/kubelet-config"
        assert "-maxPods: 110\n+maxPods: 50\n" in change["diff"]
        assert world.api.writes == []
        assert world.work() == [change]
        assert world.api.writes == ["kubelet-config"]
        assert "maxPods: 50" in data(world, "kubelet-config", "kubelet")
        assert world.work() == []

    def test_each_text_is_kubeadms_own(self, world: World) -> None:
        world.output = OUTPUT.replace(
            "scheduler: {}", 'scheduler:\n      extraArgs:\n      - name: v\n        value: "4"'
        )
        world.work()
        text = data(world, "kubeadm-config", "ClusterConfiguration")
        assert text.startswith("apiServer:\n  certSANs:\n")
        assert text.endswith('scheduler:\n  extraArgs:\n  - name: v\n    value: "4"\n')

    def test_another_spelling_and_order_of_names_are_no_difference(self, world: World) -> None:
        text = data(world, "kubeadm-config", "ClusterConfiguration")
        lines = text.splitlines()
        names = [line for line in lines if line.startswith("  - ")][:7]
        spelt = "\n".join([*lines[: lines.index(names[0])], *reversed(names), *lines[lines.index(names[-1]) + 1 :], ""])
        world.api.objects[f"{MAPS}/kubeadm-config"]["data"]["ClusterConfiguration"] = spelt.replace('"24"', "'24'")
        assert spelt != text
        assert world.work() == []

    def test_what_somebody_edited_is_mended(self, world: World) -> None:
        edited = data(world, "kube-proxy", "config.conf").replace("mode: iptables", "mode: nftables")
        world.api.objects[f"{MAPS}/kube-proxy"]["data"]["config.conf"] = edited
        assert [change["reference"] for change in world.work()] == ["v1/ConfigMap/kube-system/kube-proxy"]
        assert "mode: iptables" in data(world, "kube-proxy", "config.conf")

    def test_one_that_somebody_deleted_is_made_again(self, world: World) -> None:
        del world.api.objects[f"{MAPS}/kubelet-config"]
        assert [change["action"] for change in world.work()] == ["create"]
        assert world.work() == []


class TestOtherObjects:
    """What goes with kubeadm's ConfigMaps: access to them, and all of kube-proxy."""

    TEXTS: ClassVar[list[str]] = rendering.Rendered({}, OUTPUT).other_objects()
    PATHS: ClassVar[list[str]] = [path_of(yaml.safe_load(text)) for text in TEXTS]

    def test_are_all_that_kubeadm_uploads(self) -> None:
        assert [path.rpartition("/v1/")[2] for path in self.PATHS] == [
            "namespaces/kube-system/roles/kubeadm:nodes-kubeadm-config",
            "namespaces/kube-system/rolebindings/kubeadm:nodes-kubeadm-config",
            "namespaces/kube-system/roles/kubeadm:kubelet-config",
            "namespaces/kube-system/rolebindings/kubeadm:kubelet-config",
            "namespaces/kube-system/daemonsets/kube-proxy",
            "namespaces/kube-system/serviceaccounts/kube-proxy",
            "clusterrolebindings/kubeadm:node-proxier",
            "namespaces/kube-system/roles/kube-proxy",
            "namespaces/kube-system/rolebindings/kube-proxy",
        ]

    @pytest.mark.parametrize("path", PATHS)
    def test_one_that_somebody_deleted_is_made_again(self, world: World, path: str) -> None:
        before = world.api.objects.pop(path)
        (change,) = world.work(check=True)
        assert change["action"] == "create"
        assert change["reference"].endswith("/" + before["metadata"]["name"])
        assert path not in world.api.objects
        assert world.work() == [change]
        made = world.api.objects[path]
        assert {**made, "metadata": None, "status": None} == {**before, "metadata": None, "status": None}
        assert world.work() == []

    def test_an_edit_is_shown_field_by_field_and_mended(self, world: World) -> None:
        pod = world.api.objects[DAEMON_SET]["spec"]["template"]["spec"]
        pod["containers"][0]["securityContext"]["privileged"] = False
        (change,) = world.work(check=True)
        assert change["reference"] == "apps/v1/DaemonSet/kube-system/kube-proxy"
        path = "spec.template.spec.containers[0].securityContext.privileged"
        assert change["diff"] == f"{path}: False -> True\n"
        assert world.work() == [change]
        assert world.api.writes == ["kube-proxy"]
        assert world.work() == []

    def test_what_others_added_stays(self, world: World) -> None:
        world.api.objects[DAEMON_SET]["metadata"]["labels"]["theirs"] = "1"
        assert world.work() == []


class TestProxy:
    def change(self, world: World) -> None:
        world.output = world.output.replace("mode: iptables", "mode: nftables")

    def revision(self, world: World) -> str | None:
        template = world.api.objects[DAEMON_SET]["spec"]["template"]["metadata"]
        found: str | None = template.get("annotations", {}).get(clusterconfig.REVISION)
        return found

    def test_one_that_was_never_changed_is_not_restarted(self, world: World) -> None:
        assert not clusterconfig.proxy_is_stale(world.client)
        assert not clusterconfig.restart_proxy(world.client)
        assert self.revision(world) is None

    def test_a_changed_one_is_restarted_once(self, world: World) -> None:
        self.change(world)
        world.work()
        assert clusterconfig.proxy_is_stale(world.client), "also for the next run, were this one killed here"
        assert clusterconfig.restart_proxy(world.client)
        assert self.revision(world)
        assert not clusterconfig.proxy_is_stale(world.client)
        assert not clusterconfig.restart_proxy(world.client)

    def test_an_edit_that_is_taken_back_restarts_pods_that_may_have_begun_with_it(self, world: World) -> None:
        self.change(world)
        world.work()
        clusterconfig.restart_proxy(world.client)
        before = self.revision(world)
        edited = data(world, "kube-proxy", "config.conf").replace("mode: nftables", "mode: ipvs")
        world.api.objects[f"{MAPS}/kube-proxy"]["data"]["config.conf"] = edited
        world.work()
        assert clusterconfig.proxy_is_stale(world.client)
        clusterconfig.restart_proxy(world.client)
        assert self.revision(world) != before

    def test_pods_of_a_daemon_set_that_is_made_again_are_no_older_than_their_configuration(self, world: World) -> None:
        self.change(world)
        world.work()
        clusterconfig.restart_proxy(world.client)
        revision = self.revision(world)
        status = world.api.objects.pop(DAEMON_SET)["status"]
        assert not clusterconfig.proxy_is_stale(world.client)
        assert [change["action"] for change in world.work()] == ["create"]
        assert self.revision(world) == revision
        world.api.objects[DAEMON_SET]["status"] = status
        assert not clusterconfig.proxy_is_stale(world.client)
        assert world.work() == []

    def test_mending_the_daemon_set_leaves_what_its_pods_were_started_with(self, world: World) -> None:
        self.change(world)
        world.work()
        world.api.objects[DAEMON_SET]["spec"]["template"]["spec"]["hostNetwork"] = False
        world.work()
        assert self.revision(world) is None
        assert clusterconfig.proxy_is_stale(world.client), "they follow in their own step"

    def test_another_writer_in_between_is_not_overwritten(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.change(world)
        find = Client.find

        def overtaken(client: Client, path: str, **named: Any) -> Any:
            found = find(client, path, **named)
            if path == f"{MAPS}/kube-proxy":
                world.api.objects[path]["metadata"]["resourceVersion"] = "99"
            return found

        monkeypatch.setattr(Client, "find", overtaken)
        with pytest.raises(ApiError, match="Conflict"):
            world.work()

    def test_a_cluster_without_it_needs_no_restart(self, world: World) -> None:
        del world.api.objects[DAEMON_SET]
        assert not clusterconfig.proxy_is_stale(world.client)


class TestModule:
    """As the module ``objects`` has it."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "objects": None,
        "record": None,
        "node_metadata": {},
        "kubeadm_configuration": "kind: InitConfiguration\n",
        "former_names": [],
        "restart_proxy": False,
        "wait": [],
        "wait_file": "",
        "wait_timeout": 1.0,
        "lock_id": "",
    }

    def test_a_missing_kubeadm_is_told_and_no_failure(self, world: World) -> None:
        world.output = OUTPUT.replace("maxPods: 110", "maxPods: 50")
        told = objects.work(world.system, self.PARAMETERS, True)
        assert (told["changed"], told["configuration_changes"]) == (False, [])
        assert "kubeadm is not there" in told["not_compared"]

    def test_objects_and_then_the_restart(self, world: World) -> None:
        write(world.system, "/usr/local/bin/kubeadm", "")
        world.system.path("/usr/local/bin/kubeadm").chmod(0o755)
        world.output = OUTPUT.replace("mode: iptables", "mode: nftables")
        told = objects.work(world.system, self.PARAMETERS, True)
        assert (told["changed"], told["proxy_stale"], told["not_compared"]) == (True, False, "")
        assert objects.work(world.system, self.PARAMETERS, False)["changed"]
        again = objects.work(world.system, self.PARAMETERS, True)
        assert (again["configuration_changes"], again["proxy_stale"]) == ([], True)
        restart = {**self.PARAMETERS, "kubeadm_configuration": "", "restart_proxy": True}
        assert objects.work(world.system, restart, False)["changed"]
        assert not objects.work(world.system, restart, False)["changed"]

    @pytest.mark.parametrize("replaced", [False, True])
    def test_in_the_same_call_as_a_control_planes_comparison(self, world: World, *, replaced: bool) -> None:
        write(world.system, "/usr/local/bin/kubeadm", "")
        world.system.path("/usr/local/bin/kubeadm").chmod(0o755)
        world.output = OUTPUT.replace("mode: iptables", "mode: nftables")
        context = context_of(world.system)
        if replaced:
            context.replaced.add("kubeadm")
        told = converge.compare_objects(self.PARAMETERS, context)
        wanted = {} if replaced else {"cluster_objects": objects.work(world.system, self.PARAMETERS, True)}
        assert told == wanted
        assert replaced or told["cluster_objects"]["changed"]

    @pytest.mark.parametrize("objects_too", [False, True])
    def test_kubeadm_is_not_asked_again_where_it_was(
        self, world: World, monkeypatch: pytest.MonkeyPatch, *, objects_too: bool
    ) -> None:
        write(world.system, "/usr/local/bin/kubeadm", "")
        world.system.path("/usr/local/bin/kubeadm").chmod(0o755)
        context = context_of(world.system)
        context.objects_too = objects_too
        context.rendered = rendering.Rendered({}, OUTPUT.replace("mode: iptables", "mode: nftables"))
        asked: list[Any] = []
        usual = rendering.render

        def render(*arguments: Any) -> rendering.Rendered:
            asked.append(arguments)
            return usual(*arguments)

        monkeypatch.setattr(rendering, "render", render)
        told = converge.compare_objects(self.PARAMETERS, context)["cluster_objects"]
        assert bool(told["configuration_changes"]) is objects_too
        assert len(asked) == (0 if objects_too else 1)

    def test_it_is_left_to_a_call_of_its_own_where_the_api_is_silent(self, world: World) -> None:
        write(world.system, "/etc/kubernetes/admin.conf", "")
        assert converge.compare_objects(self.PARAMETERS, context_of(world.system)) == {}
