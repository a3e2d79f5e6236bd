"""What stands where a recipe says nothing, and what names may be, for those who need no schema."""

NAME = "[a-z0-9][a-z0-9-]*"
"""What models and tasks may be called."""
LICENCE = "Apache-2.0"
OVERLAP = 64
"""Px that neighbouring tiles share."""
