"""`restore` and `load_model`: pictures through a trained model, one or many."""

from collections.abc import Iterable
from typing import Any, Literal, TypedDict, Unpack, cast, overload

from numpy.typing import NDArray
from PIL import Image

from restore_cli.api.kinds import AnyPicture, Opened, PathLike, Same, open_ahead, open_picture
from restore_cli.engine.restorer import Restorer
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture
from restore_cli.models import zoo

Tile = int | Literal["auto", "none"]


class How(TypedDict, total=False):
    """How to restore; the meanings stand with `Model.__call__`."""

    strength: float
    level: float | None
    tta: bool


class Model:
    """A loaded model, to be used again and again.

    Made by `load_model`. It holds its network on its device; calls are not thread-safe.

    Attributes:
        name: as the recipe says it.
        task: what it was trained for, e.g. "derain".
    """

    def __init__(self, loaded: zoo.Model, restorer: Restorer) -> None:
        self.name, self.task = loaded.name, loaded.task
        self._restorer = restorer

    @overload
    def __call__(self, picture: PathLike, **how: Unpack[How]) -> Picture: ...
    @overload
    def __call__(self, picture: Image.Image, **how: Unpack[How]) -> Image.Image: ...
    @overload
    def __call__(self, picture: Same, **how: Unpack[How]) -> Same: ...
    def __call__(
        self,
        picture: AnyPicture,
        *,
        strength: float = 1.0,
        level: float | None = None,
        tta: bool = False,
    ) -> Picture | Image.Image | NDArray[Any]:
        """Restore one picture; what is given is not changed.

        Args:
            picture: a path, a `Picture`, a PIL image, or an array (H, W, 3) in RGB order: uint8 or
                uint16 over their whole range, or floating point in [0, 1].
            strength: 0 (the picture itself) to 1 (the model's result); linear between.
            level: how much of the degradation there is, in the unit of `restore infer --level`, for
                models that take one; 0 gives the picture back,
                None lets the model estimate it.
            tta: average over the eight flips and quarter turns; eight times the work.

        Returns:
            The same kind, size (of upscalers, `scale` times it) and depth; a `Picture` for a path.
            The notes of a `Picture` say
            what did not go as asked.

        Raises:
            RestoreError: the picture cannot be read, or a value cannot be used with this model.
            TypeError: `picture` is of another kind.
        """
        return self._restore(open_picture(picture), strength, level, tta)

    @overload
    def batch(self, pictures: Iterable[PathLike], **how: Unpack[How]) -> list[Picture]: ...
    @overload
    def batch(self, pictures: Iterable[Image.Image], **how: Unpack[How]) -> list[Image.Image]: ...
    @overload
    def batch(self, pictures: Iterable[Same], **how: Unpack[How]) -> list[Same]: ...
    def batch(
        self,
        pictures: Iterable[AnyPicture],
        *,
        strength: float = 1.0,
        level: float | None = None,
        tta: bool = False,
    ) -> list[Any]:
        """Restore several pictures, reading the next one while this one is computed.

        Args:
            pictures: see `__call__`; sizes may differ.
            strength: see `__call__`.
            level: see `__call__`.
            tta: see `__call__`.

        Returns:
            The restored pictures in the same order.

        Raises:
            RestoreError: one of them cannot be restored; `restore infer` goes on instead.
            TypeError: `pictures` is a single path, or holds something else than pictures.
        """
        if isinstance(pictures, str):
            raise TypeError("batch takes several pictures: put the path into a list")
        opened = open_ahead(list(pictures))
        return [self._restore(one, strength, level, tta) for one in opened]

    def _restore(
        self, opened: Opened, strength: float, level: float | None, tta: bool
    ) -> Picture | Image.Image | NDArray[Any]:
        result = self._restorer(opened.image, strength=strength, level=level, tta=tta)
        return opened.finish(result.image, result.notes)


def load_model(
    name: str, device: str = "auto", *, precision: str = "auto", tile: Tile = "auto"
) -> Model:
    """Load a model for any number of pictures.

    Args:
        name: a task ("denoise", "derain", "dehaze", "deblur", "lowlight", "auto"), a shipped
            model, a model folder, or a file of weights.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        tile: px of the window that the network sees at most, "auto" (by free memory) or "none".

    Raises:
        RestoreError: there is no such model, its files are damaged, it reads RAW files, or the
            device cannot be used.
    """
    loaded = zoo.load(zoo.default_for_task(name) if name in zoo.TASKS else name)
    if loaded.network.info.input == "mosaic":
        raise RestoreError(
            f"the model {loaded.name} reads camera RAW files", hint="use it with develop()"
        )
    restorer = Restorer(
        loaded.network,
        device=device,
        precision=precision,
        tile=tile,
        usual_overlap=loaded.overlap,
    )
    return Model(loaded, restorer)


@overload
def restore(
    picture: PathLike, model: str | Model, *, device: str = ..., **how: Unpack[How]
) -> Picture: ...
@overload
def restore(
    picture: Image.Image, model: str | Model, *, device: str = ..., **how: Unpack[How]
) -> Image.Image: ...
@overload
def restore(
    picture: Same, model: str | Model, *, device: str = ..., **how: Unpack[How]
) -> Same: ...
def restore(
    picture: AnyPicture,
    model: str | Model,
    *,
    device: str = "auto",
    strength: float = 1.0,
    level: float | None = None,
    tta: bool = False,
) -> Picture | Image.Image | NDArray[Any]:
    """Restore one picture.

    Args:
        picture: see `Model.__call__`.
        model: a task or a model's name, loaded for this picture; or a `Model`.
        device: where to compute; for a model that is loaded here.
        strength: see `Model.__call__`.
        level: see `Model.__call__`.
        tta: see `Model.__call__`.

    Returns:
        The same kind, size and depth; a `Picture` for a path.

    Raises:
        RestoreError: see `load_model` and `Model.__call__`.
        TypeError: `picture` is of another kind.
    """
    ready = load_model(model, device) if isinstance(model, str) else model
    # Of the union of all kinds, overloads say nothing.
    return cast("Any", ready)(picture, strength=strength, level=level, tta=tta)
