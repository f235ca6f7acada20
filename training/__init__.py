"""Corpus, tokenizer, training, evaluation and export of the MatLM that MatCoder ships."""
