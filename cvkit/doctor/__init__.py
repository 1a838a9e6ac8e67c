"""What `cvkit doctor` checks: whether this machine can train, and what would make it slow."""
