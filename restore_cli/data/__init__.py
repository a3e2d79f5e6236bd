"""Training data: photos, pairs, mixtures, loaders."""
