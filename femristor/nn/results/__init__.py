"""What the nn room hands on."""
