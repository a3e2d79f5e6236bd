"""Inference: trained networks applied to pictures and folders of any size."""
