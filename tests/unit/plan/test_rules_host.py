"""What hosts are refused for, from answers of the probe as real machines gave them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.errors import BadInputError, ForeignError, KubewrightError
from kubewright.plan.rules.host import CLOCK_SKEW_SECONDS, Expectation, check, check_disk

NOW = 1_790_000_000.0
GIB = 2**30

PROBED: Mapping[str, Any] = {
    "addresses": ["10.7.0.11"],
    "architecture": "amd64",
    "busy": None,
    "cgroup": "v2",
    "cpus": 2,
    "default_ipv4": {"address": "10.7.0.11", "interface": "eth0"},
    "disk_free": {"/": 40 * GIB, "/var/lib/containerd": 40 * GIB, "/var/lib/kubewright": 40 * GIB},
    "hostname": "worker1",
    "kernel": "6.1.0-37-amd64",
    "kubernetes": {
        "kubelet_conf": False,
        "admin_conf": False,
        "manifests": [],
        "etcd_data": False,
        "kubelet_active": False,
        "kubeadm_flags": "",
    },
    "kubewright": {
        "present": False,
        "record": {},
        "resources": 0,
        "pending_restarts": [],
        "damaged": "",
        "path": "/etc/kubewright/manifest.json",
    },
    "listening_ports": {"22": ["0.0.0.0", "::"]},
    "machine_id": "c0ffee00c0ffee00c0ffee00c0ffee00",
    "memory_total_kb": 4_000_000,
    "os": {"id": "debian", "version_id": "12", "id_like": "", "pretty": "Debian GNU/Linux 12 (bookworm)"},
    "package_manager": "apt-get",
    "python": "3.11.2",
    "ssh_client": "10.7.0.254",
    "swap_total_kb": 0,
    "systemd": True,
    "time": NOW,
    "uid": 0,
}
"""A bare Debian 12 machine."""

JOINED = {**PROBED["kubernetes"], "kubelet_conf": True, "manifests": ["kube-apiserver.yaml"], "kubelet_active": True}


def probed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(dict(PROBED)), **changes}


def expected(**changes: Any) -> Expectation:
    values: dict[str, Any] = {
        "host": "worker1",
        "new": True,
        "control_plane": False,
        "api_port": 6443,
        "swap_allowed": False,
        "controller_time": NOW,
    }
    return Expectation(**{**values, **changes})


def only(errors: tuple[KubewrightError, ...]) -> KubewrightError:
    assert len(errors) == 1, errors
    error = errors[0]
    assert error.subject == "host worker1"
    assert error.remedy
    assert not error.cause.endswith(".")
    return error


def listening(*ports: int) -> dict[str, list[str]]:
    return {str(port): ["0.0.0.0"] for port in ports}


class TestBareMachine:
    @pytest.mark.parametrize("control_plane", [False, True])
    def test_can_be_used(self, control_plane: bool) -> None:
        assert check(probed(), expected(control_plane=control_plane)) == ()

    @pytest.mark.parametrize(
        "system",
        [
            {"id": "debian", "version_id": "13", "id_like": "", "pretty": "Debian GNU/Linux 13 (trixie)"},
            {"id": "ubuntu", "version_id": "24.04", "id_like": "debian", "pretty": "Ubuntu 24.04.3 LTS"},
            {"id": "linuxmint", "version_id": "22", "id_like": "ubuntu debian", "pretty": "Linux Mint 22"},
        ],
    )
    def test_of_a_debian_kind_can_be_used(self, system: dict[str, str]) -> None:
        assert check(probed(os=system), expected()) == ()

    def test_with_arm_can_be_used(self) -> None:
        assert check(probed(architecture="arm64"), expected()) == ()


class TestUnsupported:
    @pytest.mark.parametrize(
        ("system", "named"),
        [
            (
                {"id": "alpine", "version_id": "3.20", "id_like": "", "pretty": "Alpine Linux v3.20"},
                "Alpine Linux v3.20",
            ),
            ({"id": "arch", "version_id": "", "id_like": "", "pretty": ""}, "'arch'"),
            ({"id": "", "version_id": "", "id_like": "", "pretty": ""}, "''"),
            ({"id": "opensuse-leap", "version_id": "15", "id_like": "suse opensuse", "pretty": "openSUSE"}, "openSUSE"),
        ],
    )
    def test_operating_system(self, system: dict[str, str], named: str) -> None:
        error = only(check(probed(os=system), expected()))
        assert isinstance(error, BadInputError)
        assert named in error.cause
        assert "Debian or Ubuntu" in error.remedy

    @pytest.mark.parametrize("architecture", ["riscv64", "armv7l", "ppc64le", "i686"])
    def test_architecture(self, architecture: str) -> None:
        error = only(check(probed(architecture=architecture), expected()))
        assert architecture in error.cause
        assert "amd64, arm64" in error.remedy

    @pytest.mark.parametrize(("version", "refused"), [("3.8.19", True), ("3.6.8", True), ("2.7.18", True)])
    def test_python(self, version: str, refused: bool) -> None:
        error = only(check(probed(python=version), expected()))
        assert version in error.cause
        assert "ansible_python_interpreter" in error.remedy

    @pytest.mark.parametrize("version", ["3.9.2", "3.10.12", "3.13.5", "3.14.0rc2"])
    def test_python_new_enough(self, version: str) -> None:
        assert check(probed(python=version), expected()) == ()

    def test_user_that_did_not_become_root(self) -> None:
        error = only(check(probed(uid=1000), expected()))
        assert "1000" in error.cause


class TestClock:
    @pytest.mark.parametrize("skew", [0.0, 29.9, CLOCK_SKEW_SECONDS, -29.9, -CLOCK_SKEW_SECONDS])
    def test_within_the_tolerance(self, skew: float) -> None:
        assert check(probed(time=NOW + skew), expected()) == ()

    @pytest.mark.parametrize(
        ("skew", "words"),
        [
            (30.01, "30 s ahead of"),
            (31.0, "31 s ahead of"),
            (-31.0, "31 s behind"),
            (-86_400.0, "86400 s behind"),
            (3_600.0, "3600 s ahead of"),
        ],
    )
    def test_off(self, skew: float, words: str) -> None:
        error = only(check(probed(time=NOW + skew), expected()))
        assert isinstance(error, BadInputError)
        assert words in error.cause
        assert "NTP" in error.remedy

    @given(skew=st.integers(-100_000, 100_000))
    def test_is_refused_exactly_beyond_it_both_ways(self, skew: int) -> None:
        assert bool(check(probed(time=NOW + skew), expected())) == (abs(skew) > CLOCK_SKEW_SECONDS)


class TestSwap:
    def test_on_is_refused_with_its_size(self) -> None:
        error = only(check(probed(swap_total_kb=2_097_148), expected()))
        assert isinstance(error, BadInputError)
        assert "2047 MiB" in error.cause
        assert "kubelet_fail_swap_on" in error.remedy

    def test_on_is_fine_where_the_kubelet_allows_it(self) -> None:
        assert check(probed(swap_total_kb=2_097_148), expected(swap_allowed=True)) == ()

    def test_on_is_refused_on_members_too(self) -> None:
        """Someone turned it on after the deploy: the kubelet would not come back from a restart."""
        only(check(probed(swap_total_kb=1024), expected(new=False)))


class TestPorts:
    @pytest.mark.parametrize(
        ("control_plane", "port", "refused"),
        [
            (True, 6443, True),
            (True, 2379, True),
            (True, 2380, True),
            (False, 6443, True),
            (False, 2379, False),
            (False, 2380, False),
            (True, 80, False),
        ],
    )
    def test_taken_by_another_process(self, control_plane: bool, port: int, refused: bool) -> None:
        errors = check(probed(listening_ports=listening(22, port)), expected(control_plane=control_plane))
        assert bool(errors) == refused
        if refused:
            assert str(port) in only(errors).cause

    def test_several_come_as_one_error(self) -> None:
        errors = check(probed(listening_ports=listening(6443, 2380, 2379)), expected(control_plane=True))
        assert "port 2379, 2380, 6443" in only(errors).cause

    def test_the_chosen_api_port_counts(self) -> None:
        facts = probed(listening_ports=listening(8443))
        assert check(facts, expected()) == ()
        assert check(facts, expected(api_port=8443))

    def test_of_a_member_are_its_own(self) -> None:
        facts = probed(listening_ports=listening(6443, 2379), kubewright={**PROBED["kubewright"], "present": True})
        assert check(facts, expected(new=False, control_plane=True)) == ()

    def test_where_an_earlier_run_began_are_ours(self) -> None:
        facts = probed(listening_ports=listening(6443, 2379), kubewright={**PROBED["kubewright"], "present": True})
        assert check(facts, expected(new=True, control_plane=True)) == ()


class TestDisk:
    def test_too_small_is_refused_with_both_sizes(self) -> None:
        facts = probed(disk_free={"/var/lib/containerd": GIB // 2})
        error = only(check_disk(facts, "worker1", {"/var/lib/containerd": 2 * GIB}))
        assert "/var/lib/containerd" in error.cause
        assert "512 MiB" in error.cause
        assert "2048 MiB" in error.cause

    def test_exactly_enough_is_enough(self) -> None:
        needed = {"/var/lib/containerd": 2 * GIB}
        assert check_disk(probed(disk_free=needed), "worker1", needed) == ()
        assert check_disk(probed(disk_free={"/var/lib/containerd": 2 * GIB - 1}), "worker1", needed)

    def test_each_full_file_system_is_told(self) -> None:
        facts = probed(disk_free={"/a": 0, "/b": 0, "/c": GIB})
        errors = check_disk(facts, "worker1", {"/a": 1, "/b": 1, "/c": 1})
        assert [error.cause.split()[0] for error in errors] == ["/a", "/b"]

    @given(free=st.integers(0, 2**45), needed=st.integers(0, 2**45))
    def test_is_refused_exactly_when_less_is_free(self, free: int, needed: int) -> None:
        errors = check_disk(probed(disk_free={"/x": free}), "worker1", {"/x": needed})
        assert bool(errors) == (free < needed)


class TestForeign:
    @pytest.mark.parametrize(
        "trace",
        [{"kubelet_conf": True}, {"admin_conf": True}, {"manifests": ["etcd.yaml"]}],
        ids=lambda found: next(iter(found)),
    )
    def test_node_of_another_tool_is_refused(self, trace: dict[str, Any]) -> None:
        error = only(check(probed(kubernetes={**PROBED["kubernetes"], **trace}), expected()))
        assert isinstance(error, ForeignError)
        assert "nothing was changed" in error.cause

    def test_our_own_is_not(self) -> None:
        facts = probed(kubernetes=JOINED, kubewright={**PROBED["kubewright"], "present": True})
        assert check(facts, expected(new=False)) == ()

    def test_our_own_before_its_join_is_not(self) -> None:
        assert check(probed(kubewright={**PROBED["kubewright"], "present": True}), expected()) == ()


def test_all_that_is_wrong_comes_at_once() -> None:
    facts = probed(
        os={"id": "alpine", "version_id": "3", "id_like": "", "pretty": "Alpine"},
        architecture="riscv64",
        python="3.6.8",
        uid=1000,
        time=NOW - 60,
        swap_total_kb=1024,
        listening_ports=listening(6443),
        kubernetes=JOINED,
    )
    errors = check(facts, expected())
    assert len(errors) == 8
    assert len({error.cause for error in errors}) == 8


@given(
    swap=st.integers(0, 10**9),
    ports=st.sets(st.sampled_from([22, 80, 2379, 2380, 6443])),
    new=st.booleans(),
    present=st.booleans(),
    control_plane=st.booleans(),
)
def test_judging_changes_nothing_and_always_gives_the_same(
    swap: int, ports: set[int], new: bool, present: bool, control_plane: bool
) -> None:
    facts = probed(
        swap_total_kb=swap,
        listening_ports=listening(*ports),
        kubewright={**PROBED["kubewright"], "present": present},
    )
    before = copy.deepcopy(facts)
    expectation = expected(new=new, control_plane=control_plane)
    first = [str(error) for error in check(facts, expectation)]
    assert [str(error) for error in check(facts, expectation)] == first
    assert facts == before
    if not new or present:
        assert not any("port" in text for text in first)
