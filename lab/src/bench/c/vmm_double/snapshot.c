/*
 * Snapshot files as Firecracker has them: the memory file holds the regions one after the other and nothing else; a
 * diff has the same length, with holes where nothing changed. The state file begins as theirs does (a
 * zero, the magic number, the version) and ends with the CRC64; what is between only we understand, as only they
 * understand theirs.
 */
#define _GNU_SOURCE
#include "vmm_double.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char head[] = "\0\x00\x00\x64\x86\x84\x19\x10\x07\x06" "11.0.0"; /* of x86-64, little-endian */

enum { MAX_STATE = 4096 };

#define create_fault(what) \
  fault("Create snapshot error: Cannot perform " what ": %s (os error %d)", strerror(errno), errno)
#define load_fault(...) fault("Load snapshot error: Failed to restore from snapshot: " __VA_ARGS__)

static void write_fully(int file, const void *bytes, size_t length, off_t at) {
  for (size_t done = 0; done < length;) {
    ssize_t n = pwrite(file, (const uint8_t *)bytes + done, length - done, at + done);
    if (n < 0) fault("Create snapshot error: Cannot write memory file: %m");
    done += n;
  }
}

/* Without dirty tracking a page counts as changed if it is in memory at all. */
static void write_region(int file, const struct region *region, bool diff) {
  uint64_t step = unit_pages() * PAGE;
  uint8_t resident[HUGE_PAGE / PAGE];
  for (uint64_t at = 0; at < region->bytes; at += step) {
    if (diff && mincore(region->base + at, step, resident)) fault("Create snapshot error: Cannot get dirty bitmap: %m");
    if (!diff || resident[0] & 1) write_fully(file, region->base + at, step, region->first * PAGE + at);
  }
}

void snapshot_write_memory(const char *path, bool diff) {
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  struct stat status;
  if (file < 0 || fstat(file, &status)) {
    create_fault("open on the memory backing file");
  }
  /* A file of the right length is written over in place; so a diff can be merged into what is there. */
  off_t length = total_pages * PAGE;
  if ((status.st_size != length && ftruncate(file, 0)) || ftruncate(file, length)) {
    create_fault("set_length on the memory backing file");
  }
  for (int i = 0; i < region_count; i++) write_region(file, &regions[i], diff);
  if (fsync(file) || close(file)) create_fault("sync_all on the memory backing file");
}

static uint64_t crc64(const uint8_t *p, size_t bytes) { /* Jones, reflected */
  uint64_t crc = 0;
  while (bytes-- > 0) {
    crc ^= *p++;
    for (int i = 0; i < 8; i++) crc = crc >> 1 ^ (crc & 1 ? UINT64_C(0x95ac9329ac4bc9b5) : 0);
  }
  return crc;
}

void snapshot_write_state(const char *path) {
  uint8_t state[MAX_STATE];
  memcpy(state, head, sizeof head);
  char *text = (char *)state + sizeof head;
  text += sprintf(text, "double seed=%" PRIu64 " huge=%d vcpus=%d regions=", options.seed, options.huge,
                  options.vcpus);
  for (int i = 0; i < region_count; i++) text += sprintf(text, "%" PRIu64 ",", regions[i].bytes);
  size_t bytes = (uint8_t *)text - state;
  uint64_t crc = crc64(state, bytes);
  memcpy(text, &crc, sizeof crc);
  FILE *file = fopen(path, "we");
  if (!file || fwrite(state, bytes + sizeof crc, 1, file) != 1 || fclose(file)) {
    create_fault("open on the snapshot backing file");
  }
}

void snapshot_read_state(const char *path) {
  uint8_t state[MAX_STATE] = {0};
  FILE *file = fopen(path, "re");
  if (!file) load_fault("Failed to get snapshot state from file: %m");
  size_t bytes = fread(state, 1, sizeof state - 1, file);
  fclose(file);
  uint64_t crc;
  memcpy(&crc, state + (bytes < sizeof crc ? 0 : bytes - sizeof crc), sizeof crc);
  if (bytes < sizeof head + sizeof crc || crc != crc64(state, bytes - sizeof crc)) {
    load_fault("Failed to load snapshot state from file: CRC64 validation failed");
  }
  if (memcmp(state, head, sizeof head)) load_fault("Magic value does not match arch");
  int huge, end = 0;
  const char *text = (char *)state + sizeof head;
  int found_fields = sscanf(text, "double seed=%" SCNu64 " huge=%d vcpus=%d regions=%n", &options.seed, &huge,
                            &options.vcpus, &end);
  if (found_fields != 3 || !end) {
    load_fault("not a state of this double");
  }
  options.huge = huge;
  region_count = 0;
  total_pages = 0;
  for (text += end; region_count < MAX_REGIONS && *text >= '0' && *text <= '9'; text = strchr(text, ',') + 1) {
    uint64_t size = strtoull(text, NULL, 10);
    regions[region_count++] = (struct region){.bytes = size, .first = total_pages};
    total_pages += size / PAGE;
  }
}
