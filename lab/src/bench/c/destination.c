/*
 * A double of QEMU as the destination of a postcopy migration, which measures how fast its source
 * answers page requests. It has no guest: it asks for pages itself, one at a time.
 *
 *   gcc -O2 -Wall -Wextra -o destination destination.c
 *   ./destination SOCKET REQUESTS SEED [--until-end] > latencies.csv
 *
 * Listens on SOCKET, takes one connection, swallows the stream up to and including the PACKAGED
 * command (device state is not looked at), then sends REQUESTS requests for pseudo-random pages
 * that have not come yet, and waits for each until a record of exactly that page is there; others
 * are noted as received. PINGs are answered throughout. Then it hangs up, as a QEMU that quits; with
 * --until-end it waits until the source has sent everything and the end of the stream, and answers
 * SHUT 0, as a QEMU that has been restored.
 *
 * Output: request,page,latency_ns, where page counts through all RAM blocks in stream order, and
 * the time runs from before the request is written to when the page's last byte has been read.
 * Median and 99th percentile go to standard error. Exit status 1: the source broke the protocol,
 * sent a page twice, or went away.
 *
 * Stream and messages as in QEMU 7.2 (migration/savevm.c, ram.c, migration.c); big-endian.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MAX_REGIONS = 64, MAX_PACKAGE = 256 << 20 };
enum { REC_ZERO = 0x02, REC_MEM_SIZE = 0x04, REC_PAGE = 0x08, REC_EOS = 0x10, REC_CONTINUE = 0x20 };
enum { CMD_PING = 2, CMD_PACKAGED = 7 };
enum { RP_SHUT = 1, RP_PONG = 2, RP_REQ_PAGES_ID = 3, RP_REQ_PAGES = 4 };
enum { END_OF_STREAM = -2 };

struct region {
  char name[256];
  uint64_t pages, first; /* first: of its pages in the count through all regions */
};

static struct region regions[MAX_REGIONS];
static int region_count;
static uint64_t total_pages, received_pages;
static uint8_t *received; /* one byte for each page */
static int peer;
static int packaged;     /* the PACKAGED command has been seen */
static int in_records;   /* within a section of ram */
static int record_region = -1;

static void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "destination: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- bytes in ---- */

static uint8_t buffer[1 << 18];
static size_t at, end;

/* The next bytes of the stream, in one piece; valid until the next call. */
static const uint8_t *take(size_t bytes) {
  if (bytes > sizeof buffer) die("%zu bytes in one piece", bytes);
  if (end - at < bytes) {
    memmove(buffer, buffer + at, end - at);
    end -= at;
    at = 0;
    while (end < bytes) {
      ssize_t n = read(peer, buffer + end, sizeof buffer - end);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) die("the source has gone: %s", n == 0 ? "end of file" : strerror(errno));
      end += n;
    }
  }
  at += bytes;
  return buffer + at - bytes;
}

static uint64_t big_endian(const uint8_t *p, int bytes) {
  uint64_t value = 0;
  while (bytes-- > 0) value = value << 8 | *p++;
  return value;
}

static uint64_t number(int bytes) { return big_endian(take(bytes), bytes); }

static void skip(uint64_t bytes) {
  while (bytes > 0) {
    size_t step = bytes < sizeof buffer ? bytes : sizeof buffer;
    take(step);
    bytes -= step;
  }
}

static void name(char into[256]) {
  int length = number(1);
  memcpy(into, take(length), length);
  into[length] = 0;
}

/* ---- messages out ---- */

static uint8_t *put(uint8_t *p, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) *p++ = value >> (8 * i);
  return p;
}

static void write_all(const uint8_t *p, size_t bytes) {
  while (bytes > 0) {
    ssize_t n = send(peer, p, bytes, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) die("send: %s", strerror(errno));
    p += n;
    bytes -= n;
  }
}

static void send_word(int type, uint32_t value) {
  uint8_t message[8];
  put(put(put(message, type, 2), 4, 2), value, 4);
  write_all(message, sizeof message);
}

static void send_request(int region, uint64_t gpn) {
  static int last_region = -1;
  uint8_t message[4 + 8 + 4 + 1 + 255];
  size_t length = strlen(regions[region].name);
  int same = region == last_region;
  uint8_t *p = put(message, same ? RP_REQ_PAGES : RP_REQ_PAGES_ID, 2);
  p = put(p, same ? 12 : 13 + length, 2);
  p = put(p, gpn * PAGE, 8);
  p = put(p, PAGE, 4);
  if (!same) {
    p = put(p, length, 1);
    memcpy(p, regions[region].name, length);
    p += length;
  }
  last_region = region;
  write_all(message, p - message);
}

/* ---- the stream ---- */

static void configuration(void) {
  skip(number(4)); /* machine type */
  while (*take(1) == 0x05) {
    char subsection[256];
    name(subsection);
    number(4); /* version */
    if (!strcmp(subsection, "configuration/target-page-bits")) {
      number(4);
    } else if (!strcmp(subsection, "configuration/uuid")) {
      skip(16);
    } else if (!strcmp(subsection, "configuration/capabilities")) {
      char capability[256];
      for (uint64_t n = number(4); n > 0; n--) name(capability);
    } else {
      die("unknown subsection %s", subsection);
    }
  }
  at--; /* the byte that was no subsection */
}

/* Within the package stand sections that nobody can delimit, but the commands at its end are known:
 * some PINGs, then RUN. */
static void package(void) {
  uint64_t length = number(4);
  if (length > MAX_PACKAGE) die("package of %" PRIu64 " bytes", length);
  uint8_t *bytes = malloc(length);
  for (uint64_t i = 0; i < length;) {
    size_t step = length - i < sizeof buffer ? length - i : sizeof buffer;
    memcpy(bytes + i, take(step), step);
    i += step;
  }
  static const uint8_t listen_command[] = {0x08, 0, 4, 0, 0}, run_command[] = {0x08, 0, 5, 0, 0};
  static const uint8_t ping_command[] = {0x08, 0, CMD_PING, 0, 4};
  if (length < 10 || memcmp(bytes, listen_command, 5)) die("package does not begin with LISTEN");
  const uint8_t *run = bytes + length - 5, *ping = run;
  if (memcmp(run, run_command, 5)) die("package does not end with RUN");
  while (ping - bytes >= 5 + 9 && !memcmp(ping - 9, ping_command, 5)) ping -= 9;
  for (; ping < run; ping += 9) send_word(RP_PONG, big_endian(ping + 5, 4));
  free(bytes);
  packaged = 1;
}

static void command(void) {
  int kind = number(2), length = number(2);
  if (kind == CMD_PING && length == 4) {
    send_word(RP_PONG, number(4));
  } else if (kind == CMD_PACKAGED && length == 4) {
    package();
  } else {
    skip(length); /* OPEN_RETURN_PATH, ADVISE, RAM_DISCARD: nothing to be done without a guest */
  }
}

static void region_list(uint64_t bytes) {
  for (uint64_t listed = 0; listed < bytes;) {
    if (region_count == MAX_REGIONS) die("more than %d regions", MAX_REGIONS);
    struct region *region = &regions[region_count++];
    name(region->name);
    uint64_t size = number(8);
    if (size % PAGE || size > bytes - listed) die("region %s has %" PRIu64 " bytes", region->name, size);
    region->pages = size / PAGE;
    region->first = total_pages;
    total_pages += region->pages;
    listed += size;
  }
  received = calloc(total_pages, 1);
}

/* A record of the ram section; the page that it holds, or -1 if it holds none. */
static int64_t record(void) {
  uint64_t word = number(8), flags = word & (PAGE - 1), address = word - flags;
  if (flags == REC_MEM_SIZE && !received) {
    region_list(address);
    return -1;
  }
  if (flags == REC_EOS) {
    in_records = 0;
    return -1;
  }
  if ((flags & ~REC_CONTINUE) != REC_PAGE && (flags & ~REC_CONTINUE) != REC_ZERO) {
    die("record with flags 0x%" PRIx64, flags);
  }
  if (!(flags & REC_CONTINUE)) {
    char id[256];
    name(id);
    for (record_region = region_count - 1; record_region >= 0; record_region--) {
      if (!strcmp(id, regions[record_region].name)) break;
    }
    if (record_region < 0) die("record of unknown region %s", id);
  }
  if (record_region < 0) die("record without a region");
  uint64_t gpn = address / PAGE;
  if (gpn >= regions[record_region].pages) die("page %" PRIu64 " is outside of its region", gpn);
  if (flags & REC_PAGE) {
    take(PAGE);
  } else if (number(1) != 0) {
    die("zero page that is not of zeros");
  }
  return regions[record_region].first + gpn;
}

static void section_head(void) {
  char id[256];
  number(4); /* section id */
  name(id);
  if (strcmp(id, "ram")) die("section %s outside of the package", id);
  number(8); /* instance, version */
}

/* Reads on until a page has come, the package has, or the stream ends. */
static int64_t advance(void) {
  int had_package = packaged;
  while (packaged == had_package) {
    if (in_records) {
      int64_t page = record();
      if (page < 0) continue;
      /* Before the package a page may come again; after it QEMU would give up. */
      if (received[page] && packaged) die("page %" PRId64 " came twice", page);
      received_pages += !received[page];
      received[page] = 1;
      return page;
    }
    switch (number(1)) {
      case 0x00: return END_OF_STREAM;
      case 0x01: section_head(); in_records = 1; break;
      case 0x02:
      case 0x03: number(4); in_records = 1; break;
      case 0x07: configuration(); break;
      case 0x08: command(); break;
      case 0x7e: number(4); break;
      default: die("unknown section type 0x%02x", buffer[at - 1]);
    }
  }
  return -1;
}

/* ---- the measurement ---- */

static uint64_t random_state;

static uint64_t random_number(void) { /* splitmix64 */
  uint64_t z = random_state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static uint64_t page_not_received(void) {
  uint64_t page = random_number() % total_pages;
  for (int draw = 0; received[page] && draw < 100; draw++) page = random_number() % total_pages;
  while (received[page]) page = (page + 1) % total_pages;
  return page;
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The socket appears under its name only once it listens: who sees it can connect. */
static int accept_one(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path, sizeof address.sun_path, "%s~", path);
  if (length >= (int)sizeof address.sun_path) die("path too long: %s", path);
  unlink(address.sun_path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) ||
      listen(listener, 1) || rename(address.sun_path, path))
    die("listen on %s: %s", path, strerror(errno));
  int connection = accept(listener, NULL, NULL);
  if (connection < 0) die("accept: %s", strerror(errno));
  close(listener);
  unlink(path);
  return connection;
}

int main(int count, char **arguments) {
  if (count < 4 || count > 5 || (count == 5 && strcmp(arguments[4], "--until-end")))
    die("usage: destination SOCKET REQUESTS SEED [--until-end]");
  long requests = atol(arguments[2]);
  random_state = strtoull(arguments[3], NULL, 0);
  int64_t *latencies = calloc(requests + 1, sizeof *latencies);
  uint64_t *pages = calloc(requests + 1, sizeof *pages);
  peer = accept_one(arguments[1]);

  if (number(4) != 0x5145564d || number(4) != 3) die("no migration stream of version 3");
  while (!packaged) {
    if (advance() == END_OF_STREAM) die("the stream ended before the package");
  }
  if (!received) die("no list of regions before the package");

  long done = 0;
  int ended = 0;
  for (; done < requests && received_pages < total_pages && !ended; done++) {
    uint64_t page = page_not_received();
    int region = region_count - 1;
    while (regions[region].first > page) region--;
    pages[done] = page;
    int64_t start = now_ns();
    send_request(region, page - regions[region].first);
    int64_t came;
    do came = advance(); while (came != (int64_t)page && came != END_OF_STREAM);
    latencies[done] = now_ns() - start;
    if (came == END_OF_STREAM) die("the stream ended without page %" PRIu64, page);
  }
  if (count == 5) {
    while (advance() != END_OF_STREAM) {}
    if (received_pages < total_pages)
      die("only %" PRIu64 " of %" PRIu64 " pages had come at the end", received_pages, total_pages);
    send_word(RP_SHUT, 0);
  }
  close(peer);

  printf("request,page,latency_ns\n");
  for (long i = 0; i < done; i++) printf("%ld,%" PRIu64 ",%" PRId64 "\n", i, pages[i], latencies[i]);
  if (done > 0) {
    qsort(latencies, done, sizeof *latencies, ascending);
    fprintf(stderr, "%ld requests: median %.1f us, p99 %.1f us\n", done, latencies[done / 2] / 1e3,
            latencies[done * 99 / 100] / 1e3);
  }
  return fflush(stdout) != 0;
}
