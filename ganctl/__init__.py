"""ganctl trains Generative Adversarial Networks from YAML files."""

__version__ = "0.1.0"
