"""The column of a table: Parquet, CSV, TSV or JSON Lines."""
