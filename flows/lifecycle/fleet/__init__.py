"""A fleet: a table of models, what is known of each, and what came of each."""
