"""Child processes that load models, and the torch-free files a worker talks to them through. See README.md."""
