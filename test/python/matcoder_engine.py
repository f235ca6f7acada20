"""The engine in a process of its own, asked for logits and greedy text of a checkpoint folder."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TSX = Path("node_modules/tsx/dist/cli.mjs")


@dataclass(frozen=True)
class Answer:
    logits: np.ndarray  # [tokens, vocabulary]
    greedy: list[int]
    isa: str
    supported_isas: list[str]


class Engine:
    def __init__(self, folder: Path):
        """`folder` is for the logits on their way."""
        command = ["node", str(TSX), "test/engineLogits.ts"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.out = folder / "logits.bin"

    def ask(self, checkpoint: Path, tokens: list[int], greedy: int = 0, **options) -> Answer:
        """The options are those of `Request` in test/engineLogits.ts. RuntimeError says what the engine refused."""
        answer = self.exchange(checkpoint, tokens=tokens, greedy=greedy, **options)
        logits = np.fromfile(self.out, dtype=np.float32).reshape(len(tokens), -1)
        return Answer(logits, answer["greedy"], answer["isa"], answer["supportedIsas"])

    def shape(self, checkpoint: Path) -> dict:
        """`ModelConfig` of src/matlm/shape.ts."""
        return self.exchange(checkpoint, tokens=[])["shape"]

    def exchange(self, checkpoint: Path, **request) -> dict:
        request |= {"folder": str(checkpoint), "out": str(self.out)}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "fault" in answer:
            raise RuntimeError(answer["fault"])
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)
