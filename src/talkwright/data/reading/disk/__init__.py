"""What is in a file or in an archive: its bytes as text, in pieces that fit in memory."""
