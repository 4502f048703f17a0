"""The project beside what people would use instead: ``python -m benchmarks`` from the repository's root."""
