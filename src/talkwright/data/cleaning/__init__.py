"""From what a row says to what is worth learning: text, order of turns, private data."""
