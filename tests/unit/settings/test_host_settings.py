"""Settings of one host through JSON, which most actions of a run read them from."""

from __future__ import annotations

import json

import pytest

from kubewright.settings import HostSettings

GIVEN = {
    "ip": "10.7.0.1",
    "access_ip": "10.8.0.1",
    "ip6": "fd00::1",
    "access_ip6": "fd00::2",
    "ansible_host": "one.example.org",
    "kube_override_hostname": "one",
    "etcd_member_name": "first",
    "node_labels": {"a": "b"},
    "node_taints": ["a=b:NoSchedule"],
    "kubelet_node_config_extra_args": {"maxPods": 20},
}


def test_every_setting_is_tried() -> None:
    assert set(GIVEN) == set(HostSettings.model_fields)


@pytest.mark.parametrize("names", [(), *((name,) for name in GIVEN), tuple(GIVEN)])
def test_what_comes_back_is_the_same(names: tuple[str, ...]) -> None:
    settings = HostSettings.model_validate({name: GIVEN[name] for name in names})
    raw = json.loads(json.dumps(settings.model_dump(mode="json", exclude_defaults=True)))
    again = HostSettings.from_valid(raw)
    assert again == settings
    assert {name: type(getattr(again, name)) for name in GIVEN} == {
        name: type(getattr(settings, name)) for name in GIVEN
    }
    assert again.model_dump(mode="json", exclude_defaults=True) == raw
