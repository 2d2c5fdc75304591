"""Tunes -> what a stage learns."""
