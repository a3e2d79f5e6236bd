"""RAW files: mosaic, levels, colour, and how they become pictures."""
