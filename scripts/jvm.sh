# shellcheck shell=sh
# Sourced by ./rekindle and the benchmarks: how the JVM is set up, and its AOT cache.
# scripts/bench-start measures what the settings are worth.

# Sets jvm_options to those for the command in $1.
#   SerialGC             the smallest collector to start; a restore leaves it nothing to do
#   Xmx                  for the index of a guest of 80 GiB; REKINDLE_JAVA_OPTS can raise it
#   Xlog                 a cache that does not fit is no matter for the user
#   UsePerfData          its counters are a file under /tmp that the JVM writes to when it stops all threads: a
#                        restore must not wait for that disk
#   TieredStopAtLevel=1  where a guest waits: the JIT's last tier compiles at the time of its first
#                        faults, on the processor that it needs. Saves and imports hash and compress for
#                        seconds, and are better off with it.
set_jvm_options() {
  jvm_options="-XX:+UseSerialGC -Xmx512m -Xlog:aot=off -Xlog:cds=off"
  case $1 in
    restore | record) jvm_options="$jvm_options -XX:-UsePerfData -XX:TieredStopAtLevel=1" ;;
  esac
}

# Makes the AOT cache of the jar in $1, beside it: the classes of a restore as they are once loaded and
# linked; first, those of libraries are made fit for it. It fits this jar at this path, this JDK and this collector; else the JVM starts without it, by
# itself.
make_aot_cache() {
  rm -f "$1.aot"
  set_jvm_options restore
  "$JAVA_HOME/bin/java" -cp "$1" org.rekindle.cli.ClassFileUpgrade "${1%/*}"/lib/*.jar || return
  # shellcheck disable=SC2086 # options are words on purpose
  "$JAVA_HOME/bin/java" $jvm_options "-XX:AOTCacheOutput=$1.aot" -cp "$1" org.rekindle.cli.StartTraining
}

# Sets aot_option to what has the JVM use the cache of the jar in $1: nothing if it has none.
set_aot_option() {
  aot_option=
  [ ! -e "$1.aot" ] || aot_option=-XX:AOTCache=$1.aot
}
