"""Authorization: who calls, what they may do, and how often."""
