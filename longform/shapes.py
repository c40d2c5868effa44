"""One legend for every shape in the project.

b batch, c audio channels, t samples, d latent channels, f latent frames, n text tokens,
w token width, g guide channels, h heads, k head width.
"""
