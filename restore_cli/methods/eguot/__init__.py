"""EGUOT: experts-guided unbalanced optimal transport."""
