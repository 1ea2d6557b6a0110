"""What a load test is to do, before it does it."""
