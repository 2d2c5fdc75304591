"""What a user asks for.

composer.py              Composer: plan, realize, compose, extend, rewrite, harmonize
tasks.py                 extend, rewrite, harmonize: what the stages are shown, and what becomes of their answer
arguments.py             what commands, page and Composer begin with alike
checkpoint.py            the embedded checkpoint and any other: the one door to weights
"""
