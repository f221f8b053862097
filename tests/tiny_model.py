"""`python -m tests.tiny_model FOLDER`: a tiny chat model with random weights, for tests (CONCORD_BASE_MODEL=FOLDER).

It answers with ASCII words that mean nothing, some thousand tokens a second, and learns like a real one.
"""

import sys
from pathlib import Path

SPECIAL = ["<pad>", "<|end|>", "<unk>", "<|system|>", "<|user|>", "<|assistant|>"]
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}"
    "{% else %}{{ message['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WORDS = (
    "how do I do the task safely at home please help me yes no I can not help with that good bad answer "
    "keep it in its own box and ask someone you trust about it the a of to in is you that for on with this"
)


def tiny_tokenizer():
    """Letters and common words of ASCII text, so that whatever is drawn is readable; the rest is <unk>."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE(unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    alphabet = [chr(code) for code in range(33, 127)]
    inner.train_from_iterator(
        [WORDS] * 50,
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<|end|>", unk_token="<unk>",
        extra_special_tokens=SPECIAL[3:],
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def build_tiny_model(folder, *, seed=0, dropout=0.0):
    """Save a 2-layer Llama (some 100,000 weights) with its tokenizer to `folder`, and return the path.

    The first number of every embedding is large and constant, so that the output layer can keep special tokens,
    and most single letters, out of what a random model says.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    folder = Path(folder)
    tokenizer = tiny_tokenizer()
    set_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024, initializer_range=0.2,
            attention_dropout=dropout, tie_word_embeddings=False, bos_token_id=None,
            pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        )
    )  # fmt: skip
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 2.0
        model.lm_head.weight[:, 0] = 0.0
        letters = [id for token, id in tokenizer.get_vocab().items() if len(token) < 3]
        model.lm_head.weight[letters, 0] = -1.0
        model.lm_head.weight[tokenizer.convert_tokens_to_ids(SPECIAL), 0] = -3.0
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    print(build_tiny_model(sys.argv[1]))
