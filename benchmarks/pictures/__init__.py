"""`python -m benchmarks.pictures`: ganctl beside PyTorch on models that turn pictures into pictures, at 64x64."""
