"""The same batch on the machines of a Ray cluster (extra)."""
