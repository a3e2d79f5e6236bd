"""CUT: contrastive unpaired translation."""
