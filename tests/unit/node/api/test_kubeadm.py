from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import kubeadm, markers, takeback
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed, System
from tests.unit.node.api.made import write

LAYOUT = markers.Layout("/etc/kubernetes/ssl", "/var/lib/etcd")
INIT = (
    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint:\n  bindPort: 6443\n---\nkind: X\n"
)


class Recording(System):
    """Answers every command with success, unless told otherwise, and keeps what was run."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.commands: list[str] = []
        self.seen_configuration = ""
        self.answers: dict[str, Completed] = {}

    def run(
        self, *argv: str, stdin: str | None = None, timeout: float = 600, env: dict[str, str] | None = None
    ) -> Completed:
        line = " ".join(argv)
        self.commands.append(line)
        if "--config" in argv:
            path = Path(argv[argv.index("--config") + 1])
            assert path.stat().st_mode & 0o777 == 0o600
            self.seen_configuration = path.read_text()
        return next((value for key, value in self.answers.items() if line.startswith(key)), Completed(argv, 0, "", ""))


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


class TestRun:
    def test_the_configuration_is_there_only_while_kubeadm_runs(self, recording: Recording) -> None:
        kubeadm.run(recording, ("join",), "secret: x\n", timeout=5, skip=("a", "b"), ignore=("NumCPU",))
        assert recording.seen_configuration == "secret: x\n"
        assert not recording.path(kubeadm.CONFIGURATION).exists()
        assert recording.commands[0].endswith("--skip-phases a,b --ignore-preflight-errors NumCPU")
        assert "secret" not in recording.commands[0]

    def test_a_failure_names_the_complaint_and_no_secret(self, recording: Recording) -> None:
        token, key = "abcdef.0123456789abcdef", "ab" * 32
        text = f"[x] using {token} and {key}\n\t[ERROR Port-10250]: Port 10250 is in use\nerror: {token} refused\n"
        recording.answers["kubeadm"] = Completed(("kubeadm",), 1, "", text)
        with pytest.raises(NodeError) as caught:
            kubeadm.run(recording, ("join",), "", timeout=5)
        assert "Port 10250 is in use" in caught.value.cause
        assert "uses the port" in caught.value.remedy
        assert token not in str(caught.value)
        assert key not in str(caught.value)
        assert not recording.path(kubeadm.CONFIGURATION).exists()


class TestBootstrapToken:
    def test_is_put_into_the_init_configuration(self) -> None:
        text = kubeadm.with_bootstrap_token(INIT, "a.b", description="why", minutes=15)
        first, second = text.split("---")
        assert 'bootstrapTokens:\n- token: "a.b"\n  description: "why"\n  ttl: 15m0s\nlocalAPIEndpoint:' in first
        assert second == "\nkind: X\n"

    @pytest.mark.parametrize("text", ["kind: X\n", INIT.replace("---", "bootstrapTokens: []\n---")])
    def test_what_it_cannot_be_put_into_is_refused(self, text: str) -> None:
        with pytest.raises(NodeError):
            kubeadm.with_bootstrap_token(text, "a.b", description="why", minutes=15)


class TestMarkers:
    def test_is_written_moved_on_and_removed(self, system: System) -> None:
        assert markers.read(system, "join") is None
        marker = markers.begin(system, "join", LAYOUT)
        markers.advance(system, marker, markers.MEMBER, admin_server="https://x")
        read = markers.read(system, "join")
        assert read is not None
        assert (read.phase, read.admin_server) == (markers.MEMBER, "https://x")
        markers.done(system, "join")
        assert markers.read(system, "join") is None

    def test_a_damaged_one_stops_everything(self, system: System) -> None:
        write(system, "/etc/kubewright/join.json", '{"phase": "prep')
        with pytest.raises(NodeError, match="cannot be read"):
            markers.read(system, "join")


class TestTakeBack:
    def test_removes_what_came_after_the_marker_and_nothing_else(self, recording: Recording) -> None:
        kept = ["/etc/kubernetes/ssl/ca.crt", "/etc/kubernetes/manifests/nginx.yaml", "/etc/kubernetes/audit.yaml"]
        for path in kept:
            write(recording, path, "before")
        marker = markers.begin(recording, "join", LAYOUT)
        added = [
            "/etc/kubernetes/ssl/apiserver.key",
            "/etc/kubernetes/ssl/etcd/ca.crt",
            "/etc/kubernetes/admin.conf",
            "/etc/kubernetes/bootstrap-kubelet.conf",
            "/var/lib/kubelet/config.yaml",
            "/var/lib/kubelet/pki/kubelet.crt",
            "/var/lib/etcd/member/wal/0.wal",
        ]
        for path in added:
            write(recording, path, "after")
        takeback.take_back(recording, marker, LAYOUT)
        assert [path for path in kept if not recording.path(path).exists()] == []
        assert [path for path in added if recording.path(path).exists()] == []
        assert list(recording.path("/var/lib/etcd").iterdir()) == []
        assert recording.commands == ["systemctl stop kubelet"]

    def test_stops_static_pods_that_it_takes_back(self, recording: Recording) -> None:
        marker = markers.begin(recording, "init", LAYOUT)
        write(recording, "/etc/kubernetes/manifests/etcd.yaml", "x")
        label = '{"Labels": {"io.kubernetes.pod.name": "%s"}}'
        ctr = "ctr --namespace k8s.io "
        recording.answers = {
            ctr + "containers list": Completed((), 0, "one\ntwo\n", ""),
            ctr + "containers info one": Completed((), 0, label % "etcd-cp1", ""),
            ctr + "containers info two": Completed((), 0, label % "nginx-w1", ""),
            ctr + "tasks list": Completed((), 0, "TASK PID STATUS\none 12 STOPPED\ntwo 13 RUNNING\n", ""),
        }
        takeback.take_back(recording, marker, LAYOUT)
        assert not [line for line in recording.commands if "kill" in line]

    def test_never_takes_back_what_was_complete(self, recording: Recording) -> None:
        marker = markers.advance(recording, markers.begin(recording, "init", LAYOUT), markers.FINISH)
        with pytest.raises(NodeError, match="nothing may be taken back"):
            takeback.take_back(recording, marker, LAYOUT)
        assert recording.commands == []
