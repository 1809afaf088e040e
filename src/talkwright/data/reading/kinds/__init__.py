"""Each kind of file as rows: lines of JSON, JSON, tables, Parquet."""
