"""The child that puts a model through external benchmarks."""
