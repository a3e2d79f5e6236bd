"""Training: data, optimisers, the loop, the run folder."""
