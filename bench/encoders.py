"""PyTorch's side of `npm run bench -- encoders`: embeds in float32 what it is told, and says how long it took.

    python -m bench.encoders FOLDER

One JSON object a line in: {"widths": [...], "tokens": [[...], ...]} or {"widths": [...], "pictures": N}; one number
a line out, milliseconds of processor time.
"""

import json
import sys
import time
from pathlib import Path

import torch

from training.encoders.export import load_exported


@torch.inference_mode()
def main(folder: Path) -> None:
    torch.set_num_threads(1)
    model = load_exported(folder)
    for line in sys.stdin:
        request = json.loads(line)
        if "pictures" in request:
            picture = model.config.picture
            shape = (request["pictures"], picture.size, picture.size, picture.channels)
            pixels = torch.randint(0, 256, shape, dtype=torch.uint8)
        start = time.process_time()
        if "pictures" in request:
            model.embed_pictures(pixels, request["widths"])
        else:
            model.embed_tokens(request["tokens"], request["widths"])
        print((time.process_time() - start) * 1000, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
