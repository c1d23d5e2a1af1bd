"""Speed side by side: the literal Keras loop, ganctl, and PyTorch, on the same networks and the same updates.

    python -m benchmarks
    python -m benchmarks --recipes dense_gan,dcgan --columns literal,ganctl --repeats 3

Every column of every recipe is a process of its own on the CPU, and one of them computes at a time, in turn. PyTorch
comes with `pip install -e '.[bench]'`; without it its columns are left out.
"""
