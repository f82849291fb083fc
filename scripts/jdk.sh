# shellcheck shell=sh
# Sourced by ./rekindle and ./check: sets JAVA_HOME to a JDK of at least version 25, or says in one
# line what to install. A JDK is told by its "release" file, so that nothing has to be started.

# Sets major to the major version of the JDK in $1; fails if there is none with a compiler.
jdk_major() {
  [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
  while IFS='=' read -r key value; do
    if [ "$key" = JAVA_VERSION ]; then
      value=${value#\"}
      major=${value%%[!0-9]*}
      return 0
    fi
  done <"$1/release"
  return 1
}

jdk_is_new_enough() {
  jdk_major "$1" && [ "${major:-0}" -ge 25 ]
}

find_jdk() {
  if [ -n "${JAVA_HOME:-}" ] && jdk_is_new_enough "$JAVA_HOME"; then
    export JAVA_HOME
    return 0
  fi
  path_java=$(command -v java || true)
  if [ -n "$path_java" ]; then
    path_java=$(readlink -f "$path_java")
  fi
  for candidate in "${path_java%/bin/java}" \
    /usr/lib/jvm/*25* /opt/*jdk*25* /opt/java/*25* /usr/local/*jdk*25* \
    "${HOME:-/root}"/.sdkman/candidates/java/25* "${HOME:-/root}"/.jdks/*25*; do
    if jdk_is_new_enough "$candidate"; then
      JAVA_HOME=$candidate
      export JAVA_HOME
      return 0
    fi
  done
  echo "Rekindle needs a JDK 25: install one (Debian 13: apt install openjdk-25-jdk-headless; or https://adoptium.net), or set JAVA_HOME to it." >&2
  return 1
}
