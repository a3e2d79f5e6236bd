"""A package, because a command's test has the name of a network's."""
