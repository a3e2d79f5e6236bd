"""Every architecture by its name in recipes."""

from collections.abc import Callable

from restore_cli.networks.barycenter_restormer import BarycenterRestormer
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.base import Network
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.deblur import Deblur
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.isp import ISP
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.restormer import Restormer
from restore_cli.networks.unet import UNet
from restore_cli.networks.vae import VAE

NETWORKS: dict[str, Callable[..., Network]] = {
    "unet": UNet,
    "guided-unet": GuidedUNet,
    "nafnet": NAFNet,
    "cut": CutGenerator,
    "deblur": Deblur,
    "isp": ISP,
    "restormer": Restormer,
    "baryir": BarycenterUNet,
    "baryir-restormer": BarycenterRestormer,
    "vae": VAE,
}
"""What `network.name` in a recipe may be."""
