"""Plans and summaries as lines of plain text; the same for the command line and for Ansible's output."""

from __future__ import annotations

from collections.abc import Iterator

from kubewright.plan.model import NEW_HOST, Plan, Stage, Step

SIGNS = {"create": "+", "update": "~", "delete": "-", "remove": "-", "restart": "!"}
MANY = 8


def plan_lines(plan: Plan, *, verbose: bool = False) -> list[str]:
    """The plan for a person. Changes of a new host are counted, unless ``verbose``.

    Changes of an existing one are always listed.
    """
    speaker = f", spoken for by {plan.via}" if plan.via else ""
    lines = [f"{plan.verb} {plan.cluster}: Kubernetes {plan.version}{speaker}"]
    if plan.empty:
        lines.append(nothing_to_do(plan))
    for stage in Stage:
        steps = plan.stage(stage)
        if steps:
            lines.append(f"{stage.heading}:")
            lines += [line for step in steps for line in _step(step, verbose=verbose)]
    if not plan.empty:
        calls = plan.calls()
        lines.append(f"{len(plan.steps)} steps on {len(calls)} hosts, at most {sum(calls.values())} remote calls.")
    lines += [f"Left: {sentence}." for sentence in plan.left]
    lines += [f"Note: {sentence}." for sentence in plan.notices]
    return lines


def nothing_to_do(plan: Plan) -> str:
    """What an empty plan says; that all is as wanted is said only where nothing was left and nothing goes."""
    if plan.left or plan.verb in ("remove", "reset"):
        return "Nothing to do."
    return "Nothing to do: the cluster is as the inventory says."


def _step(step: Step, *, verbose: bool) -> Iterator[str]:
    new = step.reason == NEW_HOST
    restarts = f"; restarts {', '.join(step.restarts)}" if step.restarts and not new else ""
    yield f"  {step.host}: {step.title} ({step.reason}{restarts})"
    if new and len(step.changes) > MANY and not verbose:
        counts: dict[str, int] = {}
        for change in step.changes:
            counts[change.id.split(":")[0]] = counts.get(change.id.split(":")[0], 0) + 1
        yield "    " + ", ".join(f"{count} {kind}" for kind, count in counts.items())
        return
    for change in step.changes:
        yield f"    {SIGNS.get(change.action, '~')} {change.id}{f': {change.summary}' if change.summary else ''}"
        for line in change.diff.splitlines():
            yield f"      {line}"
