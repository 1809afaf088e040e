"""Files to rows, and rows to turns.

How:  files (find, decode) → packed (gzip, zip) → containers (JSON, CSV, Parquet: rows with a place)
      → formats (which shape a row has) → arena, pairs, preferences, tasks, trees (one shape each), all
      of them made of turns. repair, literals and escapes mend what is broken, where only one reading is
      left.
"""
