"""From the variables of every host to typed settings, with every mistake told in one pass."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kubewright.errors import BadInputError, BadInputErrors
from kubewright.settings.combinations import impossible
from kubewright.settings.critical import CRITICAL, KUBESPRAY_DEFAULTS
from kubewright.settings.distinct import distinct
from kubewright.settings.families import spelling
from kubewright.settings.model import ClusterSettings, HostSettings, Settings
from kubewright.settings.names import CLUSTER_NAMES, HONOURED_NAMES, HOST_NAMES
from kubewright.settings.states import is_empty
from kubewright.settings.survey import HostInput, notices_of, strict_errors, survey
from kubewright.settings.types import without_passwords


def parse(inventory_hosts: Mapping[str, HostInput], *, strict: bool = False) -> Settings:
    """Return the settings of the cluster of these hosts.

    A cluster setting that only some hosts give holds for the cluster. A null is as if the name were not given.

    Args:
        inventory_hosts: the hosts of the cluster by name, those outside a ``--limit`` too.
        strict: settings that are not honoured, and names that are likely mistakes, are errors, too.

    Raises:
        BadInputErrors: everything that is wrong.

    """
    if not inventory_hosts:
        cause = "no host is in kube_control_plane, kube_node or k8s_cluster"
        raise BadInputErrors((BadInputError("inventory", cause, "Put hosts into kube_control_plane and kube_node"),))
    errors: list[BadInputError] = []
    cluster_values = _cluster_values(inventory_hosts, errors)
    host_values = {name: _host_values(name, host, errors) for name, host in inventory_hosts.items()}
    _refuse_critical(inventory_hosts, errors)
    _refuse_defaults(cluster_values, errors)
    findings = survey(inventory_hosts)
    if strict:
        told = {error.subject for error in errors}
        errors.extend(error for error in strict_errors(findings) if error.subject not in told)
    if errors:
        raise BadInputErrors(tuple(errors))
    cluster_values.setdefault(
        "dns_domain", cluster_values.get("cluster_name", ClusterSettings.model_fields["cluster_name"].default)
    )
    _complete_load_balancer(cluster_values)
    cluster = ClusterSettings.model_validate(cluster_values)
    hosts = {name: HostSettings.from_valid(values) for name, values in host_values.items()}
    cluster, found = impossible(cluster, inventory_hosts)
    if found:
        raise BadInputErrors(found)
    origins = {
        name: {key: origin for key in HONOURED_NAMES & host.variable_names if (origin := host.origin(key))}
        for name, host in inventory_hosts.items()
    }
    return Settings(cluster, hosts, notices_of(findings), origins)


def _complete_load_balancer(values: dict[str, Any]) -> None:
    """Give an external load balancer the API's port where it has none of its own, as Kubespray does."""
    if (external := values.get("loadbalancer_apiserver")) and "kube_apiserver_port" in values:
        values["loadbalancer_apiserver"] = {"port": values["kube_apiserver_port"], **external}


def _cluster_values(hosts: Mapping[str, HostInput], errors: list[BadInputError]) -> dict[str, Any]:
    """Return the one value of each cluster setting that is given."""
    values: dict[str, Any] = {}
    for name, given in distinct(hosts, CLUSTER_NAMES).items():
        valid: list[tuple[str, Any]] = []
        for host_name, raw in given:
            value, error = _validated(ClusterSettings, name, raw, _where(host_name, hosts[host_name], name))
            if error is None:
                valid.append((host_name, value))
            else:
                errors.append(error)
        if not valid:
            continue
        values[name] = valid[0][1]
        if other := next((pair for pair in valid[1:] if pair[1] != valid[0][1]), None):
            errors.append(_difference(name, valid[0], other, hosts))
    return values


def _difference(
    name: str, one: tuple[str, Any], other: tuple[str, Any], hosts: Mapping[str, HostInput]
) -> BadInputError:
    places = [f"{_shown(value)} on {host} ({_where(host, hosts[host], name)})" for host, value in (one, other)]
    return BadInputError(
        name,
        f"differs between hosts: {places[0]}, {places[1]}",
        "It has one value for the whole cluster; give it for all hosts",
    )


def _host_values(host_name: str, host: HostInput, errors: list[BadInputError]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    variables = host.variables
    for name in sorted(HOST_NAMES & variables.keys()):
        raw = variables[name]
        if raw is None or raw == "":
            continue
        value, error = _validated(HostSettings, name, raw, _where(host_name, host, name))
        if error is None:
            values[name] = value
        else:
            errors.append(error)
    return values


def _validated(model: type[BaseModel], name: str, raw: Any, where: str) -> tuple[Any, BadInputError | None]:
    """Return the typed value of one setting, or what is wrong with it."""
    info = model.model_fields[name]
    try:
        valid = model.model_validate({**_required(model), name: raw})
        return valid.model_dump(include={name}, exclude_unset=True)[name], None
    except ValidationError as error:
        detail = error.errors()[0]
        inner = ".".join(str(part) for part in detail["loc"][1:])
        subject = f"{name}.{inner}" if inner and inner in _keys(raw) else name
        message = str(detail["msg"]).removeprefix("Value error, ")
        return ..., BadInputError(where, f"{subject} is {_shown(raw)}: {message}", _allowed(info))


@functools.cache
def _required(model: type[BaseModel]) -> dict[str, Any]:
    """Return a value for each field that has to be given, all of them one of a few, so that another can be judged."""
    return {name: get_args(info.annotation)[0] for name, info in model.model_fields.items() if info.is_required()}


def _keys(raw: Any) -> AbstractSet[str]:
    return {str(key) for key in raw} if isinstance(raw, dict) else frozenset()


def _shown(value: Any) -> str:
    """Return a value for a message: short, and without the password in a URL."""
    text = without_passwords(repr(value))
    return text if len(text) <= 80 else f"{text[:77]}..."


def _allowed(info: FieldInfo) -> str:
    literals = (
        get_args(info.annotation) if get_origin(info.annotation) is not None and _is_literal(info.annotation) else ()
    )
    return (
        f"Supported: {', '.join(str(item) for item in literals)}"
        if literals
        else f"What it means: {info.description}".rstrip(".")
    )


def _is_literal(annotation: Any) -> bool:
    return str(get_origin(annotation)) == "typing.Literal"


def _refuse_critical(hosts: Mapping[str, HostInput], errors: list[BadInputError]) -> None:
    for name, values in distinct(hosts, CRITICAL.keys()).items():
        entry = CRITICAL[name]
        for host_name, raw in values:
            if is_empty(raw) or spelling(raw) in [spelling(value) for value in entry.accepted]:
                continue
            # The value itself is shown only where it is one of a few: others can hold passwords.
            given = f"is {_shown(raw)}" if entry.accepted else "is given"
            remedy = (
                f"Supported: {', '.join(_yaml(value) for value in entry.accepted)}" if entry.accepted else "Remove it"
            )
            errors.append(
                BadInputError(
                    _where(host_name, hosts[host_name], name),
                    f"{name} {given}, but {entry.subject} is not supported yet",
                    remedy,
                )
            )


def _yaml(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value


def _refuse_defaults(values: Mapping[str, Any], errors: list[BadInputError]) -> None:
    """Refuse Kubespray's defaults that are not built: nothing may be put in their place."""
    told = {error.cause.split(" ")[0].split(".")[0] for error in errors}
    for name, default in KUBESPRAY_DEFAULTS.items():
        if name not in values and name not in told:
            supported = _allowed(ClusterSettings.model_fields[name]).removeprefix("Supported: ")
            cause = f"not given, and Kubespray's default, {default}, is not supported yet"
            errors.append(BadInputError(name, cause, f"Give it in the inventory. Supported: {supported}"))


def _where(host_name: str, host: HostInput, name: str) -> str:
    return host.origin(name) or f"host {host_name}"
