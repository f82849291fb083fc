/*
 * The machine: virtual CPUs that touch memory, and a balloon that gives it back.
 *
 * A virtual CPU is a thread that lives for ever in the same loop: a pass through its share of the working set, always
 * in the same order, which is not that of addresses, and between slices of it a page from anywhere. It reads a word
 * and looks at it, or writes its mark. Virtual CPU 0 beats after each pass. The balloon removes what hurts: ranges at
 * random, the page that a virtual CPU is about to touch or waits for, and at once again what it has just removed.
 */
#define _GNU_SOURCE
#include "vmm_double.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SLICE = 32 };

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER, parked = PTHREAD_COND_INITIALIZER;
static bool running, started;
static int threads, parked_threads;

static _Atomic uint64_t next_page[MAX_VCPUS];
static _Atomic uint64_t strays, touches, removals;
static uint64_t *working_set;
static int pagemap = -1;
static FILE *trace;

/* A pause is waited for here, between two touches. */
static void pass_gate(void) {
  pthread_mutex_lock(&gate);
  while (!running) {
    parked_threads++;
    pthread_cond_signal(&parked);
    pthread_cond_wait(&opened, &gate);
    parked_threads--;
  }
  pthread_mutex_unlock(&gate);
}

/* ---- virtual CPUs ---- */

static bool is_present(uint64_t page) {
  uint64_t entry;
  off_t at = (uintptr_t)page_address(page) / PAGE * sizeof entry;
  if (pread(pagemap, &entry, sizeof entry, at) != sizeof entry) fail("cannot read pagemap: %m");
  return entry >> 63 || (entry >> 62 & 1);
}

static uint64_t faults_of_thread(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

static void touch_plainly(uint64_t page, int vcpu, uint64_t random) {
  if (random % 100 < (uint64_t)options.write_percent) content_write(page, vcpu);
  else content_read(page, random / 100 % (WORDS - 1), vcpu);
}

/* Dies if it was told to die after so many. */
static void die_after(const char *what, uint64_t count) {
  size_t length = strlen(what);
  if (options.die && !strncmp(options.die, what, length) && count >= strtoull(options.die + length, NULL, 0)) {
    raise(SIGKILL);
  }
}

static void touch(uint64_t page, int vcpu, uint64_t random) {
  next_page[vcpu] = page;
  if (!trace) {
    touch_plainly(page, vcpu, random);
  } else {
    bool was_present = is_present(page);
    uint64_t before = faults_of_thread();
    touch_plainly(page, vcpu, random);
    if (!was_present && faults_of_thread() > before) fprintf(trace, "%" PRIu64 " %d\n", page, vcpu);
  }
  touches++;
  die_after("touch:", touches);
}

__attribute__((noreturn)) static void *vcpu(void *argument) {
  int own = (intptr_t)argument;
  pass_gate();
  for (uint64_t n = 0, pass = 1;; pass++) {
    for (uint64_t i = own; i < options.set_pages; i += options.vcpus) {
      touch(working_set[i], own, mix(options.pattern + own, n++));
      if (n % SLICE == 0) {
        usleep(options.pause_us);
        pass_gate();
        if (strays < options.strays) {
          strays++;
          uint64_t random = mix(options.pattern + 100 + own, n);
          touch(random % total_pages, own, random >> 32);
        }
      }
    }
    usleep(options.pause_us);
    pass_gate();
    if (own == 0) say("beat %" PRIu64 " %" PRId64, pass, now_ns());
  }
}

static void shuffle(uint64_t *pages, uint64_t count, uint64_t kept) {
  for (uint64_t i = 0; i < count; i++) pages[i] = i;
  for (uint64_t i = 0; i < kept; i++) {
    uint64_t other = i + mix(options.seed + 7, i) % (count - i), page = pages[i];
    pages[i] = pages[other];
    pages[other] = page;
  }
}

/* ---- instead of work: how long each touch of a page takes that has not been touched ---- */

__attribute__((noreturn)) static void *measure(void *argument) {
  (void)argument;
  uint64_t count = options.measured, *pages = malloc(total_pages * sizeof *pages);
  int64_t *latencies = calloc(count, sizeof *latencies);
  shuffle(pages, total_pages, count);
  pass_gate();
  for (uint64_t i = 0; i < count; i++) {
    int64_t start = now_ns();
    content_read(pages[i], 0, 0);
    latencies[i] = now_ns() - start;
  }
  fprintf(trace, "request,page,latency_ns\n");
  for (uint64_t i = 0; i < count; i++) {
    fprintf(trace, "%" PRIu64 ",%" PRIu64 ",%" PRId64 "\n", i, pages[i], latencies[i]);
  }
  fflush(trace);
  say("measured %" PRIu64, count);
  for (;;) {
    usleep(100000);
    pass_gate();
  }
}

/* ---- the balloon ---- */

static void removed(uint64_t page, uint64_t pages) {
  content_removing(page, pages);
  if (madvise(page_address(page), pages * PAGE, MADV_DONTNEED)) fail("madvise: %m");
  content_removed(page, pages);
  die_after("removal:", ++removals);
}

static void remove_units(uint64_t page, uint64_t units) {
  uint64_t unit = unit_pages(), first = page / unit * unit;
  int region = region_count - 1;
  while (regions[region].first > first) region--;
  uint64_t end = regions[region].first + regions[region].bytes / PAGE;
  uint64_t pages = units * unit;
  removed(first, pages < end - first ? pages : end - first);
}

static void inflate_once(uint64_t n) {
  uint64_t random = mix(options.pattern + 31, n), page = (random >> 8) % total_pages;
  int victim = (random >> 4) % options.vcpus;
  switch (random % 4) {
    case 0: remove_units(page, 1 + (random >> 40) % (1 + total_pages / unit_pages() / 256)); break;
    case 1: remove_units(next_page[victim], 1); break; /* on which it may be waiting right now */
    case 2: remove_units(next_page[victim], 4); break;
    default: /* again what was given back just now */
      remove_units(page, 1);
      remove_units(page, 2);
  }
}

__attribute__((noreturn)) static void *balloon(void *argument) {
  (void)argument;
  pass_gate();
  for (uint64_t n = 0; n < options.removals; n++) {
    inflate_once(n);
    if (!options.flood) usleep(mix(options.pattern + 32, n) % 400);
    pass_gate();
  }
  say("inflated %" PRIu64, now_ns());
  for (;;) {
    usleep(100000);
    pass_gate();
  }
}

/* ---- life ---- */

static void start_thread(void *(*body)(void *), intptr_t argument, const char *name) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, body, (void *)argument)) fail("cannot start a thread");
  pthread_setname_np(thread, name);
  threads++;
}

void machine_start(void) {
  working_set = malloc(total_pages * sizeof *working_set);
  if (options.set_pages > total_pages) options.set_pages = total_pages;
  shuffle(working_set, total_pages, options.set_pages);
  if (options.trace) {
    pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    trace = fopen(options.trace, "we");
    if (pagemap < 0 || !trace) fail("cannot trace: %m");
    setlinebuf(trace); /* it may be killed at any time */
  }
  /* Devices look at their queues while they are loaded, before any virtual CPU runs. */
  for (int i = 0; i < region_count && !options.measured; i++) touch(regions[i].first, 0, 99);
  if (options.measured) start_thread(measure, 0, "measure");
  for (int i = 0; i < options.vcpus && !options.measured; i++) {
    char name[32];
    snprintf(name, sizeof name, "fc_vcpu %d", i);
    start_thread(vcpu, i, name);
  }
  if (options.removals) start_thread(balloon, 0, "balloon");
  started = true;
}

void machine_resume(void) {
  pthread_mutex_lock(&gate);
  running = true;
  pthread_cond_broadcast(&opened);
  pthread_mutex_unlock(&gate);
  say("running %" PRId64, now_ns());
}

void machine_pause(void) {
  pthread_mutex_lock(&gate);
  running = false;
  while (parked_threads < threads) pthread_cond_wait(&parked, &gate);
  pthread_mutex_unlock(&gate);
  if (trace) fflush(trace);
  say("paused %" PRId64, now_ns());
}

bool machine_started(void) { return started; }

bool machine_running(void) { return running; }
