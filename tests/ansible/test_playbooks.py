"""The playbooks by plain ``ansible-playbook``: from any directory, without a configuration file or an enabled plugin.

The collection is found because it lies beside the package on Python's path. No host is contacted, except a port of
this machine on which nobody listens.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from kubewright.engine.actions.understanding import READ_ASIDE
from kubewright.engine.saving import KEY_FILE
from kubewright.errors import ExitCode
from kubewright.plan import Plan
from kubewright.plan.saved import Basis, SavedPlan

ROOT = Path(__file__).parents[2]
PLAYBOOKS = ("plan", "cluster", "scale", "remove_node", "reset", "check", "status", "topology", "unlock")
REQUIRED = {"kube_network_plugin": "flannel", "kube_proxy_mode": "iptables", "etcd_deployment_type": "kubeadm"}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory without ansible.cfg, and a home without one."""
    for name in ("work", "home", "inventory"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port of this machine on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def inventory(folder: Path, *, port: int = 1, workers: int = 1, **variables: Any) -> Path:
    """An inventory of one control plane and some workers that are reached on a port of this machine."""
    host = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_ssh_common_args": "-o ConnectTimeout=5"}
    names = [f"w{number}" for number in range(1, workers + 1)]
    addresses = {name: f"10.7.{number // 250}.{number % 250 + 2}" for number, name in enumerate(names)}
    hosts = {name: {**host, "ip": address} for name, address in {"cp1": "10.7.250.1", **addresses}.items()}
    groups: dict[str, Any] = {
        "kube_control_plane": {"hosts": {"cp1": {}}},
        "kube_node": {"hosts": {name: {} for name in names}},
    }
    value = {"all": {"hosts": hosts, "vars": {**REQUIRED, **variables}, "children": groups}}
    path = folder / "inventory" / "hosts.json"
    path.write_text(json.dumps(value))
    return path


def playbook(elsewhere: Path, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection; nothing of the user's own Ansible is read."""
    program = Path(sys.executable).with_name("ansible-playbook")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(elsewhere / "home"),
        "PYTHONPATH": str(ROOT / "src"),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.run(
        [str(program), f"kubewright.cluster.{name}", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=elsewhere / "work",
        env=environment,
        timeout=120,
        check=False,
    )


def failed_task(output: str) -> str:
    """The name of the last task that began."""
    return [line for line in output.splitlines() if line.startswith("TASK [")][-1]


def journal(state: Path) -> list[dict[str, Any]]:
    """The journal of the only run."""
    (path,) = (state / "runs").glob("*/journal.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_syntax(elsewhere: Path, name: str) -> None:
    done = playbook(elsewhere, name, "-i", inventory(elsewhere), "--syntax-check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "playbook:" in done.stdout


def test_every_playbook_is_tested() -> None:
    folder = ROOT / "src/ansible_collections/kubewright/cluster/playbooks"
    assert {path.stem for path in folder.glob("*.yml")} == set(PLAYBOOKS)


@pytest.mark.parametrize(
    ("name", "arguments", "carries_out"),
    [
        ("cluster", (), True),
        ("cluster", ("-e", "kubewright_dry_run=false"), True),
        ("cluster", ("-e", "kubewright_dry_run=true"), False),
        ("scale", ("-e", '{"kubewright_dry_run": true}'), False),
        ("plan", (), False),
    ],
)
def test_a_dry_run_has_no_task_that_changes_something(
    elsewhere: Path, name: str, arguments: tuple[str, ...], *, carries_out: bool
) -> None:
    done = playbook(elsewhere, name, "-i", inventory(elsewhere), *arguments, "--list-tasks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Compare hosts with their documents" in done.stdout
    assert ("Take the cluster's lock" in done.stdout) is carries_out


class TestBadInventory:
    """The first task tells; Ansible's exit code is its own."""

    def test_a_wrong_setting(self, elsewhere: Path) -> None:
        source = inventory(elsewhere, kubelet_max_pods="many")
        done = playbook(elsewhere, "cluster", "-i", source)
        assert done.returncode == 2
        assert "Read inventory and settings" in failed_task(done.stdout)
        assert "kubelet_max_pods" in done.stdout
        assert "many" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        assert list(source.parent.iterdir()) == [source]

    def test_a_setting_that_is_not_honoured_yet(self, elsewhere: Path) -> None:
        done = playbook(elsewhere, "scale", "-i", inventory(elsewhere, kube_network_plugin="calico"))
        assert done.returncode == 2
        assert "Read inventory and settings" in failed_task(done.stdout)
        assert "kube_network_plugin" in done.stdout

    def test_a_limit_that_names_no_host(self, elsewhere: Path) -> None:
        done = playbook(elsewhere, "scale", "-i", inventory(elsewhere), "-e", "kubewright_limit=w1,w9")
        assert done.returncode == 2
        assert "w9 is not a cluster host of this inventory" in done.stdout
        assert "cp1, w1" in done.stdout

    def test_a_drain_timeout_that_is_no_number(self, elsewhere: Path) -> None:
        wrong = ("-e", "node=w1", "-e", "kubewright_drain_timeout=10m")
        done = playbook(elsewhere, "remove_node", "-i", inventory(elsewhere), *wrong)
        assert done.returncode == 2
        assert "Read inventory and settings" in failed_task(done.stdout)
        assert "kubewright_drain_timeout: '10m' is no number of seconds" in done.stdout


class TestUnreachable:
    """A control plane that may hold a cluster does not answer: nothing is decided and nothing is made."""

    def test_is_told_with_host_and_remedy(self, elsewhere: Path, silent_port: int) -> None:
        source = inventory(elsewhere, port=silent_port)
        done = playbook(elsewhere, "cluster", "-i", source, "-e", f"kubewright_state_directory={elsewhere}/state")
        assert done.returncode == 2
        assert "choose the hosts to look at" in failed_task(done.stdout)
        assert "host cp1: no SSH connection" in done.stdout
        assert "Connection refused" in done.stdout
        failure = journal(elsewhere / "state")[-1]
        assert failure["event"] == "failed"
        assert failure["error"]["exit_code"] == ExitCode.UNREACHABLE
        assert not (source.parent / ".kubewright").exists()

    @pytest.mark.parametrize(
        ("arguments", "limit", "dry_run"),
        [
            ((), None, False),
            (("--limit", "w1", "--check"), ["w1"], True),
            (("-e", "kubewright_limit=w1", "-e", "kubewright_dry_run=true"), ["w1"], True),
            pytest.param(
                ("-e", "kubewright_dry_run=false"),
                None,
                False,
            ),
        ],
    )
    def test_how_it_was_asked_is_in_the_journal(
        self, elsewhere: Path, silent_port: int, arguments: tuple[str, ...], limit: list[str] | None, dry_run: bool
    ) -> None:
        source = inventory(elsewhere, port=silent_port)
        playbook(elsewhere, "scale", "-i", source, *arguments)
        begun = journal(source.parent / ".kubewright")[0]
        assert (begun["event"], begun["verb"]) == ("begun", "scale")
        assert begun["limit"] == limit
        assert begun["dry_run"] is dry_run


class TestLargeInventory:
    """With a run's folder it is read while the control planes are asked. Nothing else may differ."""

    WORKERS = READ_ASIDE + 1

    def test_a_wrong_setting_is_told_once(self, elsewhere: Path, silent_port: int) -> None:
        source = self._inventory(elsewhere, silent_port, kubelet_max_pods="many")
        run = self._run(elsewhere, "a")
        done = playbook(elsewhere, "scale", "-i", source, "-e", f"kubewright_run_directory={run}")
        assert done.returncode == 2
        assert "choose the hosts to look at" in failed_task(done.stdout)
        assert "kubelet_max_pods is 'many'" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        (failure,) = [event for event in self._events(run) if event["event"] == "failed"]
        assert failure["error"]["exit_code"] == ExitCode.BAD_INPUT

    def test_no_control_plane_is_told(self, elsewhere: Path) -> None:
        source = self._inventory(elsewhere, 1)
        value = json.loads(source.read_text())
        del value["all"]["children"]["kube_control_plane"]
        source.write_text(json.dumps(value))
        run = self._run(elsewhere, "a")
        done = playbook(elsewhere, "scale", "-i", source, "-e", f"kubewright_run_directory={run}")
        assert done.returncode == 2
        assert "kube_control_plane" in done.stdout
        assert [event["event"] for event in self._events(run)].count("failed") == 1

    def test_what_is_read_is_the_same(self, elsewhere: Path, silent_port: int) -> None:
        source = self._inventory(elsewhere, silent_port)
        run, state = self._run(elsewhere, "a"), elsewhere / "state"
        arguments = ("-i", source, "-e", f"kubewright_state_directory={state}", "-e", "kubewright_limit=w7")
        aside = playbook(elsewhere, "scale", *arguments, "-e", f"kubewright_run_directory={run}")
        at_once = playbook(elsewhere, "scale", *arguments)
        for done in (aside, at_once):
            assert "choose the hosts to look at" in failed_task(done.stdout)
            assert "host cp1: no SSH connection" in done.stdout
        (other,) = (state / "runs").glob("*")
        for name in ("request", "inputs", "origins"):
            assert (run / f"{name}.json").read_bytes() == (other / f"{name}.json").read_bytes()
        assert (run / "aside/inputs.lock").exists()
        assert not (other / "aside/inputs.lock").exists()

    @pytest.mark.parametrize(("removed", "aside"), [("w7", True), ("cp1", False)])
    def test_a_control_plane_that_is_to_leave_is_not_asked(
        self, elsewhere: Path, silent_port: int, removed: str, *, aside: bool
    ) -> None:
        source = self._inventory(elsewhere, silent_port)
        run = self._run(elsewhere, "a")
        asked = ("-e", f"node={removed}", "-e", "skip_confirmation=yes", "-e", f"kubewright_run_directory={run}")
        playbook(elsewhere, "remove_node", "-i", source, *asked)
        assert (run / "observations/cp1.json").exists() is aside
        assert (run / "aside/inputs.lock").exists() is aside

    def _inventory(self, elsewhere: Path, port: int, **variables: Any) -> Path:
        return inventory(elsewhere, port=port, workers=self.WORKERS, kube_pods_subnet="10.96.0.0/12", **variables)

    def _run(self, elsewhere: Path, name: str) -> Path:
        (elsewhere / name).mkdir()
        return elsewhere / name

    def _events(self, run: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


class Gathering:
    """A port that keeps whoever comes until so many are there together, and then sends all away."""

    def __init__(self, wanted: int) -> None:
        self.together = 0
        self._wanted = wanted
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._gather, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes up the thread, which would wait for ever.
        with socket.create_connection(("127.0.0.1", self.port)):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _gather(self) -> None:
        waiting: list[socket.socket] = []
        try:
            while True:
                waiting.append(self._socket.accept()[0])
                for one in [one for one in waiting if _gave_up(one)]:
                    waiting.remove(one)
                    one.close()
                self.together = max(self.together, len(waiting))
                if len(waiting) == self._wanted:
                    while waiting:
                        waiting.pop().close()
        except OSError:  # shut down
            for one in waiting:
                one.close()


def _gave_up(connection: socket.socket) -> bool:
    """Whether the other end was closed."""
    connection.setblocking(False)
    try:
        while data := connection.recv(1024):  # what SSH says of itself
            del data
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_status_asks_all_control_planes_at_once(elsewhere: Path) -> None:
    """One that is silent must not be waited for before the next is asked."""
    source = inventory(elsewhere)
    value = json.loads(source.read_text())
    names = ("cp1", "cp2", "cp3")
    with Gathering(len(names)) as silent:
        host = {**value["all"]["hosts"]["cp1"], "ansible_port": silent.port}
        value["all"]["hosts"] = {name: {**host, "ip": f"10.7.0.{n}"} for n, name in enumerate(names, 1)}
        value["all"]["children"] = {"kube_control_plane": {"hosts": {name: {} for name in names}}}
        source.write_text(json.dumps(value))
        done = playbook(elsewhere, "status", "-i", source, "-e", f"kubewright_state_directory={elsewhere}/state")
    assert done.returncode == 0, done.stdout + done.stderr
    assert silent.together == len(names)
    answers = [json.loads(path.read_text()) for path in (elsewhere / "state").glob("runs/*/observations/*.json")]
    assert [answer["reachable"] for answer in answers] == [False] * 3


def test_status_asks_control_planes_outside_the_limit(elsewhere: Path, silent_port: int) -> None:
    source = inventory(elsewhere, port=silent_port)
    state = elsewhere / "state"
    done = playbook(elsewhere, "status", "-i", source, "--limit", "w1", "-e", f"kubewright_state_directory={state}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.stem for path in state.glob("runs/*/observations/*.json")] == ["cp1"]


def test_the_plan_is_a_dry_run_of_deploy(elsewhere: Path, silent_port: int) -> None:
    source = inventory(elsewhere, port=silent_port)
    playbook(elsewhere, "plan", "-i", source)
    begun = journal(source.parent / ".kubewright")[0]
    assert (begun["verb"], begun["dry_run"]) == ("deploy", True)


def test_a_run_that_has_a_plan_leaves_its_report(elsewhere: Path, silent_port: int) -> None:
    """Of a reset that found nobody at home: the only plan that needs no node."""
    state = elsewhere / "state"
    done = playbook(
        elsewhere,
        "reset",
        *("-i", inventory(elsewhere, port=silent_port)),
        *("-e", "reset_confirmation=yes", "-e", f"kubewright_state_directory={state}"),
    )
    (report,) = (state / "runs").glob("*/report.html")
    assert f"Report: {report}" in done.stdout
    assert [event["path"] for event in journal(state) if event["event"] == "report"] == [str(report)]
    text = report.read_text()
    assert "reset cluster.local: hosts left out" in text
    assert "Left out, for want of an answer: cp1, w1." in text


def test_the_inventory_directory_can_be_read_again_after_a_run(elsewhere: Path, silent_port: int) -> None:
    """What a run puts beside an inventory is no inventory."""
    source = inventory(elsewhere, port=silent_port)
    first = playbook(elsewhere, "cluster", "-i", source.parent)
    second = playbook(elsewhere, "cluster", "-i", source.parent)
    assert (source.parent / ".kubewright").is_dir()
    assert "host cp1: no SSH connection" in first.stdout
    assert "host cp1: no SSH connection" in second.stdout
    assert "WARNING" not in second.stderr


class TestPlanFileOfRemoval:
    """The first task compares what is asked for with the file; only then is a control plane asked."""

    KEY = b"k" * 32

    @pytest.mark.parametrize(
        ("arguments", "task", "told"),
        [
            (("node=cp1", "kubewright_offline=true"), "Read inventory and settings", "no control plane"),
            (("node=gone", "kubewright_offline=true"), "Read inventory and settings", "its limit is w1, not gone"),
            (("node=w1",), "Read inventory and settings", "Set kubewright_offline to true"),
            (("node=w1", "kubewright_offline=true"), "Choose the hosts to look at", "no SSH connection"),
            (("kubewright_limit=w1", "kubewright_offline=true"), "Choose the hosts to look at", "no SSH connection"),
        ],
    )
    def test_is_compared(
        self, elsewhere: Path, silent_port: int, arguments: tuple[str, ...], task: str, told: str
    ) -> None:
        state = elsewhere / "state"
        state.mkdir()
        (state / KEY_FILE).write_text(self.KEY.hex())
        plan = Plan("remove", "cluster.local", "1.37.2", "cp1", (), limit=("w1",))
        kept = elsewhere / "w1.plan"
        kept.write_text(json.dumps(SavedPlan(plan, Basis("0", "c", {}, {}), offline=True).to_json(self.KEY)))
        given = (*arguments, "skip_confirmation=true", f"kubewright_plan_file={kept}")
        options = [part for each in (*given, f"kubewright_state_directory={state}") for part in ("-e", each)]
        done = playbook(elsewhere, "remove_node", "-i", inventory(elsewhere, port=silent_port), *options)
        assert done.returncode == 2
        assert task in failed_task(done.stdout)
        assert told in done.stdout
