"""Quick runs of the benchmarks: every figure is present, whatever its value."""
