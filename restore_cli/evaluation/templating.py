"""Templates of the report: everything put into them is escaped unless it is a template's output."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from markupsafe import Markup

_FOLDER = files("restore_cli.evaluation").joinpath("templates")


def render(template: str, /, **values: object) -> Markup:
    """Fill a template.

    Args:
        template: name of a file in `templates`.
        values: what it asks for; strings are escaped, what `render` gave is not.

    Raises:
        jinja2.UndefinedError: the template asks for something else.
    """
    # What the template put in is escaped.
    return Markup(_environment().get_template(template).render(values))  # noqa: S704


def stream(template: str, /, **values: object) -> Iterator[str]:
    """Fill a template piece by piece; what it loops over is taken when its turn comes."""
    return _environment().get_template(template).generate(values)


def source(name: str) -> str:
    """Give a file of `templates` as it is."""
    return _FOLDER.joinpath(name).read_text("utf-8")


class _Packaged(BaseLoader):
    """Reads from the package, in a folder or in a zip file."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, None, None]:
        try:
            return source(template), None, None
        except FileNotFoundError as error:
            raise TemplateNotFound(template) from error


@cache
def _environment() -> Environment:
    return Environment(
        loader=_Packaged(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
