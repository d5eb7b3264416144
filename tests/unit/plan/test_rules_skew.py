"""Version skew: what a run must not bring about."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubewright.catalog.model import Skew
from kubewright.plan.rules.skew import Addition, Versions, added, refuse, violations

SKEW = Skew(1, 3, 3, 1, 1, {"1.36": "3.5.24", "1.37": "3.5.24"})
FINE = Versions(
    api_servers={"cp1": "v1.37.2"},
    kubelets={"cp1": "v1.37.2", "w1": "v1.37.0"},
    kubectls={"cp1": "1.37.2"},
    etcd={"cp1": "3.7.0"},
    kube_proxy="1.37.2",
)


def names(versions: Versions) -> list[str]:
    return [found.rule.name for found in violations(versions, SKEW)]


class TestPolicy:
    @pytest.mark.parametrize(
        ("versions", "expected"),
        [
            (FINE, []),
            (Versions(), []),
            (Versions({"cp1": "v1.37.2", "cp2": "v1.36.3"}), []),
            (Versions({"cp1": "v1.37.2", "cp2": "v1.36.3"}, {"w1": "v1.36.9"}), []),
            (Versions({"cp1": "v1.37.2", "cp2": "v1.36.3"}, {"w1": "v1.37.2"}), ["kubelet-newer"]),
            (Versions({"cp1": "v1.37.2", "cp2": "v1.35.0"}), ["api-server-skew"]),
            (Versions({"cp1": "v2.0.0", "cp2": "v1.37.0"}), ["api-server-skew"]),
            (replace(FINE, kubelets={"w1": "v1.38.0"}), ["kubelet-newer"]),
            (replace(FINE, kubelets={"w1": "v1.34.9"}), []),
            (replace(FINE, kubelets={"w1": "v1.33.9"}), ["kubelet-too-old", "kube-proxy-skew"]),
            (replace(FINE, kube_proxy="1.34.0"), []),
            (replace(FINE, kube_proxy="1.33.0"), ["kube-proxy-skew"]),
            (replace(FINE, kube_proxy="1.38.0"), ["kube-proxy-skew"]),
            (replace(FINE, kube_proxy="latest"), []),
            (replace(FINE, kubectls={"w1": "1.36.0"}), []),
            (replace(FINE, kubectls={"w1": "1.38.0"}), []),
            (replace(FINE, kubectls={"w1": "1.35.0"}), ["kubectl-skew"]),
            (replace(FINE, etcd={"cp1": "3.5.24"}), []),
            (replace(FINE, etcd={"cp1": "3.5.23"}), ["etcd-too-old"]),
            (replace(FINE, etcd={"cp1": "3.7.0", "cp2": "3.6.8"}), []),
            (replace(FINE, etcd={"cp1": "3.7.0", "cp2": "3.5.24"}), ["etcd-skew"]),
        ],
    )
    def test_by_versions(self, versions: Versions, expected: list[str]) -> None:
        assert names(versions) == expected

    def test_versions_differ_by_kubernetes_own_ways_of_writing(self) -> None:
        assert names(replace(FINE, kubelets={"w1": "v1.37.2-rc.0+abc"})) == []

    def test_only_old_kubelets_proxies_and_kubectl_may_be_skipped(self) -> None:
        old = replace(FINE, kubelets={"w1": "v1.30.0"}, kube_proxy="1.30.0", kubectls={"w1": "1.30.0"})
        assert all(found.rule.skippable for found in violations(old, SKEW))
        new = replace(FINE, kubelets={"w1": "v1.38.0"}, etcd={"cp1": "3.4.0"})
        assert not any(found.rule.skippable for found in violations(new, SKEW))


class TestWhatARunAdds:
    def test_a_worker_beside_an_api_server_that_was_forgotten(self) -> None:
        before = replace(FINE, api_servers={"cp1": "v1.37.2", "cp2": "v1.36.3"}, kubelets={"cp2": "v1.36.3"})
        after = added(before, (Addition("w2", control_plane=False),), kubernetes="1.37.2", etcd="3.7.0")
        assert [found.rule.name for found in refuse(before, after, SKEW)] == ["kubelet-newer"]
        assert after.api_servers == before.api_servers

    def test_a_control_plane_brings_api_server_and_member(self) -> None:
        after = added(FINE, (Addition("cp2", control_plane=True),), kubernetes="1.37.2", etcd="3.7.0")
        assert after.api_servers["cp2"] == "1.37.2"
        assert after.etcd["cp2"] == "3.7.0"
        assert refuse(FINE, after, SKEW) == ()

    def test_what_is_apart_already_does_not_forbid_a_correction(self) -> None:
        apart = replace(FINE, kubelets={"w1": "v1.30.0"})
        assert violations(apart, SKEW)
        assert refuse(apart, added(apart, (), kubernetes="1.37.2", etcd="3.7.0"), SKEW) == ()


MINORS = st.integers(min_value=28, max_value=40)
NAMES = st.sampled_from(["a", "b", "c", "d"])


def texts(minors: dict[str, int]) -> dict[str, str]:
    return {name: f"v1.{minor}.1" for name, minor in minors.items()}


@given(st.dictionaries(NAMES, MINORS, min_size=1), st.dictionaries(NAMES, MINORS))
def test_whatever_is_allowed_is_within_the_policy(servers: dict[str, int], kubelets: dict[str, int]) -> None:
    found = violations(Versions(api_servers=texts(servers), kubelets=texts(kubelets)), SKEW)
    oldest, newest = min(servers.values()), max(servers.values())
    within = newest - oldest <= 1 and all(newest - 3 <= minor <= oldest for minor in kubelets.values())
    assert (found == ()) is within


@given(st.text(max_size=12))
def test_a_version_that_cannot_be_read_is_no_error(text: str) -> None:
    violations(Versions({"a": "1.37.2"}, {"a": text}, {"a": text}, {"a": text}, text), SKEW)
