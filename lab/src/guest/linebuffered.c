/*
 * Preloaded into pgbench: what it writes to a file of its own, its log, comes a line at a time instead of
 * a hundred lines a second later.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

FILE *fopen(const char *path, const char *mode) {
  FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen");
  FILE *file = real(path, mode);
  if (file && mode[0] == 'w') setvbuf(file, NULL, _IOLBF, 0);
  return file;
}
