"""Elastic encoders: nested transformers that embed code, words and pictures in one metric space for every submodel."""
