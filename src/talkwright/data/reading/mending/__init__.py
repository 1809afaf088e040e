"""One broken value made whole, where only one reading is left."""
