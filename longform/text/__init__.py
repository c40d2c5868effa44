"""Text encoders of foreign checkpoints: T5, T5Gemma and LAION-CLAP, from local folders."""
