"""Models and tunes on the Hub.

push.py                  the contents of a repository, and pushing it
card.py                  cards of models and of tunes
"""
