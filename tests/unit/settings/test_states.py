"""What becomes of every name: five states over all of Kubespray's names, and nothing misspelt passes."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubewright.settings import HONOURED_NAMES, KNOWN_NAMES, State, kubespray
from kubewright.settings.anyway import NO_COUNTERPART, SAME
from kubewright.settings.critical import CRITICAL
from kubewright.settings.families import FAMILIES
from kubewright.settings.nearest import nearest
from kubewright.settings.removed import REPLACEMENTS
from kubewright.settings.states import Unread, judge

TABLE = kubespray.load()
LIVING = sorted(name for name, entry in TABLE.items() if not entry.last)
REMOVED = sorted(name for name, entry in TABLE.items() if entry.last)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    st.just(Unread.VALUE),
)


class TestEveryNameOfKubesprays:
    def test_there_are_as_many_as_there_should_be(self) -> None:
        assert len(LIVING) > 1500
        assert len(REMOVED) > 400

    @pytest.mark.parametrize("value", [Unread.VALUE, None, "", True, False, 7, "text", ["a"], {"a": 1}])
    def test_has_a_state(self, value: Any) -> None:
        unknown = [name for name in TABLE if judge(name, value, {}).state is State.UNKNOWN]
        assert unknown == []

    @given(name=st.sampled_from(sorted(TABLE)), value=VALUES, given=st.dictionaries(st.sampled_from(LIVING), VALUES))
    @settings(max_examples=300, deadline=None)
    def test_has_a_state_whatever_is_given(self, name: str, value: Any, given: dict[str, Any]) -> None:
        verdict = judge(name, value, given)
        assert verdict.state is not State.UNKNOWN
        assert name in str(verdict)

    def test_that_is_removed_and_means_nothing_else_is_said_to_be(self) -> None:
        others = HONOURED_NAMES | CRITICAL.keys()
        for name in REMOVED:
            verdict = judge(name, "something", {})
            assert verdict.state in (State.REMOVED, State.NOT_APPLICABLE) or name in others, name

    def test_that_must_not_be_ignored_is_never_quiet_with_a_value(self) -> None:
        loud = {name for name in CRITICAL if not judge(name, "something else", {}).quiet}
        assert loud == CRITICAL.keys()


class TestStates:
    @pytest.mark.parametrize(
        ("name", "value", "state", "words"),
        [
            ("kube_pods_subnet", "10.0.0.0/16", State.HONOURED, ""),
            ("loadbalancer_apiserver_port", 6443, State.HONOURED, "anyway"),
            ("ansible_user", "root", State.HONOURED, "Ansible"),
            ("kubewright_limit", "a", State.HONOURED, "run"),
            ("metrics_server_enabled", True, State.NOT_YET, ""),
            ("metrics_server_enabled", "maybe", State.NOT_YET, "not true or false"),
            ("cert_manager_tolerations", {"a": 1}, State.NOT_APPLICABLE, "cert_manager_enabled"),
            ("kube_encrypt_secret_data", True, State.NOT_YET, "encryption"),
            ("calico_mtu", 1440, State.NOT_APPLICABLE, "kube_network_plugin is flannel"),
            ("docker_options", "-x", State.NOT_APPLICABLE, "container_manager is containerd"),
            ("etcd_member_name", "etcd1", State.NOT_APPLICABLE, "kubeadm names"),
            ("etcd_retries", 9, State.NOT_APPLICABLE, "etcd_deployment_type"),
            ("dashboard_enabled", True, State.REMOVED, "removed in Kubespray 2.31"),
            ("metallb_ip_range", ["10.0.0.0/28"], State.REMOVED, "use metallb_config"),
            ("kube_pod_subnet", "10.0.0.0/16", State.UNKNOWN, "did you mean kube_pods_subnet"),
            ("kube_nothing_of_the_kind", 1, State.UNKNOWN, "not known"),
            ("ansible_becom", True, State.UNKNOWN, "did you mean ansible_become"),
            ("site", "north", State.UNKNOWN, "of your own"),
        ],
    )
    def test_table(self, name: str, value: Any, state: State, words: str) -> None:
        verdict = judge(name, value, {"kube_network_plugin": "flannel", "etcd_deployment_type": "kubeadm"})
        assert verdict.state is state
        assert words in str(verdict)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("helm_enabled", False),
            ("helm_enabled", "no"),
            ("dashboard_enabled", False),
            ("kube_encrypt_secret_data", "false"),
            ("containerd_registry_auth", []),
            ("kube_api_anonymous_auth", True),
            ("download_container", True),
            ("searchdomains", None),
        ],
    )
    def test_what_happens_anyway_needs_no_words(self, name: str, value: Any) -> None:
        assert judge(name, value, {}).quiet

    @pytest.mark.parametrize(
        ("name", "value"),
        [("helm_enabled", True), ("override_system_hostname", True), ("ndots", 2), ("download_container", False)],
    )
    def test_anything_else_does(self, name: str, value: Any) -> None:
        assert not judge(name, value, {}).quiet

    def test_a_family_means_something_where_its_switch_is_on(self) -> None:
        assert judge("calico_mtu", 1440, {"kube_network_plugin": "calico"}).state is State.NOT_YET
        assert judge("metallb_protocol", "bgp", {"metallb_enabled": "yes"}).state is State.NOT_YET
        assert judge("nodelocaldns_ip", "169.254.1.1", {}).state is State.NOT_YET  # Kubespray's default is on

    def test_fatal_with_strict(self) -> None:
        fatal = {name: judge(name, True, {}).is_fatal_if_strict for name in ("helm_enabled", "kube_pod_subnet", "site")}
        assert fatal == {"helm_enabled": True, "kube_pod_subnet": True, "site": False}


class TestMisspelt:
    @given(name=st.sampled_from(sorted(HONOURED_NAMES)), data=st.data())
    @settings(max_examples=200, deadline=None)
    def test_one_wrong_letter_never_passes(self, name: str, data: st.DataObject) -> None:
        place = data.draw(st.integers(1, len(name) - 1))
        letter = data.draw(st.sampled_from(string.ascii_lowercase))
        misspelt = data.draw(
            st.sampled_from(
                [
                    name[:place] + letter + name[place:],
                    name[:place] + name[place + 1 :],
                    name[:place] + letter + name[place + 1 :],
                ]
            )
        )
        verdict = judge(misspelt, "x", {})
        if misspelt not in TABLE and misspelt not in KNOWN_NAMES:
            assert verdict.state is State.UNKNOWN
            assert not verdict.quiet
        if len(name) > 5 and verdict.state is State.UNKNOWN:
            assert verdict.likely_mistake

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("Kube_Version", "kube_version"),
            ("kube-version", "kube_version"),
            ("kubelet_extra_config_args", "kubelet_config_extra_args"),
            ("kubewright_artefact_source", "kubewright_artifact_source"),
            ("ansible_hots", "ansible_host"),
            ("x" * 5000, ""),
        ],
    )
    def test_nearest(self, name: str, meant: str) -> None:
        assert nearest(name) == meant


class TestTables:
    def test_switches_are_known(self) -> None:
        ours = {"crun_enabled", "gvisor_enabled", "youki_enabled"}
        unknown = {family.switch for family in FAMILIES} - TABLE.keys() - KNOWN_NAMES - ours
        assert unknown == set()

    def test_replaced_names_are_removed_ones(self) -> None:
        living = [name for name in REPLACEMENTS if name not in TABLE or not TABLE[name].last]
        assert [name for name in living if name not in HONOURED_NAMES | CRITICAL.keys()] == []

    def test_names_of_tables_are_known(self) -> None:
        assert [
            name for name in (SAME.keys() | NO_COUNTERPART.keys() | CRITICAL.keys()) - KNOWN_NAMES if name not in TABLE
        ] == []
