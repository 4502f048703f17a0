"""Where a plan runs. Each target is a folder of its own; none imports another."""
