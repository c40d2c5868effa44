"""CLAP: text and audio towers in one space, and the tokenizer."""

from longform.clap.config import AudioConfig, ClapConfig, TextConfig
from longform.clap.model import Clap
from longform.clap.tokenizer import Tokenizer

__all__ = ["AudioConfig", "Clap", "ClapConfig", "TextConfig", "Tokenizer"]
