"""A dense checkpoint, trained at one size, made elastic: every prefix of the sorted hidden units is a submodel.

| `checkpoint.py` | what comes in and goes out |
| `nested.py` | the model at any width, with the mean of the cut units added |
| `text.py` | text and its tokens |
| `inputs.py` | what a run began with, and has to be resumed with |
| `calibrate.py`, `budgets.py` | the order of the units, the widths by layer |
| `finetune.py` | nested training, taught by the dense model |
| `measure.py`, `orders.py` | the measures; the orders compared |
"""
