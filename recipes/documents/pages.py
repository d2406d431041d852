"""Templates of HTML pages: no file beside a page, no address outside it, no script."""


def get_template(name):
    """A template of this package, a `jinja2.Template`.

    Args:
        name: of its file.

    Raises:
        ImportError: if Jinja2 is missing.
    """
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(
            'A page is made with Jinja2: pip install "vae-zoo[plots]".'
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recipes.documents"),
        autoescape=lambda name: not name.endswith(".css"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
