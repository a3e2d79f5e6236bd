"""Python, as people use it: restore, develop, evaluate and correct pictures of any kind."""
