"""Training an autoencoder: reconstruction, structure, and a small pull to a standard normal."""

from collections.abc import Iterator

from torch import nn

from restore_cli.losses.pixel import pixel_loss
from restore_cli.methods.base import Batch, Turn
from restore_cli.methods.vae.divergence import kl_standard_normal
from restore_cli.methods.vae.edges import gradient_l1


class Variational:
    """One autoencoder, one turn: loss + structure * gradient L1 + kl * KL.

    The evidence lower bound of Kingma and Welling (ICLR 2014) with a Laplace likelihood, its KL
    term weighed down as in latent diffusion (Rombach et al., CVPR 2022): latents keep a scale
    near one and do not depend on their last decimals, and reconstruction hardly pays for it.

    Args:
        network: maps (B, 3, H, W) to the same; with `sample=True` it decodes a draw and also
            returns the posterior's mean and log-variance, as `networks.vae.VAE` does.
        loss: a name in `PIXEL_LOSSES`.
        structure: weight of the gradient L1 over three scales; 0 leaves it out.
        kl: weight of the KL divergence, in nats for each latent value.

    Raises:
        ValueError: unknown loss, a negative weight, or a network without a posterior.
    """

    exported = "network"
    single_turn = True
    needs_pairs = True

    def __init__(
        self, network: nn.Module, *, loss: str = "l1", structure: float = 0.5, kl: float = 1e-4
    ) -> None:
        self._loss = pixel_loss(loss)
        if structure < 0 or kl < 0:
            raise ValueError("weights of losses must be 0 or more")
        if not hasattr(network, "log_variance"):
            raise ValueError("it trains an autoencoder: the network must be 'vae'")
        self.players: dict[str, nn.Module] = {"network": network}
        self._structure, self._kl = structure, kl

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the one turn.

        Args:
            batch: `image` and `target` (B, 3, H, W) in [0, 1]; they may be the same.
        """
        output, mean, log_variance = self.players["network"](batch["image"], sample=True)
        output, target = output.float(), batch["target"]
        pixel = self._loss(output, target)
        divergence = kl_standard_normal(mean.float(), log_variance.float())
        total = pixel + self._kl * divergence
        terms = {"pixel": pixel.detach(), "kl": divergence.detach()}
        if self._structure > 0:
            edges = gradient_l1(output, target)
            total, terms["structure"] = total + self._structure * edges, edges.detach()
        yield Turn("network", total, terms)
