"""Experiments: the recipe, the paper's claims, fewer bits, one cache for all submodels."""
