"""Files and folders read and written safely: no link is followed out of a folder, nothing is left half-written."""
