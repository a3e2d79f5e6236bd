"""Training an autoencoder: reconstruction, structure, and a small pull to a standard normal."""

from collections.abc import Iterator

from restore_cli.data.sample import Batch
from restore_cli.losses.pixel import pixel_loss
from restore_cli.methods.alignment import Alignment, Rho
from restore_cli.methods.base import Objective, Step, within
from restore_cli.methods.vae.divergence import kl_standard_normal
from restore_cli.methods.vae.edges import gradient_l1
from restore_cli.networks.base import Network
from restore_cli.networks.vae import VAE


class Variational(Objective):
    """One autoencoder, one step: loss + structure * gradient L1 + kl * KL.

    The evidence lower bound of Kingma and Welling (ICLR 2014) with a Laplace likelihood, its KL
    term weighed down as in latent diffusion (Rombach et al., CVPR 2022): latents keep a scale
    near one and do not depend on their last decimals, and reconstruction hardly pays for it.

    Args:
        network: a `networks.vae.VAE`.
        loss: a name in `PIXEL_LOSSES`.
        structure: weight of the gradient L1 over three scales; 0 leaves it out.
        kl: weight of the KL divergence, in nats for each latent value.
        pal: weight of photometric alignment, which is added; 0 leaves it out.
        pal_eps: its ridge, see `methods.alignment`, as of the next two.
        pal_rho: its distance.
        pal_mask: the values that count.

    Raises:
        ValueError: unknown loss, a negative weight, or another network.
    """

    single_step = True
    needs_pairs = True

    def __init__(
        self,
        network: Network,
        *,
        loss: str = "l1",
        structure: float = 0.5,
        kl: float = 1e-4,
        pal: float = 0.0,
        pal_eps: float = 1e-4,
        pal_rho: Rho = "loss",
        pal_mask: tuple[float, float] | None = None,
    ) -> None:
        self._loss = pixel_loss(loss)
        if structure < 0 or kl < 0:
            raise ValueError("weights of losses must be 0 or more")
        if not isinstance(network, VAE):
            raise ValueError("it trains an autoencoder: the network must be 'vae'")
        super().__init__(network)
        self._autoencoder = network
        self._structure, self._kl = structure, kl
        self._align = Alignment(weight=pal, eps=pal_eps, rho=pal_rho, mask=pal_mask, loss=loss)

    def steps(self, batch: Batch) -> Iterator[Step]:
        """Yield the one step.

        Args:
            batch: pairs; `image` and `target` may be the same.
        """
        network = self._autoencoder
        output, mean, log_variance = within(
            self.modules["network"], lambda: network.sampled(batch.image)
        )
        output, target = output.float(), batch.target
        pixel = self._loss(output, target)
        divergence = kl_standard_normal(mean.float(), log_variance.float())
        total = pixel + self._kl * divergence
        terms = {"pixel": pixel.detach(), "kl": divergence.detach()}
        if self._structure > 0:
            edges = gradient_l1(output, target)
            total, terms["structure"] = total + self._structure * edges, edges.detach()
        if self._align:
            aligned = self._align(output, target, batch).mean()
            total, terms["pal"] = total + self._align.weight * aligned, aligned.detach()
        yield Step("network", total, terms)
