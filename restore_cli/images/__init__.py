"""Pictures: reading and writing files, metadata, colour profiles."""
