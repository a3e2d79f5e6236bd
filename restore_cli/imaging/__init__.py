"""Pixels in and out of files: pictures, colour, and what must survive beside the pixels."""
