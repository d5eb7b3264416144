"""Plan files: writing one from a run's folder, and refusing one that no longer holds."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import kubewright
from kubewright import catalog
from kubewright.engine.fan_out import digest, fan_out_document
from kubewright.engine.finding import find_cluster, load_topology
from kubewright.engine.inputs import Inputs, leaving_hosts
from kubewright.engine.leaving import what_leaves
from kubewright.engine.record import Run, write_json
from kubewright.engine.request import Request
from kubewright.errors import BadInputError, RefusedError
from kubewright.plan import Plan, Stage
from kubewright.plan.saved import CLUSTER, Basis, SavedPlan, damaged, differences, keyed_digest, observed_fields, verify

KEY_FILE = "plan.key"
KEY_BYTES = 32
SHOWN = 20


def save_plan(run: Run, path: Path) -> None:
    """Write the plan of a run to a file (0600), with what is needed to carry it out or to refuse it later.

    Raises:
        BadInputError: the file cannot be written.

    """
    inputs = Inputs.load(run)
    plan = Plan.from_json(run.read("plan"))
    key = _key(Path(inputs.state_directory))
    saved = SavedPlan(
        plan=plan,
        basis=_basis(run, inputs, plan, key),
        extra_names=tuple(run.read("extra_vars")),
        sources=inputs.sources,
        offline=inputs.request.offline,
        force=tuple(sorted(set(inputs.request.force))),
    )
    if not path.absolute().parent.is_dir():
        raise BadInputError(f"--out {path}", "there is no such directory", "Check the path")
    try:
        write_json(path.absolute(), saved.to_json(key), indent=1)
    except OSError as error:
        raise BadInputError(f"--out {path}", f"it cannot be written: {error.strerror}", "Check the path") from error


def read_plan_file(path: Path) -> SavedPlan:
    """Read a plan file; that it is genuine is not known yet.

    Raises:
        BadInputError: there is none, or it cannot be understood.

    """
    return SavedPlan.from_json(_content(path), _subject(path))


def check_asked(path: Path, inputs: Inputs, extra_names: Collection[str]) -> None:
    """Compare what this run was asked for with the plan file.

    Raises:
        BadInputError: the file is not genuine, it is of another verb or limit, hosts are said to be dead here and not
            there, other rules are to be skipped, or a variable was not given again.

    """
    saved, subject = _genuine(path, inputs), _subject(path)
    if saved.plan.verb != inputs.request.verb:
        raise BadInputError(subject, f"it is a plan of {saved.plan.verb}", f"Run that verb, not {inputs.request.verb}")
    removing = inputs.request.verb == "remove"
    limit = tuple(host.name for host in leaving_hosts(inputs)) if removing else inputs.request.limit
    if _names(saved.plan.limit) != _names(limit):
        raise BadInputError(
            subject, f"its limit is {_told(saved.plan.limit)}, not {_told(limit)}", "Give the same limit"
        )
    if saved.offline != inputs.request.offline:
        raise BadInputError(
            subject,
            "it is of hosts that are dead (--offline)" if saved.offline else "it is not of dead hosts (--offline)",
            f"Set kubewright_offline to {str(saved.offline).lower()}",
        )
    if set(saved.force) != set(inputs.request.force):
        raise BadInputError(
            subject,
            f"it skips {_forced(saved.force)} (--force), not {_forced(inputs.request.force)}",
            f"Leave --force out, or under ansible-playbook give -e kubewright_force={','.join(saved.force)}",
        )
    missing = sorted(set(saved.extra_names) - set(extra_names))
    if missing:
        raise BadInputError(
            subject,
            f"it was made with -e {', '.join(missing)}, and their values are not in it",
            "Give them again with -e, or in the file that they came from",
        )


def refuse_stale(path: Path, run: Run, plan: Plan) -> None:
    """Compare the plan and all it was made from with the plan file.

    Raises:
        RefusedError: something is not as it was then; each is named.

    """
    inputs = Inputs.load(run)
    saved = _genuine(path, inputs)
    changed = differences(saved, plan, _basis(run, inputs, plan, _key(Path(inputs.state_directory))))
    if not changed:
        return
    more = (f"and {len(changed) - SHOWN} more",) if len(changed) > SHOWN else ()
    lines = "\n".join(f"  {each}" for each in (*changed[:SHOWN], *more))
    raise RefusedError(
        _subject(path),
        f"it no longer holds, nothing was changed:\n{lines}",
        f"Look at the new plan: kubewright plan {_again(plan, inputs.request)}",
    )


def _again(plan: Plan, request: Request) -> str:
    limit = (f"--limit {','.join(plan.limit)}",) if plan.limit else ()
    offline = ("--offline",) if request.offline else ()
    return " ".join((plan.verb, *limit, *offline, *(f"--force {name}" for name in request.force)))


def _basis(run: Run, inputs: Inputs, plan: Plan, key: bytes) -> Basis:
    cluster = find_cluster(run, inputs).cluster
    leaving = what_leaves(run, inputs, cluster)
    documents = {name: keyed_digest(key, made) for name, made in run.read_all("documents").items()}
    for host in plan.hosts(Stage.FAN_OUT):
        documents[host] = keyed_digest(key, fan_out_document(run, host))
    return Basis(
        kubewright=kubewright.__version__,
        catalogue=catalogue_digest(),
        documents={**documents, CLUSTER: keyed_digest(key, run.read("cluster_document"))},
        observed=observed_fields(plan, load_topology(run, inputs), cluster, key, leaving),
    )


def catalogue_digest() -> str:
    """What tells one catalogue from another: the same for equal content."""
    return digest(json.loads(json.dumps(dataclasses.asdict(catalog.load()), default=sorted)))


def _genuine(path: Path, inputs: Inputs) -> SavedPlan:
    raw, subject = _content(path), _subject(path)
    saved = SavedPlan.from_json(raw, subject)
    verify(raw, _key(Path(inputs.state_directory)), subject)
    return saved


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise BadInputError(_subject(path), f"it cannot be read: {error.strerror}", "Check the path") from error
    except ValueError as error:
        raise damaged(_subject(path)) from error


def _subject(path: Path) -> str:
    return f"plan file {path}"


def _names(limit: Sequence[str] | None) -> frozenset[str] | None:
    return None if limit is None else frozenset(limit)


def _forced(rules: Sequence[str]) -> str:
    return ", ".join(sorted(set(rules))) or "no rule"


def _told(limit: Sequence[str] | None) -> str:
    return "all hosts" if limit is None else ",".join(limit)


def _key(state_directory: Path) -> bytes:
    """The key of this state directory, made where there is none; 0600 and never anywhere else."""
    path = state_directory / KEY_FILE
    if not path.exists():
        _make_key(path)
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise _bad_key(path) from error
    if len(key) != KEY_BYTES:
        raise _bad_key(path)
    return key


def _make_key(path: Path) -> None:
    """Whoever is first wins; nobody ever sees half a key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(KEY_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        Path(temporary).unlink()


def _bad_key(path: Path) -> BadInputError:
    return BadInputError(
        str(path), "the key of plan files cannot be read", "Remove it and make the plans anew; nothing else needs it"
    )
