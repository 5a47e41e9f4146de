"""Apache Iceberg's reference REST catalog, on PostgreSQL (several clients lock SQLite up)."""

from __future__ import annotations

from pathlib import Path

from .http import get_json
from .postgres import USER, Postgres
from .processes import Command
from .seaweedfs import REGION
from .server import Server
from .versions import HERE, POM, digest, maven

CONFIG = HERE / "rest.xml"
WAREHOUSE = "s3://lakehouse-warehouse/"


class Rest(Server):
    name = "rest"
    ports = ("rest",)
    needs = ("postgres",)

    def install(self) -> None:
        self.site.home.java()
        self._jars()

    def _jars(self) -> Path:
        version = maven("iceberg")
        return self.site.home.once(
            f"rest-{version}-{digest(POM)}",
            f"Iceberg's REST server {version}",
            lambda folder: self.site.home.maven("rest", folder),
        )

    def command(self) -> Command:
        settings = self.site.settings
        env = {
            "STACK_REST_PORT": str(self.port),
            "STACK_REST_JDBC": Postgres(self.site).jdbc,
            "STACK_REST_USER": USER,
            "STACK_REST_PASSWORD": settings.secrets["postgres"],
            "STACK_REST_WAREHOUSE": WAREHOUSE,
            "STACK_REST_S3": settings.url("s3"),
            "AWS_ACCESS_KEY_ID": settings.secrets["s3_key"],
            "AWS_SECRET_ACCESS_KEY": settings.secrets["s3_secret"],
            "AWS_REGION": REGION,
        }
        java = self.site.home.java()
        main = "org.eclipse.jetty.xml.XmlConfiguration"
        arguments: list[str | Path] = [java, "-Xmx512M", "-cp", f"{self._jars()}/*", main, CONFIG]
        return Command(arguments, self.folder, env)

    def ready(self) -> bool:
        return get_json(f"{self.url}/v1/config") is not None
