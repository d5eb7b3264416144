"""The difference between what is observed and what is desired, as stages and steps, decided by pure functions.

Here is what a plan says. Who reads plans need not import what decides, which is in :mod:`kubewright.plan.compute`.
"""

from kubewright.plan.model import Change, Plan, Stage, Step

__all__ = ["Change", "Plan", "Stage", "Step"]
