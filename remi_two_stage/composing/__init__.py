"""What a user asks for: plan, realize, compose, extend, rewrite, harmonize."""
