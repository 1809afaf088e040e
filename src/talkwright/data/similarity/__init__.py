"""Which rows say the same, contradict each other, or belong in one split."""
