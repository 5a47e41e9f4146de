"""Superset's settings; runs in Superset's environment."""

import os
from typing import Any

SECRET_KEY = os.environ["STACK_SUPERSET_KEY"]
SQLALCHEMY_DATABASE_URI = "sqlite:///" + os.environ["STACK_SUPERSET_METADATA"]
WTF_CSRF_ENABLED = True
# Nobody's browser waits for a server of Superset's makers.
SCARF_ANALYTICS = False


def _settle(_app: Any) -> None:
    """The administrator and the database, as this start of the stack wants them."""
    from superset.extensions import db, security_manager
    from superset.models.core import Database

    name, password = os.environ["STACK_SUPERSET_ADMIN"], os.environ["STACK_SUPERSET_PASSWORD"]
    if security_manager.find_user(name) is None:
        role = security_manager.find_role("Admin")
        security_manager.add_user(name, "Lake", "Fall", "admin@localhost", role, password=password)
    wanted = os.environ["STACK_SUPERSET_DATABASE"]
    database = db.session.query(Database).filter_by(database_name=wanted).one_or_none()
    if database is None:
        database = Database(database_name=wanted, expose_in_sqllab=True)
        db.session.add(database)
    # Trino's port may have changed.
    database.set_sqlalchemy_uri(os.environ["STACK_SUPERSET_DATABASE_URI"])
    db.session.commit()


if "STACK_SUPERSET_DATABASE" in os.environ:
    FLASK_APP_MUTATOR = _settle
