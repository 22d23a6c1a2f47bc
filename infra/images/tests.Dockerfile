# What the tests need, for cloudbuild.yaml: `docker build --file infra/images/tests.Dockerfile infra/images`.

FROM golang:1.26-bookworm AS go
FROM hashicorp/terraform:1.11 AS terraform
FROM node:20.19-bookworm-slim AS node

FROM gcr.io/google.com/cloudsdktool/google-cloud-cli:528.0.0-emulators
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        chromium make maven openjdk-17-jdk-headless python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY --from=go /usr/local/go /usr/local/go
COPY --from=terraform /bin/terraform /usr/local/bin/terraform
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
ENV PATH=$PATH:/usr/local/go/bin PYTHON=python3
