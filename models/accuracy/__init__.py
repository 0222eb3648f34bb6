"""`make accuracy`: measures both models on the data and writes benchmarks/results/accuracy.json."""
