"""Run kubeadm with its configuration in memory only, and tell what went wrong without its secrets."""

from __future__ import annotations

import re
from typing import Sequence

from ansible_collections.kubewright.cluster.plugins.module_utils import files
from ansible_collections.kubewright.cluster.plugins.module_utils.errors import BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.process import Completed, System

DISCOVERY = files.SECRETS_DIRECTORY + "/discovery.conf"
CONFIGURATION = files.SECRETS_DIRECTORY + "/kubeadm.yaml"
CERTIFICATE_KEY = "{{certificate_key}}"

_SECRETS = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b|\b[0-9a-f]{64}\b")
_COMPLAINT = re.compile(r"^\s*\[ERROR [^\]]+\].*$|^error:? .*$|^error execution phase.*$", re.MULTILINE | re.IGNORECASE)
_INIT_KIND = re.compile(r"^kind: InitConfiguration[ \t]*$", re.MULTILINE)
_TAIL = 8
_REMEDIES = (
    ("[ERROR Port-", "Stop what uses the port, or reset the node"),
    ("[ERROR FileAvailable", "The node holds files of an earlier cluster: reset it"),
    ("[ERROR DirAvailable", "The node holds data of an earlier cluster: reset it"),
    ("[ERROR Swap]", "Turn swap off, or set kubelet_fail_swap_on to false"),
    ("[ERROR ", "Correct it, or add the check's name to kubeadm_ignore_preflight_errors"),
    ("kubelet", "Look at: journalctl -u kubelet"),
    ("etcd", "Look at etcd's log under /var/log/pods on this host"),
)


def write_secret(system: System, path: str, text: str) -> None:
    """Put ``text`` at ``path`` in memory, readable by root only."""
    status = system.path("/").stat()
    files.write_atomic(system.path(path), text.encode(), 0o600, (status.st_uid, status.st_gid))


def remove_secrets(system: System) -> None:
    """Remove what a run, also a killed one, put under /run for kubeadm."""
    for path in (CONFIGURATION, DISCOVERY):
        files.remove(system.path(path))


NO_PROXY = {
    name: "" for word in ("http", "https", "ftp", "all", "no") for name in (word + "_proxy", word.upper() + "_PROXY")
}
"""An environment without proxies: kubeadm speaks with the cluster only, and would write the proxy of its environment
into the control plane's pods."""


def run(
    system: System,
    arguments: Sequence[str],
    configuration: str,
    *,
    timeout: float,
    skip: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> str:
    """Run ``kubeadm ARGUMENTS`` with the configuration; what it wrote, without secrets.

    Args:
        system: the node.
        arguments: the command, for example ``("join",)``.
        configuration: YAML; lies in a file that only root can read while kubeadm runs.
        timeout: seconds.
        skip: phases to leave out.
        ignore: preflight checks whose errors are only warnings.

    Raises:
        NodeError: kubeadm failed or did not end in time.

    """
    argv = ["kubeadm", *arguments, "--config", str(system.path(CONFIGURATION))]
    if skip:
        argv += ["--skip-phases", ",".join(skip)]
    if ignore:
        argv += ["--ignore-preflight-errors", ",".join(ignore)]
    write_secret(system, CONFIGURATION, configuration)
    try:
        done = system.run(*argv, timeout=timeout, env=NO_PROXY)
    finally:
        files.remove(system.path(CONFIGURATION))
    if not done.ok:
        raise failure(" ".join(("kubeadm", *arguments)), done)
    return redacted(done.stdout)


def failure(what: str, done: Completed) -> NodeError:
    """The error that a failed kubeadm command stands for."""
    text = redacted("%s\n%s" % (done.stdout, done.stderr))
    complaints = [line.strip() for line in _COMPLAINT.findall(text)]
    tail = [line.strip() for line in text.splitlines() if line.strip()][-_TAIL:]
    cause = " / ".join(dict.fromkeys(complaints or tail)) or "exit status %d" % done.status
    remedy = next(
        (advice for sign, advice in _REMEDIES if sign in cause), "Look at: journalctl -u kubelet -u containerd"
    )
    return NodeError(what, cause[:2000], remedy)


def redacted(text: str) -> str:
    """``text`` without bootstrap tokens and certificate keys."""
    return _SECRETS.sub("<secret>", text)


def with_bootstrap_token(configuration: str, token: str, *, description: str, minutes: int) -> str:
    """An init configuration whose bootstrap token is this one.

    kubeadm's own would be good for 24 hours.

    Raises:
        NodeError: no InitConfiguration in it, or it has tokens of its own.

    """
    if len(_INIT_KIND.findall(configuration)) != 1 or re.search(r"^bootstrapTokens:", configuration, re.MULTILINE):
        raise NodeError("kubeadm configuration", "has no InitConfiguration to add a bootstrap token to", "", BAD_INPUT)
    lines = (
        "kind: InitConfiguration",
        "bootstrapTokens:",
        '- token: "%s"' % token,
        '  description: "%s"' % description,
        "  ttl: %dm0s" % minutes,
    )
    return _INIT_KIND.sub("\n".join(lines), configuration)


def is_control_plane(configuration: str) -> bool:
    """Whether a join configuration makes a control plane."""
    return re.search(r"^controlPlane:", configuration, re.MULTILINE) is not None
