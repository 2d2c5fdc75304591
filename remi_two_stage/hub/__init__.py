"""Models and tunes on the Hub.

push.py                  what a repository holds, and how it is pushed
card.py                  cards of models and of tunes
"""
