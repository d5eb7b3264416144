"""What becomes of a variable: one of five states, judged by its name and its value."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubewright.settings import kubespray
from kubewright.settings.anyway import SAME, no_counterpart
from kubewright.settings.connection import is_connection_name
from kubewright.settings.critical import CRITICAL
from kubewright.settings.documentation import documentation
from kubewright.settings.families import family_of, spelling
from kubewright.settings.kinds import mismatch
from kubewright.settings.model import ClusterSettings
from kubewright.settings.names import CHECKED_NAMES, HONOURED_NAMES, RUN_NAMES
from kubewright.settings.nearest import nearest
from kubewright.settings.removed import replacement


class State(enum.StrEnum):
    """What becomes of a variable. The order is that of reports: what needs attention first."""

    UNKNOWN = "unknown"
    NOT_YET = "accepted, not yet honoured"
    REMOVED = "removed"
    NOT_APPLICABLE = "not applicable here"
    HONOURED = "honoured"


class Unread(enum.Enum):
    """Stands for a value that could not be evaluated, or that nobody looked at."""

    VALUE = "unread"


@dataclass(frozen=True)
class Verdict:
    """What becomes of one name with one value.

    ``detail`` completes the sentence "NAME is STATE", and can be empty. ``quiet`` says that the value wants nothing
    that does not happen anyway, so that nobody has to be told. ``likely_mistake`` marks an unknown name that is meant
    to be a setting: it is like a known one, or has the beginning of a family of names.
    """

    name: str
    state: State
    detail: str = ""
    quiet: bool = False
    likely_mistake: bool = False

    @property
    def is_fatal_if_strict(self) -> bool:
        """Whether ``--strict`` makes it an error."""
        return not self.quiet and (self.state is State.NOT_YET or self.likely_mistake)

    def __str__(self) -> str:
        if self.state is State.REMOVED:
            return f"{self.name} was {self.detail}"
        if self.state is State.UNKNOWN:
            return f"{self.name} is not known{self.detail}"
        joint = ", because " if self.state is State.NOT_APPLICABLE else ": "
        return f"{self.name} is {self.state}" + (f"{joint}{self.detail}" if self.detail else "")


_OWN_PREFIXES = (
    "kubewright_",
    "kube_",
    "kubelet_",
    "kubeadm_",
    "etcd_",
    "containerd_",
    "calico_",
    "cilium_",
    "coredns_",
)


def judge(name: str, value: Any, given: Mapping[str, Any]) -> Verdict:
    """Return what becomes of a name with a value.

    Args:
        name: the variable.
        value: its value, or ``Unread.VALUE``.
        given: what is given for the cluster, by name: some settings mean something only with others.

    """
    return _of_kubewright(name, value) or _of_kubespray(name, value, given) or _unknown(name)


def _of_kubewright(name: str, value: Any) -> Verdict | None:
    """Return the verdict on a name that kubewright reads, or that Ansible does."""
    if name in HONOURED_NAMES and not no_counterpart(name):
        return Verdict(name, State.HONOURED)
    if entry := CRITICAL.get(name):
        if is_empty(value) or spelling(value) in [spelling(accepted) for accepted in entry.accepted]:
            return Verdict(name, State.HONOURED, "it is done so anyway", quiet=True)
        return Verdict(name, State.NOT_YET, f"{entry.subject} is not supported, and nothing else is put in its place")
    read_by_others = (
        (name in CHECKED_NAMES, "it can only say what is done anyway"),
        (name in RUN_NAMES, "it is a run's"),
        (is_connection_name(name), "it is Ansible's own"),
    )
    return next((Verdict(name, State.HONOURED, detail, quiet=True) for true, detail in read_by_others if true), None)


def _of_kubespray(name: str, value: Any, given: Mapping[str, Any]) -> Verdict | None:
    known = kubespray.load().get(name)
    reason = no_counterpart(name)
    if known is None:
        return Verdict(name, State.NOT_APPLICABLE, reason, quiet=is_empty(value)) if reason else None
    wanted = not _wants_nothing(name, value, known)
    if known.removed_in and not reason:
        use = replacement(name)
        detail = f"removed in Kubespray {known.removed_in}" + (f", use {use}" if use else "")
        return Verdict(name, State.REMOVED, detail, quiet=not wanted)
    if not wanted:
        return Verdict(name, State.HONOURED, "it is done so anyway", quiet=True)
    family = None if reason else family_of(name)
    if family is not None:
        reason = family.inapplicable(given, _default(family.switch))
    if reason:
        return Verdict(name, State.NOT_APPLICABLE, reason)
    return Verdict(name, State.NOT_YET, "" if value is Unread.VALUE else mismatch(documentation(name).kind, value))


def _default(name: str) -> Any:
    """Return what a setting is where it is not given: kubewright's own default, else Kubespray's."""
    if (field := ClusterSettings.model_fields.get(name)) is not None:
        return None if field.is_required() else field.get_default(call_default_factory=True)
    known = kubespray.load().get(name)
    return known.default if known else None


def _unknown(name: str) -> Verdict:
    if near := nearest(name):
        return Verdict(name, State.UNKNOWN, f"; did you mean {near}?", likely_mistake=True)
    if name.startswith("ansible_"):
        return Verdict(name, State.HONOURED, "it is Ansible's own", quiet=True)
    own = name.startswith(_OWN_PREFIXES)
    return Verdict(name, State.UNKNOWN, "" if own else "; a variable of your own?", likely_mistake=own)


def is_empty(value: Any) -> bool:
    """Whether a value says nothing; a template that makes an empty list can leave its text."""
    return value is None or value in ([], {}) or (isinstance(value, str) and value.strip() in ("", "[]", "{}"))


def _wants_nothing(name: str, value: Any, known: kubespray.KubesprayName) -> bool:
    """Whether the value asks for nothing that does not happen anyway: a switch that is off, or nothing at all."""
    if value is Unread.VALUE:
        return False
    if is_empty(value) or spelling(value) in [spelling(same) for same in SAME.get(name, ())]:
        return True
    is_off = spelling(value) == spelling(False)
    return is_off and name not in SAME and known.default in (False, None)
