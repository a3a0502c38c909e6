"""What several tests need: engines to talk to, and small helpers."""
