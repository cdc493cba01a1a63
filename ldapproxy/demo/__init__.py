"""demo: a directory and a Duo to play with."""
