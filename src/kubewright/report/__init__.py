"""What a run shows: plans, progress and summaries as text."""
