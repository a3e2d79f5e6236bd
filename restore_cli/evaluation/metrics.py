"""Full-reference metrics, one number per picture, with the protocol pinned.

Both take RGB (or any channels) in [0, 1]. 8-bit files divided by 255 give the numbers that
papers print, because the range then is 1 here and 255 there.
"""

from torch import Tensor

from restore_cli.errors import RestoreError

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5


def psnr(output: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over all pixels and channels of each picture.

    PSNR = -10 log10(mean((output - reference)^2)), for a data range of 1. The mean is taken in
    float64, so that it does not depend on the picture's size or the device.

    Args:
        output: (B, C, H, W), values in [0, 1].
        reference: the same shape.

    Returns:
        (B,) float64, in dB; infinity where the two are equal.

    Raises:
        RestoreError: the shapes differ.
    """
    _check_shapes(output, reference)
    error = (output.double() - reference.double()).square().mean(dim=(1, 2, 3))
    return -10.0 * error.log10()


def ssim(output: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity of each picture, as published.

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity":
    a Gaussian window of 11 x 11 pixels with sigma 1.5, K1 = 0.01, K2 = 0.03, data range 1,
    population variances, and only windows that lie wholly inside the picture. Channels are
    scored one by one and averaged. Computed in float64: the variance of a bright flat area is a
    small difference of large numbers.

    Args:
        output: (B, C, H, W), values in [0, 1]; H and W at least 11.
        reference: the same shape.

    Returns:
        (B,) float64, 1 where the two are equal.

    Raises:
        RestoreError: the shapes differ, or the pictures are smaller than the window.
    """
    # Here and not above: importing torchmetrics takes most of a second.
    from torchmetrics.functional.image import structural_similarity_index_measure

    _check_shapes(output, reference)
    if min(output.shape[-2:]) < SSIM_WINDOW:
        height, width = output.shape[-2:]
        raise RestoreError(
            f"SSIM needs pictures of at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels; "
            f"this one has {width} x {height}"
        )
    _, similarity = structural_similarity_index_measure(
        output.double(),
        reference.double(),
        gaussian_kernel=True,
        sigma=SSIM_SIGMA,
        kernel_size=SSIM_WINDOW,
        reduction="none",
        data_range=1.0,
        return_full_image=True,
    )
    # Its own mean counts windows that were padded over the border as well.
    border = SSIM_WINDOW // 2
    return similarity[..., border:-border, border:-border].mean(dim=(1, 2, 3))


def _check_shapes(output: Tensor, reference: Tensor) -> None:
    """Refuse what would broadcast into a wrong number."""
    if output.shape != reference.shape or output.ndim != 4:
        raise RestoreError(
            f"the picture's shape {_shape(output)} and its reference's {_shape(reference)} differ",
            hint="compare pictures of the same size and number of channels",
        )


def _shape(image: Tensor) -> str:
    return " x ".join(str(size) for size in image.shape)
