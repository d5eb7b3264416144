"""All rules that refuse a run by name."""

from __future__ import annotations

from kubewright.plan.rules import capacity, identity, live, offline, quorum, skew

RULES = (*skew.RULES, *capacity.RULES, *identity.RULES, *live.RULES, *offline.RULES, *quorum.RULES)
