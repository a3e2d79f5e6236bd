"""BaryIR: a barycenter of the sources' latents."""
