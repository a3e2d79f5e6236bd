"""Trained networks applied to pictures of any size: device, precision, memory, tiles."""
