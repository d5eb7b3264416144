"""One module per rule: what a host or cluster must be before anything is changed."""
