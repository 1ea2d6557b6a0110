"""The programs a lab runs: they use the core's plans and units; nothing of sretool imports them."""
