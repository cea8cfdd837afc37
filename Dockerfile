# syntax=docker/dockerfile:1
# One image for the edge and, as `sample-app`, for the sample app. It holds the program, the libraries that it needs, and
# nothing else: no shell. scripts/image-root.sh makes it, and tests/operations/image.sh runs an edge in it.

FROM rust:1.95.0-slim-bookworm AS build
# The proxy engine builds zlib-ng: cmake, make and a C compiler.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates cmake g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin homeward && cp target/release/homeward /homeward
RUN scripts/image-root.sh /homeward /image

# For docker-compose.yml alone: makes keys, tokens and a certificate, once.
FROM debian:12.11-slim AS keys
RUN apt-get update && apt-get install --yes --no-install-recommends openssl && rm -rf /var/lib/apt/lists/*
COPY --from=build /homeward /usr/local/bin/homeward
ENTRYPOINT ["/etc/homeward/keys.sh"]

FROM scratch AS edge
COPY --from=build /image /
USER 10001:10001
WORKDIR /var/lib/homeward
# Mount the settings and the routing table here, as a directory, so that a save by rename is seen.
ENV HOMEWARD_CONFIG=/etc/homeward/homeward.yaml
EXPOSE 8080
STOPSIGNAL SIGTERM
# Well means that this edge should get requests; a dead region does not make it unwell.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/usr/local/bin/homeward", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/homeward"]
CMD ["run"]
