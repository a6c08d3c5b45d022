#!/bin/bash
# Runs Harbor in a container of its own (Debian trixie, Python 3.13) on this machine's Docker daemon: the containers of
# its trials are siblings of that one. What Harbor reads and writes must lie in the current folder.
# The first call makes the image, `docker rmi termigen-harbor` removes it. Usage: harbor_container.sh ARGUMENT...
set -euo pipefail
image=termigen-harbor
base=debian:trixie-slim
version=${HARBOR_VERSION:-0.26.0}
termigen=$(dirname "$0")/../.venv/bin/termigen
socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
[[ $socket == unix://* ]] || {
  echo "harbor_container.sh: expected DOCKER_HOST to be a socket of this machine (unix://...), found $socket" >&2
  exit 1
}
socket=${socket#unix://}

make_image() (
  docker image inspect "$base" > /dev/null 2>&1 || docker pull --quiet "$base" 2> /dev/null ||
    "$termigen" images bootstrap --sandbox docker --reference "$base"
  # What pip needs to reach the index from here. It is mounted, so that none of it stays in the image.
  mounts=() settings=()
  for path in /etc/pip.conf /etc/xdg/pip "${PIP_CONFIG_FILE:-}"; do
    [ ! -e "$path" ] || mounts+=(--volume "$path:$path:ro")
  done
  for name in $(compgen -e PIP_) http_proxy https_proxy no_proxy; do settings+=(--env "$name"); done
  path=/etc/ssl/certs/ca-certificates.crt
  if [ -e "$path" ]; then
    mounts+=(--volume "$path:/run/certificates.crt:ro")
    settings+=(--env PIP_CERT=/run/certificates.crt)
  fi
  container=$(docker run --detach --network host "${mounts[@]}" "$base" sleep infinity)
  trap 'docker rm --force --volumes "$container" > /dev/null' EXIT
  docker exec "${settings[@]}" --env DEBIAN_FRONTEND=noninteractive "$container" bash -euc '
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends docker-cli docker-compose python3-venv
    python3 -m venv /opt/harbor
    /opt/harbor/bin/pip install -qq "harbor==$0"' "$version"
  docker commit --change 'ENTRYPOINT ["/opt/harbor/bin/harbor"]' "$container" "$image" > /dev/null
)

docker image inspect "$image" > /dev/null 2>&1 || make_image >&2
exec docker run --rm --network none --volume "$socket:/var/run/docker.sock" --volume "$PWD:$PWD" --workdir "$PWD" \
  --user "$(id -u):$(id -g)" --group-add "$(stat -c %g "$socket")" --env HOME="$PWD" --env HARBOR_TELEMETRY=0 \
  "$image" "$@"
