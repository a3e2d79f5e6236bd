"""Many pictures: paths in, work, results, manifest."""
