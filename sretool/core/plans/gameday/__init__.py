"""Game days: what is to happen when, who takes part, and what is done next."""
