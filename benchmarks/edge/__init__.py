"""Are a model's variants what they should be? ``python -m benchmarks.edge`` from the repository's root."""
