"""Files of boxes as other programs keep them: read and written without a database."""
