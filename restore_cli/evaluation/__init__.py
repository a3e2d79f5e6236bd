"""How close a restored picture is to its reference."""
