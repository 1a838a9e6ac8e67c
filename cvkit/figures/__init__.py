"""Figures, tables and galleries, and the HTML page that contains them."""
