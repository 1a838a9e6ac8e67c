"""What a page shows: figures, tables, galleries, and the HTML page that holds them."""
