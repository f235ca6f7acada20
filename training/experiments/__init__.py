"""What was tried, and may be tried again: the recipe, the paper's claims, fewer bits, one cache for all submodels."""
