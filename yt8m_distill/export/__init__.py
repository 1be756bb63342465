"""SavedModels and their size."""
