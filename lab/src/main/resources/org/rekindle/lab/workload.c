/*
 * The guest's workload: memory full of believable data, a working set that is walked in a fixed but
 * non-sequential order, and a heartbeat.
 *
 * Talks on its standard output, one line each:
 *   nonce HEX             once at boot, from /dev/urandom: proves that a guest was restored, not rebooted
 *   ready key=value ...   memory is filled, the walk starts; period= is the number of beats of a pass
 *   beat N CHECK          a batch of pages is done; CHECK hashes them, so that beats N and N+period agree
 * and obeys lines on its standard input, between two beats:
 *   sum     answers "sum HEX SECONDS": a checksum over all filled memory but the counters
 *   nonce   answers "nonce HEX"
 *   quiet, loud            beats are not printed, printed again
 *   sh CMD  runs a shell command, prints what it prints, then "exit CODE"
 *
 * Parameters come from the kernel command line as rekindle.NAME=NUMBER (see struct parameters).
 *
 * A page is 504 words of data and, in its last 64 bytes, a counter that the checks leave out: a part
 * of the working set (a fifth, unless told otherwise) has it written on every pass, so that a restore
 * sees writes as well.
 *
 * Generators and checks work on 64-bit words with few instructions for each: under emulation (TCG)
 * the number of instructions is what counts.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, PAGE_WORDS = 512, DATA_WORDS = 504, COUNTER = 504 };

struct parameters {
  long fill;    /* MiB to fill */
  long set;     /* MiB of them that the walk touches */
  long batch;   /* pages of a beat */
  long rounds;  /* hashes over each page: how much work a page is */
  long seed;    /* of data and order */
  long threads; /* walkers; only the first one beats and writes */
  long sequential; /* 1: the walk is in the order of addresses */
  long writes;  /* one page in so many has its counter written */
  long strays;  /* after so many beats a page from anywhere is read; 0: never */
};

static struct parameters parameters = {
    .fill = 720, .set = 96, .batch = 128, .rounds = 200, .seed = 1, .threads = 1,
    .sequential = 0, .writes = 5, .strays = 0};
static uint64_t *memory;
static uint32_t *order; /* page numbers of the working set, in the order of the walk */
static long set_pages;
static char nonce[33];

static uint64_t mix(uint64_t x) { /* splitmix64 */
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static inline uint64_t step(uint64_t x) { /* xorshift64 */
  x ^= x << 13;
  x ^= x >> 7;
  return x ^ (x << 17);
}

/* One write for each line: the terminal then has whole lines even when the guest is saved in one. */
static void say(const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  int bytes = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  for (int done = 0; done < bytes;) {
    ssize_t n = write(1, line + done, bytes - done);
    if (n <= 0) return;
    done += n;
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void read_parameters(void) {
  static const struct { const char *name; long *value; } known[] = {
      {"rekindle.fill=", &parameters.fill},     {"rekindle.set=", &parameters.set},
      {"rekindle.batch=", &parameters.batch},   {"rekindle.rounds=", &parameters.rounds},
      {"rekindle.seed=", &parameters.seed},     {"rekindle.threads=", &parameters.threads},
      {"rekindle.sequential=", &parameters.sequential}, {"rekindle.writes=", &parameters.writes},
      {"rekindle.strays=", &parameters.strays}};
  char line[4096];
  int file = open("/proc/cmdline", O_RDONLY);
  ssize_t bytes = file < 0 ? 0 : read(file, line, sizeof line - 1);
  if (file >= 0) close(file);
  line[bytes > 0 ? bytes : 0] = 0;
  for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (!strncmp(word, known[i].name, strlen(known[i].name)))
        *known[i].value = atol(word + strlen(known[i].name));
}

static void read_nonce(void) {
  unsigned char random[16];
  int file = open("/dev/urandom", O_RDONLY);
  if (file < 0 || read(file, random, sizeof random) != sizeof random) exit(1);
  close(file);
  for (int i = 0; i < 16; i++) sprintf(nonce + 2 * i, "%02x", random[i]);
}

/* ---- data ---- */

/* Words of prose: what compresses about as text does. Each is stored as eight bytes and advances by
 * its length, so that the next one overwrites the rest. */
static const char *const vocabulary[64] = {
    "the ",    "of ",     "and ",    "memory ", "page ",   "a ",      "to ",     "in ",
    "is ",     "that ",   "guest ",  "it ",     "state ",  "for ",    "was ",    "on ",
    "are ",    "as ",     "with ",   "set ",    "work ",   "at ",     "be ",     "this ",
    "have ",   "from ",   "fault ",  "or ",     "one ",    "had ",    "by ",     "word ",
    "but ",    "not ",    "what ",   "all ",    "were ",   "we ",     "when ",   "your ",
    "can ",    "said ",   "there ",  "use ",    "an ",     "each ",   "which ",  "she ",
    "do ",     "how ",    "their ",  "if ",     "will ",   "up ",     "other ",  "about ",
    "out ",    "many ",   "then ",   "them ",   "these ",  "so ",     "some ",   ".\n"};
static uint64_t word_bytes[64];
static uint8_t word_length[64];

static void fill_prose(uint64_t *page, uint64_t r) {
  char *at = (char *)page, *end = (char *)(page + DATA_WORDS) - 8;
  while (at <= end) {
    r = step(r);
    uint64_t pick = r;
    for (int i = 0; i < 8 && at <= end; i++, pick >>= 7) {
      unsigned w = pick & 63;
      memcpy(at, &word_bytes[w], 8);
      at += word_length[w];
    }
  }
}

/* Records of 64 bytes with pointers into one heap, small numbers and empty fields. */
static void fill_records(uint64_t *page, uint64_t r) {
  uint64_t heap = 0x00007f5a00000000u;
  for (int i = 0; i < DATA_WORDS; i += 8) {
    r = step(r);
    page[i] = heap | (r & 0x3ffffff0);
    page[i + 1] = heap | ((r >> 20) & 0x3ffffff0);
    page[i + 2] = (r >> 52) & 0xff;
    page[i + 3] = 0;
    page[i + 4] = 0x0000000100000000u | (r >> 56);
    page[i + 5] = 0x3ff0000000000000u | (r & 0xffff0000);
    page[i + 6] = heap | (uint32_t)(i << 4);
    page[i + 7] = 0;
  }
}

static void fill_noise(uint64_t *page, uint64_t r) {
  for (int i = 0; i < DATA_WORDS; i++) page[i] = r = step(r);
}

static void fill_memory(long pages) {
  for (int i = 0; i < 64; i++) {
    word_length[i] = strlen(vocabulary[i]);
    memcpy(&word_bytes[i], vocabulary[i], word_length[i]);
  }
  for (long p = 0; p < pages; p++) {
    uint64_t r = mix(parameters.seed * 0x100000001u + p), *page = memory + p * PAGE_WORDS;
    unsigned kind = r % 100; /* shares chosen for an overall LZ4 ratio between 1.5 and 2 */
    if (kind < 28) fill_noise(page, r | 1);
    else if (kind < 60) fill_prose(page, r | 1);
    else fill_records(page, r | 1);
    page[0] = p; /* whatever the generators do, no two pages are equal */
  }
}

/* ---- the walk ---- */

/* The working set: one page out of each fill/set pages, in the order of a seeded shuffle or as they lie. */
static void choose_set(long pages) {
  uint64_t r = mix(parameters.seed) | 1;
  order = malloc(set_pages * sizeof *order);
  for (long i = 0; i < set_pages; i++) {
    long first = i * pages / set_pages, next = (i + 1) * pages / set_pages;
    r = step(r);
    order[i] = first + r % (next - first);
  }
  for (long i = set_pages - 1; i > 0 && !parameters.sequential; i--) {
    r = step(r);
    long j = r % (i + 1);
    uint32_t swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
}

static uint64_t hash_page(const uint64_t *page, uint64_t h) {
  for (int i = 0; i < DATA_WORDS; i++) h = (h ^ page[i]) * 0x100000001b3u;
  return h ^ (h >> 29);
}

static uint64_t work_on(uint32_t number, uint64_t h, int writes) {
  uint64_t *page = memory + (uint64_t)number * PAGE_WORDS;
  for (long round = 0; round < parameters.rounds; round++) h = hash_page(page, h);
  if (writes && number % parameters.writes == 0) page[COUNTER]++;
  return h;
}

/* A page that the working set has not, most likely: the late faults of a real machine. */
static void stray(uint64_t beat, long pages) {
  static volatile uint64_t h;
  h = hash_page(memory + mix(parameters.seed + beat) % pages * PAGE_WORDS, h);
}

/* Further walkers only read: they fault at the same time as the first one does. */
static void *walk_along(void *first) {
  volatile uint64_t h = 0;
  for (long i = (long)first;; i = (i + 1) % set_pages) h = work_on(order[i], h, 0);
  return NULL;
}

/* ---- commands ---- */

static int quiet;

static void sum(long pages) {
  double start = now();
  uint64_t h = 0xcbf29ce484222325u;
  for (long p = 0; p < pages; p++) h = hash_page(memory + p * PAGE_WORDS, h);
  say("sum %016lx %.3f\n", h, now() - start);
}

static void obey(char *line, long pages) {
  if (!strcmp(line, "sum")) sum(pages);
  else if (!strcmp(line, "nonce")) say("nonce %s\n", nonce);
  else if (!strcmp(line, "quiet") || !strcmp(line, "loud")) quiet = line[0] == 'q';
  else if (!strncmp(line, "sh ", 3)) {
    int status = system(line + 3);
    say("exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255);
  } else if (*line) say("unknown command: %.100s\n", line);
}

static void obey_input(long pages) {
  static char line[256];
  static size_t length;
  struct pollfd input = {.fd = 0, .events = POLLIN};
  while (poll(&input, 1, 0) > 0) {
    char c;
    if (read(0, &c, 1) != 1) return;
    if (c == '\n') {
      line[length] = 0;
      length = 0;
      obey(line, pages);
    } else if (length < sizeof line - 1) line[length++] = c;
  }
}

int main(void) {
  struct termios terminal;
  if (!tcgetattr(0, &terminal)) { /* no echo, no translation; lines as they are */
    cfmakeraw(&terminal);
    tcsetattr(0, TCSANOW, &terminal);
  }
  read_parameters();
  read_nonce();
  say("\nnonce %s\n", nonce);

  double start = now();
  long pages = parameters.fill * 256;
  set_pages = parameters.set * 256;
  if (pages < 1 || set_pages < 1 || set_pages > pages || parameters.batch < 1 ||
      parameters.writes < 1) {
    say("refused: set= must lie between 1 and fill=, batch= and writes= must be positive\n");
    return 1;
  }
  memory = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    say("refused: no memory for %ld MiB\n", parameters.fill);
    return 1;
  }
  fill_memory(pages);
  choose_set(pages);
  long period = (set_pages + parameters.batch - 1) / parameters.batch;
  say("ready fill=%ld set=%ld batch=%ld rounds=%ld seed=%ld threads=%ld period=%ld seconds=%.3f\n",
      parameters.fill, parameters.set, parameters.batch, parameters.rounds, parameters.seed,
      parameters.threads, period, now() - start);

  for (long t = 1; t < parameters.threads; t++) {
    pthread_t walker;
    pthread_create(&walker, NULL, walk_along, (void *)(t * set_pages / parameters.threads));
  }
  for (uint64_t beat = 1;; beat++) {
    long first = (beat - 1) % period * parameters.batch, next = first + parameters.batch;
    uint64_t h = 0;
    for (long i = first; i < next && i < set_pages; i++) h = work_on(order[i], h, 1);
    if (parameters.strays && beat % parameters.strays == 0) stray(beat, pages);
    if (!quiet) say("beat %lu %016lx\n", beat, h);
    obey_input(pages);
  }
}
