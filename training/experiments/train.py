"""`training.train` with the objectives of the experiments; its options are the same.

python -m training.experiments.train --objective sandwich --petaflops 0.2 --hidden 192
"""

from training.experiments.objectives import EXPERIMENTAL
from training.train import main

if __name__ == "__main__":
    main(EXPERIMENTAL)
