"""HTML pages of a store: of a report, of a model, of all models."""
