"""Make Superset's metadata file: its tables and roles; runs in Superset's environment."""

from pathlib import Path

import superset
from flask_migrate import upgrade
from superset.app import create_app

with create_app().app_context():
    from superset.extensions import appbuilder, security_manager

    upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
