"""The difference between what is observed and what is desired, as stages and steps, decided by pure functions."""

from kubewright.plan.compute import Situation, compute
from kubewright.plan.model import Change, Plan, Stage, Step

__all__ = ["Change", "Plan", "Situation", "Stage", "Step", "compute"]
