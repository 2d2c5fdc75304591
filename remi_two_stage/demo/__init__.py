"""The page on which a person sees a chord plan, changes it, and hears the tune over it. Needs the extra `demo`.

server.py       serve: the page on a port; what a public one allows: limits.py
page.py         the page: what is on it, and what every control does
components.py   its own components (Gradio's `HTML` with the scripts in assets/): chord grid, score, status line
views.py        what those show, as plain values
studio.py       what a user's buttons do, over `Composer`; no Gradio
recipe.py       how a tune came about, as a link that makes it again
downloads.py    the files of a tune
reading.py      uploads, read in a process of their own
"""
