"""`cvkit serve`: a page and a JSON endpoint that predict uploaded images."""
