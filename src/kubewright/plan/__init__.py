"""The difference between what is observed and what is desired, as stages and steps, decided by pure functions."""

from kubewright.plan.compute import compute
from kubewright.plan.model import Change, Plan, Stage, Step
from kubewright.plan.situation import Situation

__all__ = ["Change", "Plan", "Situation", "Stage", "Step", "compute"]
