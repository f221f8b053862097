"""Ratings that real experts gave elsewhere, brought in through the use cases of the browser.

Each reader (xstest, dices, summeval) turns a folder of published files into a Study; `bringing.py` walks it through
prompts, responses, slots, ratings, divergence, claims and decisions, so that the product itself finds who disagreed.
How each set is put into Concord's words, and what of it is not the experts' own, is in README.md beside this file.
"""
