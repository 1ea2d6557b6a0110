"""What load is to be sent to, looked at before any is sent."""
