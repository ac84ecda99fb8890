"""Many runs side by side: cells of a grid, the best of which go on, and one of which is judged."""
