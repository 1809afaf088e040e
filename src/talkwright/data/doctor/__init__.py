"""What is wrong with the data, ranked by harm: symptoms of rows, patterns over all of them."""
