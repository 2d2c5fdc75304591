"""Flat modules that need torch and transformers alone; what the models use of them is saved with every checkpoint."""
