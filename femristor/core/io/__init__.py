"""Text and bytes at the border: files that are never half written, tables, curves, TOML."""
