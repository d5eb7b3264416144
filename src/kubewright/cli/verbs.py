"""The verbs that have a plan: the playbook of each, what it has to be told, and whether its plan can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from kubewright.cli.common import err
from kubewright.cli.confirming import can_ask
from kubewright.errors import BadInputError

PLAYBOOKS = {"deploy": "cluster", "scale": "scale", "check": "check", "remove": "remove_node", "reset": "reset"}
"""Playbook by verb. ``deploy`` does everything that destroys nothing."""

NOT_KEPT = {
    "check": ("check changes nothing, so there is nothing to save", "Run kubewright check"),
    "reset": (
        "a plan of reset cannot be saved: the whole cluster is lost, which has to be confirmed when it is done",
        "Look at it with kubewright plan reset, and carry it out with kubewright reset",
    ),
}
"""Cause and remedy by verb, of those whose plan is not for a file."""


def playbook_of(verb: str) -> str:
    """Name the playbook that carries out a verb.

    Raises:
        BadInputError: the verb has no plan.

    """
    if verb not in PLAYBOOKS:
        raise BadInputError(f"plan {verb}", "there is no such verb with a plan", f"Use {', '.join(PLAYBOOKS)}")
    return PLAYBOOKS[verb]


def refuse_to_keep(verb: str, subject: str) -> None:
    """Refuse to write or to carry out a plan file of a verb that has none.

    Raises:
        BadInputError: about ``subject``.

    """
    if verb in NOT_KEPT:
        raise BadInputError(subject, *NOT_KEPT[verb])


def variables_of(verb: str, limit: str, *, offline: bool = False) -> dict[str, Any]:
    """The variables that the verb's playbook needs from the command line, which asks for the confirmation itself.

    Raises:
        BadInputError: the limit is missing or is none of this verb's, or so is ``--offline``.

    """
    if verb == "remove":
        if not limit:
            raise BadInputError("remove", "no host was named", "Name them: --limit worker7,worker8")
        return {"kubewright_offline": offline, "skip_confirmation": True}
    if offline:
        raise BadInputError("--offline", f"only remove has it, not {verb}", "Leave it out")
    if verb == "reset":
        if limit:
            raise BadInputError(
                "--limit", "reset takes the whole cluster down", "Leave it out, or use remove --limit HOST"
            )
        return {"reset_confirmation": True}
    return {}


FORCING = ("deploy", "scale", "remove")
"""Verbs that rules refuse which may be skipped."""


def forced(verb: str, names: Sequence[str]) -> dict[str, Any]:
    """The variable that names the rules to skip.

    Raises:
        BadInputError: the verb has no rule that may be skipped.
        typer.BadParameter: there is no such rule, or it is mandatory.

    """
    if names and verb not in FORCING:
        raise BadInputError("--force", f"{verb} has no rule that may be skipped", "Leave it out")
    if names:
        _check_names(names)
    return {"kubewright_force": ",".join(names)}


def _check_names(names: Sequence[str]) -> None:
    # What makes plans takes long to import, and Ansible does so by itself.
    from kubewright.plan.rules.refusals import check_names  # noqa: PLC0415
    from kubewright.plan.rules.registry import RULES  # noqa: PLC0415

    try:
        check_names(names, RULES)
    except BadInputError as wrong:
        raise typer.BadParameter(str(wrong)) from wrong


def require_answer(limit: str, *, answered: bool) -> None:
    """Refuse a removal that nobody confirmed where nobody can be asked.

    Raises:
        BadInputError: with what to give.

    """
    if not (answered or can_ask(err)):
        raise BadInputError(f"remove {limit}", "it was not confirmed, and there is no terminal to ask on", "Give --yes")
