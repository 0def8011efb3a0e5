# docker build -t rounds .
# docker run -p 8080:8080 -v rounds:/var/lib/rounds -e ROUNDS_PUBLIC_URL=https://rounds.example.com \
#   -e DATABASE_URL=postgres://rounds_app:…@db/rounds rounds
# Before the first start: docker run --rm -e DATABASE_URL=… -e ROUNDS_ADMIN_DATABASE_URL=… rounds migrate

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev mold \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Queries are checked against the committed .sqlx: no database here.
RUN SQLX_OFFLINE=true cargo build --locked --release --bin rounds

FROM debian:bookworm-slim
# postgresql-client: pg_dump and pg_restore for `rounds backup` and `rounds restore`.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates postgresql-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/rounds --create-home --shell /usr/sbin/nologin rounds
COPY --from=build /src/target/release/rounds /usr/local/bin/rounds
USER rounds
ENV ROUNDS_LISTEN=0.0.0.0:8080 ROUNDS_DATA_DIR=/var/lib/rounds
VOLUME /var/lib/rounds
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s CMD ["rounds", "check", "--health"]
ENTRYPOINT ["rounds"]
CMD ["serve"]
