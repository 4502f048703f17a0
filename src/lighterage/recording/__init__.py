"""Looks at runs: what is in the store, and what a plan would make of it."""
