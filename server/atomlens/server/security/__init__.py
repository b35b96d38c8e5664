"""Who may ask what, and certificates that keep it between the two of them."""
