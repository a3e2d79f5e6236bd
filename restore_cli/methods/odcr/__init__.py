"""ODCR: orthogonal decoupling contrastive regularisation."""
