"""What travels with every checkpoint to the Hub: flat modules that need torch and transformers alone."""
