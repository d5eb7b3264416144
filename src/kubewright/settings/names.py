"""Which variable names mean something to kubewright."""

from __future__ import annotations

from kubewright.settings import kubespray
from kubewright.settings.critical import CRITICAL
from kubewright.settings.model import ClusterSettings, HostSettings

CLUSTER_NAMES: frozenset[str] = frozenset(ClusterSettings.model_fields)
HOST_NAMES: frozenset[str] = frozenset(HostSettings.model_fields)
HONOURED_NAMES: frozenset[str] = CLUSTER_NAMES | HOST_NAMES
"""Settings that do something."""

CHECKED_NAMES: frozenset[str] = frozenset(
    {"loadbalancer_apiserver_port", "loadbalancer_apiserver_localhost", "kube_apiserver_ip"}
)
"""Settings that can only say what kubewright does anyway, depending on others."""

RUN_NAMES: frozenset[str] = frozenset(
    {
        *("kubewright_confirm", "kubewright_dry_run", "kubewright_force", "kubewright_kubectl", "kubewright_limit"),
        *("kubewright_lock_id", "kubewright_max_failures", "unlock_confirmation"),
        *("kubewright_drain_timeout", "kubewright_offline", "node", "reset_confirmation", "skip_confirmation"),
        *("kubewright_plan_file", "kubewright_run_directory", "kubewright_state_directory", "kubewright_strict"),
    }
)
"""Variables of a run, given with ``-e`` or by the command: no settings of the cluster."""

REFUSED_NAMES: frozenset[str] = frozenset(CRITICAL)
"""Settings that must not be ignored: any value but what is done anyway is an error."""

KNOWN_NAMES: frozenset[str] = HONOURED_NAMES | CHECKED_NAMES | REFUSED_NAMES
"""Settings whose values are needed: the honoured ones, and those that must not be ignored."""

READ_NAMES: frozenset[str] = KNOWN_NAMES | kubespray.load().keys()
"""Settings whose values are looked at where they can be evaluated: a value can say that nothing is wanted."""
