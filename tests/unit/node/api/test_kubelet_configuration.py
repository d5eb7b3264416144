"""The kubelet's configuration is what kubeadm makes of the cluster's and the host's, and the Node is waited for."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import nodeready, rendering
from ansible_collections.kubewright.cluster.plugins.module_utils.calls import converge as module
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.manifest import Manifest
from tests.unit.node.api.made import join_cluster_files, write
from tests.unit.node.api.pki import Pki, Request, serve
from tests.unit.node.fake import OWNER, FakeSystem, staged
from tests.unit.node.test_rendering import RECORDED

PATH = "/var/lib/kubelet/config.yaml"
PATCH = "/etc/kubernetes/patches/kubeletconfiguration+merge.yaml"
CONFIGURATION = "kind: InitConfiguration\npatches:\n  directory: /etc/kubernetes/patches\n"
WANTED = (RECORDED / "config.yaml").read_text()


class Worker(FakeSystem):
    """A worker with a kubeadm that merges a patch by putting it at the end."""

    wanted = WANTED
    url = ""
    heartbeat = 0.0
    ready = "True"

    def _kubeadm(self, *arguments: str) -> tuple[int, str]:
        assert not set(arguments[arguments.index("--skip-phases") + 1].split(",")) & set(rendering.KUBELET)
        text = Path(arguments[arguments.index("--config") + 1]).read_text()
        folder = Path(text.partition("  directory: ")[2].splitlines()[0])
        patches = "".join(path.read_text() for path in sorted(folder.iterdir()))
        target = Path(self.environments["kubeadm"]["KUBEADM_INIT_DRYRUN_DIR"])
        (target / "config.yaml").write_text(self.wanted + patches)
        return 0, ""

    def answer(self, request: Request) -> tuple[int, Any]:
        """As an API server answers a kubelet."""
        assert request.path == "/api/v1/nodes/w1"
        stamp = dt.datetime.fromtimestamp(self.heartbeat, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = {"type": "Ready", "status": self.ready, "lastHeartbeatTime": stamp, "message": "runtime is down"}
        return 200, {"metadata": {"name": "w1"}, "status": {"conditions": [condition]}}


@pytest.fixture
def worker(tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(nodeready, "_INTERVAL", 0.02)
    made = Worker(tmp_path)
    made.running |= {"kubelet", "containerd"}
    with serve(pki, made.answer) as server:
        join_cluster_files(made, pki, server.url)
        write(made, PATH, WANTED)
        made.path(PATH).chmod(0o644)
        write(made, "/usr/local/bin/kubeadm", "")
        made.path("/usr/local/bin/kubeadm").chmod(0o755)
        made.heartbeat = time.time() + 60
        yield made


def run(
    worker: Worker,
    *,
    before: tuple[dict[str, Any], ...] = (),
    patch: str = "",
    check: bool = False,
    ready: str = "w1",
) -> dict[str, Any]:
    resource = {
        "type": "kubelet_configuration",
        "id": "kubelet_configuration",
        "path": PATH,
        "owner": OWNER,
        "restarts": ["kubelet.service"],
    }
    patches = [{"type": "file", "id": "patch", "path": PATCH, "content": patch, "owner": OWNER}] if patch else []
    parameters = {
        "document": {"format": 1, "host": "w1", "kubeadm": CONFIGURATION, "resources": [*before, *patches, resource]},
        "urls": [],
        "staging": "/var/lib/kubewright/staging",
        "partial": False,
        "record": None,
        "ready": ready,
        "ready_timeout": 0.2,
        "action_name": "converge",
        "cluster_objects": None,
        "run": "",
        "lock_timeout": 5.0,
    }
    return module.work(worker, parameters, check)


class TestConfiguration:
    def test_what_is_as_kubeadm_makes_it_is_left_alone(self, worker: Worker) -> None:
        told = run(worker, check=True)
        assert (told["changed"], told["credentials"]) == (False, True)
        assert not run(worker)["changed"]

    def test_a_changed_field_is_shown_written_and_restarts_the_kubelet(self, worker: Worker) -> None:
        worker.wanted = WANTED.replace("maxPods: 110", "maxPods: 50")
        told = run(worker, check=True)
        assert "-maxPods: 110\n+maxPods: 50\n" in told["changes"][0]["diff"]
        assert told["restarted"] == ["kubelet"]
        assert worker.path(PATH).read_text() == WANTED
        done = run(worker)
        assert (done["changes"], done["restarted"]) == (told["changes"], told["restarted"])
        assert worker.path(PATH).read_text() == worker.wanted
        assert not run(worker)["changed"]

    def test_an_edit_by_hand_is_mended(self, worker: Worker) -> None:
        worker.path(PATH).write_text(WANTED + "podPidsLimit: 5\n")
        assert run(worker)["restarted"] == ["kubelet"]
        assert worker.path(PATH).read_text() == WANTED

    def test_a_new_patch_of_this_host_is_in_the_same_plan(self, worker: Worker) -> None:
        told = run(worker, patch="maxPods: 9\n", check=True)
        assert [change["id"] for change in told["changes"]] == ["patch", "kubelet_configuration"]
        assert told["changes"][1]["diff"].endswith("+maxPods: 9\n")
        assert run(worker, patch="maxPods: 9\n")["changes"] == told["changes"]
        assert worker.path(PATH).read_text() == WANTED + "maxPods: 9\n"

    def test_so_is_one_that_goes(self, worker: Worker) -> None:
        run(worker, patch="maxPods: 9\n")
        told = run(worker, check=True)
        assert {change["id"]: change["action"] for change in told["changes"]} == {
            "patch": "remove",
            "kubelet_configuration": "update",
        }
        run(worker)
        assert worker.path(PATH).read_text() == WANTED
        assert not run(worker, check=True)["changed"]

    def test_a_host_that_has_not_joined_has_nothing_to_do(self, worker: Worker) -> None:
        worker.path("/etc/kubernetes/kubelet.conf").unlink()
        worker.path(PATH).unlink()
        told = run(worker, check=True)
        assert (told["changed"], told["credentials"]) == (False, False)
        assert not worker.acts("kubeadm")


class TestKubeadm:
    """It tells what should be, so one that is not as it should be is not believed."""

    CONTENT = b"the kubeadm of the document"

    def run(self, worker: Worker, *, check: bool = False, mode: str = "0755") -> dict[str, Any]:
        kubeadm = {
            "type": "binary",
            "id": "binary:kubeadm",
            "path": "/usr/local/bin/kubeadm",
            "artifact": "kubeadm",
            "sha256": staged(worker, self.CONTENT),
            "size": len(self.CONTENT),
            "mode": mode,
            "owner": OWNER,
        }
        return run(worker, before=(kubeadm,), check=check)

    @pytest.fixture
    def drifted(self, worker: Worker) -> Worker:
        """Its kubeadm was damaged, and the kubelet's file edited as well."""
        write(worker, "/usr/local/bin/kubeadm", "damaged")
        worker.path(PATH).write_text(WANTED + "podPidsLimit: 5\n")
        worker.failing["kubeadm"] = "kubeadm: cannot be executed: Exec format error"
        return worker

    def test_a_damaged_one_is_shown_and_replaced(self, drifted: Worker) -> None:
        told = self.run(drifted, check=True)
        assert [change["id"] for change in told["changes"]] == ["binary:kubeadm"]
        assert told["replaced"] == ["kubeadm"]
        assert "were not compared" in told["warnings"][0]
        drifted.failing.clear()
        done = self.run(drifted)
        assert (done["changes"], done["restarted"]) == (told["changes"], []), "what no plan showed is not done"
        assert drifted.path("/usr/local/bin/kubeadm").read_bytes() == self.CONTENT
        assert not drifted.acts("kubeadm")

    def test_the_next_run_compares_by_the_new_one(self, drifted: Worker) -> None:
        drifted.failing.clear()
        self.run(drifted)
        assert [change["id"] for change in self.run(drifted, check=True)["changes"]] == ["kubelet_configuration"]

    def test_one_that_nobody_may_execute_is_not_asked_either(self, drifted: Worker) -> None:
        drifted.failing.clear()
        self.run(drifted)
        drifted.path("/usr/local/bin/kubeadm").chmod(0o644)
        assert self.run(drifted, check=True)["replaced"] == ["kubeadm"]

    def test_another_mode_alone_changes_nothing_of_what_it_says(self, drifted: Worker) -> None:
        drifted.failing.clear()
        self.run(drifted)
        told = self.run(drifted, check=True, mode="0750")
        assert [change["id"] for change in told["changes"]] == ["binary:kubeadm", "kubelet_configuration"]
        assert told["replaced"] == []


class TestReady:
    def changed(self, worker: Worker) -> None:
        worker.wanted = WANTED.replace("maxPods: 110", "maxPods: 50")

    def test_the_kubelet_has_to_report_after_its_restart(self, worker: Worker) -> None:
        self.changed(worker)
        worker.heartbeat = time.time() - 5
        with pytest.raises(NodeError, match="after the restart of kubelet: the kubelet has not reported since"):
            run(worker)

    def test_it_has_to_be_ready(self, worker: Worker) -> None:
        self.changed(worker)
        worker.ready = "False"
        with pytest.raises(NodeError, match="runtime is down"):
            run(worker)

    def test_one_that_was_not_is_restarted_again_by_the_next_run(self, worker: Worker) -> None:
        self.changed(worker)
        worker.ready = "False"
        with pytest.raises(NodeError, match="not Ready within"):
            run(worker)
        assert Manifest(worker).pending_restarts == ["kubelet"]
        assert run(worker, check=True)["restarted"] == ["kubelet"]
        worker.ready = "True"
        assert run(worker)["restarted"] == ["kubelet"]
        assert not run(worker)["changed"]

    def test_of_the_engine_alone_the_last_report_counts(self, worker: Worker) -> None:
        worker.heartbeat = time.time() - 60
        nodeready.wait(worker, "w1", ["containerd"], since=time.time(), timeout=0.1)

    def test_nothing_is_asked_where_nothing_was_restarted(self, worker: Worker) -> None:
        worker.ready = "False"
        assert not run(worker)["changed"]
        assert not run(worker, ready="")["changed"]
