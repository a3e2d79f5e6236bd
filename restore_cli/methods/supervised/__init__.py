"""Paired training, with photometric alignment (PAL)."""
