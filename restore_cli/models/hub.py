"""Models from the Hugging Face hub, and model folders made ready for it (the extra `[hub]`)."""

import importlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.leftovers import temporary_folder
from restore_cli.models.entries import CARD, RECIPE, SUMS, WEIGHTS, check_hash, describe
from restore_cli.models.entries import recorded_sums as sums_of
from restore_cli.models.zoo import read_weights, write_folder
from restore_cli.small_file import read_small

SOURCE = "source.json"
"""Where a fetched model came from."""
HUB_CARD = "README.md"
_ID = re.compile(r"[\w.-]+/[\w.-]+")
_MOST_TEXT = 2**20
_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model that was fetched.

    Attributes:
        revision: the commit, 40 hexadecimal digits.
        file: of the weights, as it is called there.
        sha256: of it.
    """

    revision: str
    file: str
    sha256: str


def pull(name: str, folder: Path, *, revision: str = "main", file: str = "") -> Pulled:
    """Fetch a model into a folder: one file of safetensors, recipe, card and hashes.

    Args:
        name: OWNER/NAME.
        folder: to write; its files of these names are replaced.
        revision: a commit, or what is resolved to one before anything is fetched.
        file: of the weights; empty takes the only one there is.

    Raises:
        RestoreError: the extra is missing, the hub cannot be reached or has no such thing, there
            is no such file or more than one, or it is damaged.
    """
    if not _ID.fullmatch(name):
        raise RestoreError(f"{name!r} is no id of the hub", hint="such as OWNER/NAME")
    hub = _library()
    try:
        info = hub.HfApi().model_info(name, revision=revision)
        commit, there = str(info.sha), [str(one.rfilename) for one in info.siblings or []]
        weights = _weights(name, there, file)
        wanted = [weights, *(one for one in (RECIPE, CARD, HUB_CARD, SUMS) if one in there)]
        with temporary_folder() as place:
            got = {
                one: Path(hub.hf_hub_download(name, one, revision=commit, local_dir=place))
                for one in wanted
            }
            return _kept(folder, name, commit, weights, got)
    except RestoreError:
        raise
    except Exception as error:  # the library raises what its many parts raise
        raise RestoreError(
            f"{name} cannot be fetched: {str(error).strip().partition(chr(10))[0]}",
            hint="check the id, the revision and the network",
            exit_code=ExitCode.SOME_FAILED,
        ) from error


def _weights(name: str, there: list[str], file: str) -> str:
    found = [one for one in there if one.endswith(_SUFFIX)]
    if file:
        if file not in found:
            raise RestoreError(
                f"{name} has no safetensors file {file!r}", hint=f"it has {', '.join(found)}"
            )
        return file
    if len(found) == 1:
        return found[0]
    if WEIGHTS in found:
        return WEIGHTS
    if found:
        raise RestoreError(
            f"{name} has {len(found)} safetensors files",
            hint=f"--file takes one of {', '.join(found)}",
        )
    raise RestoreError(
        f"{name} has no safetensors file, and nothing else is fetched",
        hint="download its checkpoint by other means, then `restore models convert` it",
    )


def _kept(folder: Path, name: str, commit: str, weights: str, got: dict[str, Path]) -> Pulled:
    """Check what was fetched, and put it under the names of a model folder."""
    about = describe(str(got[weights]))
    read_weights(got[weights])  # a file that is no safetensors is refused here
    recorded = sums_of(got[SUMS].parent, required=False) if SUMS in got else {}
    if weights in recorded:
        check_hash(got[weights], about.sha256, recorded[weights])
    texts = {one: read_small(path, most=_MOST_TEXT) for one, path in got.items() if one != weights}
    card = texts.get(CARD) or texts.get(HUB_CARD)
    model = {WEIGHTS: got[weights].read_bytes()}
    if RECIPE in texts:
        model[RECIPE] = texts[RECIPE]
    source = {"hub": name, "revision": commit, "file": weights, "sha256": about.sha256}
    beside = {SOURCE: json.dumps(source, indent=2).encode() + b"\n"}
    if card is not None:
        beside[CARD] = card
    write_folder(folder, model, beside)
    return Pulled(commit, weights, about.sha256)


def prepare(name: str, folder: Path) -> list[str]:
    """Write a folder that can be uploaded as it is: weights, recipe, hashes, the hub's card.

    Args:
        name: a shipped model, a model folder, or a file of safetensors.
        folder: to write; its files of these names are replaced.

    Returns:
        The names of the files.

    Raises:
        RestoreError: there is no such model, its files are damaged, it is no safetensors file, or
            the folder cannot be written.
    """
    about = describe(name)
    if about.path.suffix != _SUFFIX:
        raise RestoreError(
            f"{about.path} is no safetensors file", hint="`restore models convert` makes one of it"
        )
    read_weights(about.path)
    if folder.resolve() == about.path.parent.resolve():
        raise RestoreError(f"{folder} is the model itself", hint="name another folder")
    model = {WEIGHTS: about.path.read_bytes()}
    licence = about.claims.get("licence", "unknown")
    if about.recipe is not None:
        model[RECIPE] = about.recipe.dump().encode()
        licence = about.recipe.model.licence
    card = about.path.parent / CARD
    text = f"# {about.name}\n"
    if about.path.name == WEIGHTS and card.is_file():
        text = read_small(card, most=_MOST_TEXT).decode("utf-8", "replace")
    write_folder(folder, model, {HUB_CARD: (_front(licence, about.task) + text).encode()})
    return [*model, HUB_CARD, SUMS]


def _front(licence: str, task: str) -> str:
    """The fields that the hub reads at the head of a card. JSON is YAML."""
    known = re.fullmatch(r"[\w.-]+", licence) and licence != "unknown"
    lines = [
        f"license: {json.dumps(licence.lower() if known else 'other')}",
        "library_name: restore-cli",
        "pipeline_tag: image-to-image",
        f"tags: {json.dumps(['image-restoration', task])}",
    ]
    return "\n".join(["---", *lines, "---", "", ""])


def _library() -> Any:  # noqa: ANN401 - an extra
    try:
        return importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise RestoreError(
            "huggingface_hub is not installed",
            hint='`pip install "restore-cli[hub]"` installs it',
        ) from error
