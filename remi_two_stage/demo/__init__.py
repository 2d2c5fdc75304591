"""The page on which a person sees a chord plan, changes it, and hears the tune over it.
Needs the extra `demo`.

server.py                the page on a port of this machine
page.py                  what is on it, and what every control does
components.py            its own components, with scripts and styles from assets/
views.py                 what the components show
actions.py               what the buttons do
uploads.py               uploaded files, read in a process of their own
downloads.py             the files of a tune
link.py                  how a tune came about, as a link that makes it again
limits.py                what one visitor may ask for
"""
