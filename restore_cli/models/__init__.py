"""The zoo: model folders, found, verified, loaded, exported; foreign checkpoints."""
