"""The web page for writing and changing a chord plan and hearing the tune over it.
Needs the extra `demo`.

server.py                serving the page on a port of this machine
page.py                  the controls of the page and their functions
form.py                  the fields of a request
components.py            custom components, with scripts and styles from assets/
views.py                 the values that the components show
playback.py              the notes that the page plays
actions.py               the actions of the buttons
note_editing.py          changing single notes
comparison.py            a tune before and after an edit as one score
uploads.py               reading uploaded files in a separate process
downloads.py             the files of a tune
link.py                  the steps by which a tune was made, as a link that makes it again
limits.py                limits on the requests of one visitor
"""
