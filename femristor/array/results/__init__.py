"""What the array room hands on."""
