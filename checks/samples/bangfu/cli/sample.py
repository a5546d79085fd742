"""As in web/sample.py: commands hold no rows either."""

from bangfu.registry.models import Person  # fires: rows-in-pages


def show() -> None:
    """Show them."""
    print(Person.objects.count())  # fires: rows-in-pages
