"""The shapes that one row has: which it is (`formats`), and what is learnt from it."""
