"""`restore ot-correct`: fit, apply and sweep a latent transport."""
