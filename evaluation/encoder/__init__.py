"""The child process that embeds texts with Sentence-BERT, and what reads its result. See training/trainer/README.md."""
