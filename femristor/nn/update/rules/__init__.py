"""Update rules: one file each, its equations, the compiled kernel and the plain twin side by side."""
