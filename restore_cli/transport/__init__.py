"""Closed-form optimal transport between Gaussians, in the latent space of an autoencoder."""
