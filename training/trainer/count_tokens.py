"""`python -m training.trainer.count_tokens FOLDER`: how many tokens texts are to a model, without loading the model.

Reads texts as JSON lines from its input, writes a list of numbers.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer


def main(folder):
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    counts = [len(tokenizer.encode(json.loads(line)).ids) for line in sys.stdin]
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1])
