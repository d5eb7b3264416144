"""Typed settings out of variables, and every mistake told."""

from __future__ import annotations

from typing import Any

import pytest

from kubewright.errors import BadInputErrors, ExitCode
from kubewright.settings import HONOURED_NAMES, parse
from kubewright.settings.critical import CRITICAL
from kubewright.settings.names import CLUSTER_NAMES
from tests.unit.settings.helpers import GivenHost, given


def told(*hosts: GivenHost) -> str:
    """Return the errors' text for these hosts."""
    with pytest.raises(BadInputErrors) as caught:
        parse({f"node{number}": host for number, host in enumerate(hosts, 1)})
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    return str(caught.value)


class TestValues:
    def test_defaults_are_kubesprays(self) -> None:
        cluster = parse({"a": given()}).cluster
        assert (cluster.kube_pods_subnet, cluster.kube_service_addresses) == ("10.233.64.0/18", "10.233.0.0/18")
        assert (cluster.skydns_server, cluster.dns_domain) == ("10.233.0.3", "cluster.local")

    def test_dns_domain_follows_cluster_name(self) -> None:
        assert parse({"a": given(cluster_name="prod.example")}).cluster.dns_domain == "prod.example"
        assert parse({"a": given(cluster_name="prod.example", dns_domain="x.y")}).cluster.dns_domain == "x.y"

    @pytest.mark.parametrize("text", ["v1.37.2", "1.37.2"])
    def test_version_with_and_without_v(self, text: str) -> None:
        assert parse({"a": given(kube_version=text)}).cluster.kube_version == "1.37.2"

    def test_spellings_of_one_version_do_not_differ(self) -> None:
        assert parse({"a": given(kube_version="v1.37.2"), "b": given(kube_version="1.37.2")})

    def test_texts_as_ini_inventories_give_them(self) -> None:
        settings = parse({"a": given(kubelet_fail_swap_on="no", kube_apiserver_port="7443", kubelet_max_pods="50")})
        assert settings.cluster.kubelet_fail_swap_on is False
        assert (settings.cluster.kube_apiserver_port, settings.cluster.kubelet_max_pods) == (7443, 50)

    def test_null_is_as_if_not_given(self) -> None:
        settings = parse({"a": given(kube_version=None, ip=None, node_labels=None, http_proxy=None)})
        assert settings.cluster.kube_version == "1.37.2"
        assert settings.hosts["a"].ip is None

    def test_a_setting_that_some_hosts_give_holds_for_all(self) -> None:
        assert parse({"a": given(), "b": given(kubelet_max_pods=60)}).cluster.kubelet_max_pods == 60

    def test_host_settings_may_differ(self) -> None:
        hosts = parse({"a": given(ip="10.0.0.1"), "b": given(ip=" 10.0.0.2 ", node_labels={"disk": 1})}).hosts
        assert (hosts["a"].ip, hosts["b"].ip, hosts["b"].node_labels) == ("10.0.0.1", "10.0.0.2", {"disk": "1"})

    def test_flags_are_texts(self) -> None:
        cluster = parse({"a": given(kube_kubeadm_apiserver_extra_args={"profiling": False, "v": 2})}).cluster
        assert cluster.kube_kubeadm_apiserver_extra_args == {"profiling": "false", "v": "2"}

    def test_taints_have_one_spelling(self) -> None:
        taints = parse({"a": given(node_taints=["gpu:NoSchedule", "team=x:NoExecute"])}).hosts["a"].node_taints
        assert taints == ("gpu=:NoSchedule", "team=x:NoExecute")

    def test_external_load_balancer_has_the_apis_port(self) -> None:
        host = given(loadbalancer_apiserver={"address": "lb.example"}, kube_apiserver_port=7443)
        balancer = parse({"a": host}).cluster.loadbalancer_apiserver
        assert balancer is not None
        assert balancer.port == 7443

    def test_origins_are_kept(self) -> None:
        settings = parse({"a": given(ip="10.0.0.1")})
        assert settings.origin("a", "ip") == "vars.yml:4"
        assert settings.origin("a", "access_ip") == ""


class TestWrongValues:
    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("kube_version", "1.37", "three numbers"),
            ("kube_version", 1.37, "three numbers"),
            ("kube_network_plugin", "calico", "Supported: flannel"),
            ("kube_proxy_mode", "ipvs", "Supported: iptables, nftables"),
            ("etcd_deployment_type", "host", "Supported: kubeadm"),
            ("container_manager", "crio", "Supported: containerd"),
            ("loadbalancer_apiserver_type", "nginx", "Supported: haproxy"),
            ("kube_config_dir", "/opt/kubernetes", "Supported: /etc/kubernetes"),
            ("kube_apiserver_port", 70000, "less than or equal to 65535"),
            ("kube_apiserver_port", "many", "valid integer"),
            ("dns_domain", "under_score.local", "DNS name"),
            ("etcd_data_dir", "data", "absolute path"),
            ("bin_dir", "/usr/../bin", "absolute path"),
            ("kubelet_config_extra_args", {"featureGates": ["A"]}, "featureGates maps names to true or false"),
            ("kubelet_config_extra_args", {"featureGates": {"A": "yes"}}, "featureGates maps names to true or false"),
            ("kubelet_config_extra_args", {"kind": "X"}, "cannot be changed"),
            ("kube_proxy_config_extra_args", {"mode": "ipvs"}, "kube_proxy_mode"),
            ("kube_kubeadm_apiserver_extra_args", {"a": ["b"]}, "kube_kubeadm_apiserver_extra_args.a"),
            ("loadbalancer_apiserver", {"port": 1}, "Field required"),
            ("loadbalancer_apiserver", "lb", "valid dictionary"),
            ("ip", "10.0.0", "IPv4 address"),
            ("access_ip", "host.example", "IPv4 address"),
            ("node_labels", {"-x": "y"}, "no label key"),
            ("node_labels", {"x": "a b"}, "no label value"),
            ("node_labels", {"x": True}, "quote true and false"),
            ("node_labels", ["x=y"], "valid dictionary"),
            ("node_taints", ["x=y"], "no taint"),
            ("node_taints", ["x=y:Never"], "no taint"),
        ],
    )
    def test_is_told_with_file_line_and_value(self, name: str, value: Any, expected: str) -> None:
        host = given(**{name: value})
        text = told(host)
        assert text.startswith(f"{host.origin(name)}: {name}")
        assert expected in text
        assert "\n" not in text

    def test_without_file_the_host_is_named(self) -> None:
        class NoFile(GivenHost):
            def origin(self, name: str) -> str:
                return ""

        assert told(NoFile({**given().variables, "ip": "x"})).startswith("host node1: ip is 'x'")

    @pytest.mark.parametrize("name", ["kube_network_plugin", "kube_proxy_mode", "etcd_deployment_type"])
    def test_an_unsupported_default_must_be_replaced_by_the_user(self, name: str) -> None:
        host = GivenHost({key: value for key, value in given().variables.items() if key != name})
        text = told(host)
        assert text.startswith(f"{name}: not given, and Kubespray's default")
        assert "Supported: " in text

    def test_cluster_settings_that_differ_name_both_hosts(self) -> None:
        text = told(given(kube_pods_subnet="10.1.0.0/16"), given(), given(kube_pods_subnet="10.2.0.0/16"))
        assert text.startswith("kube_pods_subnet: differs between hosts")
        assert "on node1 (vars.yml:4)" in text
        assert "on node3 (vars.yml:4)" in text

    def test_a_setting_that_differs_everywhere_is_told_once(self) -> None:
        assert len(told(*[given(bin_dir=f"/bin{number}") for number in range(9)]).splitlines()) == 1

    def test_everything_is_told_in_one_pass(self) -> None:
        text = told(given(kube_version="x", ip="y", kubernetes_audit=True, kube_proxy_mode="ipvs"))
        assert len(text.splitlines()) == 4

    def test_a_mistake_of_all_hosts_is_told_once(self) -> None:
        assert len(told(*[given(kube_version="x", kubernetes_audit=True)] * 3).splitlines()) == 2

    def test_no_hosts(self) -> None:
        assert "kube_control_plane" in told()


class TestCritical:
    def test_is_disjoint_from_what_is_honoured(self) -> None:
        assert not CRITICAL.keys() & HONOURED_NAMES

    @pytest.mark.parametrize("name", sorted(CRITICAL))
    def test_what_kubewright_does_anyway_is_accepted(self, name: str) -> None:
        for value in (*CRITICAL[name].accepted, None, "", [], "[]"):
            assert parse({"a": given(**{name: value})})

    @pytest.mark.parametrize("name", sorted(CRITICAL))
    def test_anything_else_is_refused(self, name: str) -> None:
        text = told(given(**{name: "something else"}))
        assert text.startswith(f"vars.yml:4: {name} ")
        assert "is not supported yet" in text

    @pytest.mark.parametrize("value", ["false", "no", "False", False])
    def test_booleans_as_texts(self, value: object) -> None:
        assert parse({"a": given(ipv6_stack=value)})

    def test_secrets_are_not_shown(self) -> None:
        assert "hunter2" not in told(given(http_proxy="ftp://user:hunter2@proxy"))
        both = told(given(http_proxy="http://user:hunter2@one"), given(http_proxy="http://user:hunter2@two"))
        assert "differs between hosts" in both
        assert "hunter2" not in both

    def test_one_host_of_many_is_enough(self) -> None:
        assert "kube_encrypt_secret_data is True" in told(given(), given(kube_encrypt_secret_data=True))


class TestImpossible:
    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({"kube_pods_subnet": "10.233.0.0/17"}, "overlap"),
            ({"kube_pods_subnet": "10.1.2.3/16"}, "The network of that address is 10.1.0.0/16"),
            ({"kube_service_addresses": "fd00::/108"}, "IPv6 is not supported yet"),
            ({"kube_service_addresses": "10.300.0.0/16"}, "no IPv4 network"),
            ({"kube_service_addresses": "10.9.0.0/30"}, "too small"),
            ({"kube_network_node_prefix": 17}, "Possible with that network: 18 to 30"),
            (
                {"kube_pods_subnet": "10.0.0.0/8", "kube_network_node_prefix": 25},
                "Possible with that network: 16 to 24",
            ),
            ({"kube_pods_subnet": "10.9.0.0/24"}, "room for 1 nodes"),
            ({"kube_network_node_prefix": 26}, "has 62 addresses"),
            ({"skydns_server": "10.1.0.10"}, "no address of kube_service_addresses"),
            ({"skydns_server": "10.233.0.0"}, "no address of kube_service_addresses"),
            ({"skydns_server": "10.233.0.1"}, "first service address"),
            ({"skydns_server": "dns"}, "no IPv4 address"),
            ({"loadbalancer_apiserver_healthcheck_port": 6443}, "Choose different ports"),
            (
                {"loadbalancer_apiserver_port": 8443},
                "loadbalancer_apiserver_port is 8443, and kube_apiserver_port 6443",
            ),
            ({"loadbalancer_apiserver_localhost": False}, "loadbalancer_apiserver is not given"),
        ],
    )
    def test_is_told_where_it_was_given(self, variables: dict[str, Any], expected: str) -> None:
        text = told(given(**variables), given())
        assert text.startswith("vars.yml:")
        assert expected in text

    def test_a_local_balancer_beside_an_external_one(self) -> None:
        balancer = {"address": "10.0.0.9", "port": 6443}
        assert "is given" in told(given(loadbalancer_apiserver=balancer, loadbalancer_apiserver_localhost=True))
        assert parse({"a": given(loadbalancer_apiserver=balancer, loadbalancer_apiserver_localhost=False)})

    def test_what_says_the_same_is_accepted(self) -> None:
        assert parse({"a": given(loadbalancer_apiserver_port="6443", loadbalancer_apiserver_localhost="true")})


class TestNotices:
    def texts(self, *names: str) -> list[str]:
        return [str(notice) for notice in parse({"a": given(*names), "b": given(*names)}).notices]

    def test_a_name_not_honoured_is_told_once(self) -> None:
        assert self.texts("helm_enabled") == ["host a: helm_enabled is accepted, not yet honoured"]

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("calico_mtu", "kube_network_plugin is flannel"), ("docker_options", "container_manager is containerd")],
    )
    def test_not_applicable(self, name: str, reason: str) -> None:
        (text,) = self.texts(name)
        assert "not applicable here" in text
        assert reason in text

    @pytest.mark.parametrize(
        ("misspelt", "meant"),
        [
            ("kube_pods_subnett", "kube_pods_subnet"),
            ("kube_proxy_mod", "kube_proxy_mode"),
            ("etcd_deploymnet_type", "etcd_deployment_type"),
            ("kubelet_extra_config_args", "kubelet_config_extra_args"),
            ("acces_ip", "access_ip"),
        ],
    )
    def test_misspelt(self, misspelt: str, meant: str) -> None:
        (text,) = self.texts(misspelt)
        assert text.endswith(f"did you mean {meant}?")

    def test_names_of_other_software_are_told_together(self) -> None:
        (text,) = self.texts("nginx_sites", "app_version", "backup_hosts", "ipmi_password")
        assert text.endswith("variables of your own: app_version, backup_hosts, ipmi_password, nginx_sites")

    def test_honoured_names_have_none(self) -> None:
        host = given(*(CLUSTER_NAMES - given().variables.keys()))
        assert parse({"a": host}).notices == ()
