# syntax=docker/dockerfile:1
# One image for the edge and, as `sample-app`, for the sample app.

FROM rust:1.95-slim-bookworm AS build
# The proxy engine builds zlib-ng: cmake, make and a C compiler.
RUN apt-get update && apt-get install --yes --no-install-recommends cmake g++ make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin homeward && cp target/release/homeward /homeward

FROM debian:bookworm-slim
# curl is for the health checks alone.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --home-dir /var/lib/homeward --shell /usr/sbin/nologin homeward \
    && install --directory --owner homeward --mode 0700 /var/lib/homeward
COPY --from=build /homeward /usr/local/bin/homeward
COPY geoip /usr/share/homeward/geoip
USER homeward
WORKDIR /var/lib/homeward
# Mount the settings and the routing table here, as a directory, so that a save by rename is seen.
ENV HOMEWARD_CONFIG=/etc/homeward/homeward.yaml
EXPOSE 8080
# Ready means that this edge can serve; a dead region does not make it unready.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["curl", "--fail", "--silent", "--show-error", "--max-time", "2", "http://127.0.0.1:9901/readyz"]
ENTRYPOINT ["homeward"]
CMD ["run"]
