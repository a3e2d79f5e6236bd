"""The part of a network that names degradations."""

from restore_cli.networks.base import Network
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.latents import DegradationClassifier, degradation_classifier


def trained_classifier(network: Network) -> DegradationClassifier | None:
    """The part of a network that tells degradations by windows, where training has taught it."""
    classifier = degradation_classifier(network)
    return classifier if classifier is not None and classifier.is_fitted else None


def told_names(network: Network) -> tuple[str, ...]:
    """Names of the degradations that it tells apart, by windows or by the whole; may be none."""
    by_whole = network.trained_classifier() if isinstance(network, GuidedUNet) else None
    classifier = by_whole or trained_classifier(network)
    return () if classifier is None else classifier.names
