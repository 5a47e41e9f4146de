# Iceberg's reference REST catalog with PostgreSQL's driver: the jars that stack/pom.xml pins.
FROM maven:3.9.9-eclipse-temurin-21 AS jars
COPY stack/pom.xml /build/pom.xml
RUN mvn -q -B -f /build/pom.xml -P rest dependency:copy-dependencies -DoutputDirectory=/build/jars

FROM eclipse-temurin:21.0.7_6-jre
COPY --from=jars /build/jars /opt/iceberg-rest
USER nobody
EXPOSE 8181
ENTRYPOINT ["java", "-Xmx512M", "-cp", "/opt/iceberg-rest/*", "org.apache.iceberg.rest.RESTCatalogServer"]
