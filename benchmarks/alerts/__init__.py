"""What the alerts about accounts are worth, measured on worlds of which the truth is known."""
