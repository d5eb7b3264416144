"""Each resource type: what is found, what would change, what is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import markers
from ansible_collections.kubewright.cluster.plugins.module_utils.convergence import Outcome, converge
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import NodeError
from tests.unit.node.fake import FakeSystem, context_of, document

KUBECONFIG = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: c2VjcmV0
    server: https://192.0.2.1:6443
  name: kubernetes
users:
- name: u
  user:
    client-key-data: dG9wc2VjcmV0
"""


@pytest.fixture
def system(tmp_path: Path) -> FakeSystem:
    (tmp_path / "etc").mkdir()
    return FakeSystem(tmp_path)


def put(system: FakeSystem, path: str, text: str = "") -> Path:
    target = system.path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


class One:
    """A document of one resource, with the warnings of the last call."""

    def __init__(self, system: FakeSystem, **spec: Any) -> None:
        self.system = system
        self.document = document({"id": "r", **spec})
        self.warnings: list[str] = []

    def check(self) -> Outcome:
        return self._converge(check=True)

    def apply(self) -> Outcome:
        told, done = self.check(), self._converge(check=False)
        assert [change.to_json() for change in told.changes] == [change.to_json() for change in done.changes]
        return done

    def _converge(self, *, check: bool) -> Outcome:
        context = context_of(self.system)
        outcome = converge(self.document, context, check=check)
        self.warnings = context.warnings
        return outcome


class TestFile:
    def test_content_is_shown_as_a_diff(self, system: FakeSystem) -> None:
        put(system, "/etc/a", "old\n")
        change = One(system, type="file", path="/etc/a", content="new\n").apply().changes[0]
        assert change.diff == "--- /etc/a\n+++ /etc/a\n@@ -1 +1 @@\n-old\n+new\n"

    def test_a_secret_is_not(self, system: FakeSystem) -> None:
        put(system, "/etc/a", "old-secret\n")
        one = One(system, type="file", path="/etc/a", content="new-secret\n", mode="0600", secret=True)
        change = one.apply().changes[0].to_json()
        assert change["diff"]
        assert "-secret" not in str(change)

    def test_mode_alone(self, system: FakeSystem) -> None:
        put(system, "/etc/a", "x").chmod(0o644)
        change = One(system, type="file", path="/etc/a", content="x", mode="0600").apply().changes[0]
        assert (change.summary, change.diff) == ("set mode and owner of /etc/a", "")
        assert system.path("/etc/a").stat().st_mode & 0o777 == 0o600

    def test_a_link_is_replaced_not_followed(self, system: FakeSystem) -> None:
        target = put(system, "/etc/target", "x")
        system.path("/etc/a").symlink_to(target)
        One(system, type="file", path="/etc/a", content="y").apply()
        assert target.read_text() == "x"
        assert not system.path("/etc/a").is_symlink()

    def test_a_directory_in_its_place_is_an_error(self, system: FakeSystem) -> None:
        system.path("/etc/a").mkdir()
        with pytest.raises(NodeError, match="is a directory"):
            One(system, type="file", path="/etc/a", content="y").check()

    def test_an_unknown_owner_is_an_error(self, system: FakeSystem) -> None:
        one = One(system, type="file", path="/etc/a", content="y")
        one.document["resources"][0]["owner"] = "nobody-has-this-name:root"
        with pytest.raises(NodeError, match="nobody-has-this-name"):
            one.apply()


class TestDirectory:
    def test_made_with_parents_and_mode(self, system: FakeSystem) -> None:
        one = One(system, type="directory", path="/opt/cni/bin", mode="0750")
        assert one.apply().changed
        assert system.path("/opt/cni/bin").stat().st_mode & 0o777 == 0o750
        assert not one.apply().changed

    def test_a_link_to_one_stays(self, system: FakeSystem) -> None:
        system.path("/data").mkdir(mode=0o755)
        system.path("/data").chmod(0o755)
        system.path("/var").symlink_to(system.path("/data"))
        assert not One(system, type="directory", path="/var").apply().changed
        assert system.path("/var").is_symlink()

    def test_a_file_in_its_place_is_an_error(self, system: FakeSystem) -> None:
        put(system, "/etc/a")
        with pytest.raises(NodeError, match="no directory"):
            One(system, type="directory", path="/etc/a").check()


class TestKernelModules:
    def one(self, system: FakeSystem) -> One:
        return One(system, type="kernel_modules", path="/etc/modules-load.d/k.conf", names=["br_netfilter"])

    def test_loaded_now_and_at_boot(self, system: FakeSystem) -> None:
        system.loadable.add("br_netfilter")
        one = self.one(system)
        assert "load br_netfilter" in one.apply().changes[0].summary
        assert "br_netfilter\n" in system.path("/etc/modules-load.d/k.conf").read_text()
        assert not one.apply().changed

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/sys/module/br_netfilter/refcnt", "0"),
            ("/proc/modules", "br_netfilter 32768 0 - Live 0x0\n"),
            ("/lib/modules/6.1/modules.builtin", "kernel/net/bridge/br-netfilter.ko\n"),
        ],
    )
    def test_there_already(self, system: FakeSystem, path: str, text: str) -> None:
        put(system, "/proc/sys/kernel/osrelease", "6.1\n")
        put(system, path, text)
        one = self.one(system)
        one.apply()
        assert system.acts("modprobe") == []
        assert one.warnings == []

    def test_a_machine_without_it_is_an_error(self, system: FakeSystem) -> None:
        with pytest.raises(NodeError, match="Module br_netfilter not found"):
            self.one(system).apply()

    @pytest.mark.parametrize("path", ["/run/systemd/container", "/proc/1/environ"])
    def test_a_container_without_it_is_a_warning(self, system: FakeSystem, path: str) -> None:
        put(system, path, "PATH=/bin\0container=podman\0")
        one = self.one(system)
        assert one.apply().changed
        assert not one.apply().changed
        assert one.warnings == ["kernel module br_netfilter is not loaded, and a container cannot load it"]


class TestSysctls:
    def one(self, system: FakeSystem, **more: Any) -> One:
        values = {"net.ipv4.ip_forward": "1", "net.ipv4.ping_group_range": "0 2147483647"}
        return One(system, type="sysctls", path="/etc/sysctl.d/k.conf", values=values, **more)

    def test_set_now_and_at_boot(self, system: FakeSystem) -> None:
        put(system, "/proc/sys/net/ipv4/ip_forward", "0\n")
        put(system, "/proc/sys/net/ipv4/ping_group_range", "0\t2147483647\n")
        one = self.one(system)
        assert "net.ipv4.ip_forward: 0 → 1" in one.apply().changes[0].summary
        assert system.path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"
        assert "net.ipv4.ip_forward = 1\n" in system.path("/etc/sysctl.d/k.conf").read_text()
        assert not one.apply().changed

    def test_drift_of_the_live_value_is_found(self, system: FakeSystem) -> None:
        one = self.one(system, optional=["net.ipv4.ping_group_range"])
        forward = put(system, "/proc/sys/net/ipv4/ip_forward", "1\n")
        one.apply()
        forward.write_text("0\n")
        assert one.apply().changes[0].action == "update"
        assert forward.read_text() == "1\n"

    def test_an_absent_one_is_an_error(self, system: FakeSystem) -> None:
        with pytest.raises(NodeError, match=r"sysctl net.ipv4.ip_forward: cannot be set to 1"):
            self.one(system).apply()

    def test_an_absent_optional_one_is_a_warning(self, system: FakeSystem) -> None:
        one = self.one(system, optional=["net.ipv4.ip_forward", "net.ipv4.ping_group_range"])
        one.apply()
        assert not one.apply().changed
        assert "sysctl net.ipv4.ip_forward is absent and cannot be set to 1 here" in one.warnings
        assert "-net.ipv4.ip_forward = 1\n" in system.path("/etc/sysctl.d/k.conf").read_text()

    def test_an_optional_one_that_the_kernel_refuses_is_tried_once(
        self, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(system, "/proc/sys/net/ipv4/ip_forward", "0\n")
        write = Path.write_text

        def refuse(path: Path, text: str) -> int:
            if path.is_relative_to(system.path("/proc/sys")):
                raise PermissionError(13, "Permission denied")
            return write(path, text)

        monkeypatch.setattr(Path, "write_text", refuse)
        one = self.one(system, optional=["net.ipv4.ip_forward", "net.ipv4.ping_group_range"])
        assert one.apply().changed
        assert any("Permission denied" in text for text in one.warnings)
        assert not one.apply().changed
        assert not one.apply().changed


class TestPackages:
    def one(self, system: FakeSystem) -> One:
        return One(system, type="packages", names=["conntrack", "socat"])

    def test_only_what_is_missing_is_installed(self, system: FakeSystem) -> None:
        put(system, "/var/lib/apt/lists/x_Packages")
        system.installed.add("socat")
        one = self.one(system)
        assert one.apply().changes[0].summary == "install packages conntrack"
        install = [line for line in system.acts("apt-get") if "install" in line]
        assert len(install) == 1
        assert install[0].endswith(" conntrack")
        assert "DPkg::Lock::Timeout=300" in install[0]
        assert not any("update" in line for line in system.acts("apt-get"))
        assert not one.apply().changed

    def test_the_package_manager_gets_the_proxy_by_its_environment(self, system: FakeSystem) -> None:
        put(system, "/var/lib/apt/lists/x_Packages")
        proxy = {"http_proxy": "http://user:hunter2@proxy:3128"}
        outcome = One(system, type="packages", names=["socat"], environment=proxy).apply()
        assert system.environments["apt-get"]["http_proxy"] == proxy["http_proxy"]
        assert "hunter2" not in str(outcome)
        assert not any("hunter2" in line for line in system.commands)

    def test_empty_lists_are_updated_first(self, system: FakeSystem) -> None:
        self.one(system).apply()
        assert [line.split()[4] for line in system.acts("apt-get")] == ["update", "install"]

    def test_an_interrupted_dpkg_is_finished(self, system: FakeSystem) -> None:
        put(system, "/var/lib/apt/lists/x_Packages")
        complaint = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."
        system.failing["apt-get -q -o DPkg::Lock::Timeout=300 install"] = complaint
        self.one(system).apply()
        assert [line.split()[0] for line in system.acts("apt-get", "dpkg")] == ["apt-get", "dpkg", "apt-get"]
        assert system.installed == {"conntrack", "socat"}

    def test_a_failure_updates_the_lists_and_tells_apts_words(self, system: FakeSystem) -> None:
        put(system, "/var/lib/apt/lists/x_Packages")
        system.failing["apt-get -q -o DPkg::Lock::Timeout=300 install"] = "E: Unable to locate package socat"
        with pytest.raises(NodeError, match="Unable to locate package socat"):
            self.one(system).apply()
        assert [line.split()[4] for line in system.acts("apt-get")] == ["install", "update", "install"]

    def test_a_system_without_package_manager(self, system: FakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(FakeSystem, "_dpkg_query")
        with pytest.raises(NodeError, match="neither dpkg nor rpm"):
            self.one(system).check()

    def test_rpm_is_asked_where_there_is_no_dpkg(self, system: FakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(FakeSystem, "_dpkg_query")
        asked = "conntrack\npackage socat is not installed\n"
        monkeypatch.setattr(FakeSystem, "_rpm", lambda _self, *_arguments: (1, asked), raising=False)
        (change,) = self.one(system).check().changes
        assert (change.before, change.after) == (["conntrack"], ["conntrack", "socat"])

    def test_a_broken_dpkg_is_no_reason_to_ask_rpm(self, system: FakeSystem) -> None:
        system.failing["dpkg-query"] = "error: parsing file '/var/lib/dpkg/status'"
        assert [change.before for change in self.one(system).check().changes] == [[]]
        assert not any(line.startswith("rpm") for line in system.commands)


class TestKubeconfigServer:
    def one(self, system: FakeSystem) -> One:
        path = "/etc/kubernetes/kubelet.conf"
        return One(system, type="kubeconfig_server", path=path, server="https://127.0.0.1:6443", restarts=["kubelet"])

    def test_nothing_before_the_join(self, system: FakeSystem) -> None:
        assert not self.one(system).apply().changed

    def test_one_line_changes_and_no_key_is_shown(self, system: FakeSystem) -> None:
        system.running.add("kubelet")
        target = put(system, "/etc/kubernetes/kubelet.conf", KUBECONFIG)
        target.chmod(0o600)
        done = self.one(system).apply()
        assert target.read_text() == KUBECONFIG.replace("192.0.2.1", "127.0.0.1")
        assert target.stat().st_mode & 0o777 == 0o600
        assert done.restarted == ["kubelet"]
        assert "dG9wc2VjcmV0" not in str(done.changes[0].to_json())
        assert not self.one(system).apply().changed

    def test_a_file_without_one_server_is_an_error(self, system: FakeSystem) -> None:
        put(system, "/etc/kubernetes/kubelet.conf", "damaged")
        with pytest.raises(NodeError, match="names 0 servers"):
            self.one(system).check()


class TestHostsBlock:
    def one(self, system: FakeSystem, address: str = "192.0.2.1") -> One:
        return One(system, type="hosts_block", path="/etc/hosts", marker="kubewright", entries=[[address, ["a", "b"]]])

    def test_other_lines_mode_and_owner_stay(self, system: FakeSystem) -> None:
        target = put(system, "/etc/hosts", "127.0.0.1 localhost")
        target.chmod(0o664)
        self.one(system).apply()
        self.one(system, "192.0.2.9").apply()
        assert target.read_text() == "127.0.0.1 localhost\n# BEGIN kubewright\n192.0.2.9 a b\n# END kubewright\n"
        assert target.stat().st_mode & 0o777 == 0o664

    def test_a_missing_file_is_made(self, system: FakeSystem) -> None:
        assert self.one(system).apply().changes[0].action == "create"
        assert not self.one(system).apply().changed


class TestUnit:
    @pytest.mark.parametrize(
        ("state", "acts"),
        [
            ("started", ["systemctl enable --no-reload kubelet", "systemctl daemon-reload", "systemctl start kubelet"]),
            ("member", ["systemctl enable --no-reload kubelet", "systemctl daemon-reload"]),
        ],
    )
    def test_enabled_and_started_as_asked(self, system: FakeSystem, state: str, acts: list[str]) -> None:
        one = One(system, type="unit", name="kubelet", enabled=True, state=state)
        assert one.apply().changed
        assert system.acts() == acts
        assert not one.apply().changed

    def test_a_members_kubelet_that_somebody_stopped_is_started(self, system: FakeSystem) -> None:
        system.enabled.add("kubelet")
        put(system, "/etc/kubernetes/kubelet.conf", KUBECONFIG)
        one = One(system, type="unit", name="kubelet", enabled=True, state="member", restarts=[])
        done = one.apply()
        assert [change.summary for change in done.changes] == ["start unit kubelet"]
        assert done.restarted == []
        assert system.running == {"kubelet"}
        assert not one.apply().changed

    @pytest.mark.parametrize("action", ["init", "join"])
    def test_that_of_a_node_that_kubeadm_is_not_done_with_is_kubeadms_to_start(
        self, system: FakeSystem, action: str
    ) -> None:
        system.enabled.add("kubelet")
        put(system, "/etc/kubernetes/kubelet.conf", KUBECONFIG)
        markers.begin(system, action, markers.Layout("/etc/kubernetes/ssl", "/var/lib/etcd"))
        assert not One(system, type="unit", name="kubelet", enabled=True, state="member").apply().changed

    def test_disabled(self, system: FakeSystem) -> None:
        system.enabled.add("kubelet")
        One(system, type="unit", name="kubelet", enabled=False).apply()
        assert system.enabled == set()

    def test_a_machine_without_systemd(self, system: FakeSystem) -> None:
        system.failing["systemctl"] = "System has not been booted with systemd as init system (PID 1)"
        with pytest.raises(NodeError, match="The node needs systemd"):
            One(system, type="unit", name="kubelet").check()


class TestPrivateFiles:
    MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
    KEY = "/etc/kubernetes/ssl/ca.key"

    def one(self, system: FakeSystem) -> One:
        return One(system, type="private_files", files=[self.MANIFEST, self.KEY])

    def test_what_is_not_there_is_nobodys(self, system: FakeSystem) -> None:
        assert not self.one(system).apply().changed

    @pytest.mark.parametrize(
        ("mode", "after"), [(0o600, None), (0o400, None), (0o644, 0o600), (0o640, 0o600), (0o444, 0o400)]
    )
    def test_nobody_else_may_read_it(self, system: FakeSystem, mode: int, after: int | None) -> None:
        target = put(system, self.MANIFEST, "kind: Pod\n")
        before = target.stat().st_ino
        target.chmod(mode)
        done = self.one(system).apply()
        assert done.changed is (after is not None)
        assert target.stat().st_mode & 0o777 == (mode if after is None else after)
        assert (target.stat().st_ino, target.read_text()) == (before, "kind: Pod\n")
        assert not self.one(system).apply().changed

    def test_each_that_is_open_is_named(self, system: FakeSystem) -> None:
        for path in (self.MANIFEST, self.KEY):
            put(system, path, "").chmod(0o644)
        (change,) = self.one(system).check().changes
        assert f"{self.MANIFEST} (0644, root:root), {self.KEY} (0644, root:root)" in change.summary
