"""Carry out a verb: run records, the flow that the playbook's actions share, and ansible-runner as the motor."""
