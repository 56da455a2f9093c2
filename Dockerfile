# Debian 12 with all that ./demo and ./test need, for those on another system.
# This file has not been built; scripts/setup, which it runs, has been run on Debian 12.
#
#   docker build -t superpose .
#   docker run --rm -it -v "$PWD":/superpose -v superpose-venv:/superpose/.venv superpose ./test --yes
#
# The clone is mounted, so build/ and runs/ stay on your disk; .venv is a volume of its own, filled from the image.
FROM debian:12

RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /superpose
COPY requirements.txt requirements-test.txt requirements-transformers4.txt ./
COPY scripts scripts
RUN scripts/setup --test --yes && rm -rf /var/lib/apt/lists/* /root/.cache

# The mounted clone belongs to another user than the container's root.
RUN git config --system --add safe.directory /superpose
ENV CCACHE_DIR=/superpose/.cache/ccache
CMD ["bash"]
