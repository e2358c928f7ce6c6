"""cli: the `femristor` command; each command's module is imported only when the command runs."""
