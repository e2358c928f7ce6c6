"""What all commands share: options, results as text and JSON, progress, streams, tables."""
