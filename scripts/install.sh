# shellcheck shell=sh
# Sourced: installs packages of the distribution, after saying so.

# Installs what is missing of the packages named. Without root or apt it says what stays missing and
# goes on: the tests that need it skip themselves with their reason.
install_packages() {
  missing=
  for package in "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing="$missing $package"
    fi
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not root, or no apt-get: going on without$missing; tests that need them will be skipped" >&2
    return 0
  fi
  echo "installing with apt-get:$missing" >&2
  # shellcheck disable=SC2086 # words on purpose
  if ! { apt_get install $missing || { apt_get update && apt_get install $missing; }; } >.cache/apt.log 2>&1; then
    tail -n 5 .cache/apt.log >&2
    echo "apt-get failed (log: .cache/apt.log): going on without$missing" >&2
  fi
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends "$@" </dev/null
}
