/*
 * A double of a VMM that restores its guest by userfaultfd: it does to the letter what Firecracker does, with threads
 * for virtual CPUs, and knows in the end whether every byte of its memory is right.
 *
 *   gcc -O2 -Wall -Wextra -pthread -o vmm_double *.c
 *   ./vmm_double [OPTIONS] --make-memory FILE      writes the memory file, and with --state FILE a state file
 *   ./vmm_double [OPTIONS] --uffd SOCKET           hands its memory over at SOCKET, and runs
 *   ./vmm_double [OPTIONS] --api SOCKET            waits for PUT /snapshot/load and the like
 *   ./vmm_double [OPTIONS] --boot [--api SOCKET]   has its memory already, and runs
 *
 * It says what happens on standard output, a line each with monotonic time: handed-over, running, beat, paused,
 * inflated, verdict. Standard input takes commands, a line each: pause, resume, check (pauses, then looks at all
 * memory), waiting (what the kernel knows of unanswered faults), quit. It ends with its input, with SIGTERM, when told
 * to (--die), and with status 3 as soon as it reads a wrong byte.
 */
#define _GNU_SOURCE
#include "vmm_double.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct options options = {
    .seed = 1, .fields = "1.12", .vcpus = 1, .set_pages = 1024, .strays = 500, .write_percent = 25, .pause_us = 300};
struct region regions[MAX_REGIONS];
int region_count;
uint64_t total_pages;
static const char *api_path;

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "vmm_double: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  exit(1);
}

void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  flockfile(stdout);
  vprintf(format, arguments);
  putchar('\n');
  fflush(stdout);
  funlockfile(stdout);
  va_end(arguments);
}

int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void die_at(const char *moment) {
  if (options.die && !strcmp(options.die, moment)) raise(SIGKILL);
}

static uint64_t size_of(char *text, char **end) {
  uint64_t size = strtoull(text, end, 0);
  switch (**end) {
    case 'G': size <<= 10; /* fall through */
    case 'M': size <<= 10; /* fall through */
    case 'K': size <<= 10; (*end)++;
  }
  return size;
}

static void set_regions(char *sizes) {
  for (region_count = 0, total_pages = 0; *sizes; sizes += *sizes == ',') {
    if (region_count == MAX_REGIONS) fail("more than %d regions", MAX_REGIONS);
    uint64_t size = size_of(sizes, &sizes);
    if (!size || size % PAGE || (*sizes && *sizes != ',')) fail("a region has a multiple of 4K bytes");
    regions[region_count++] = (struct region){.bytes = size, .first = total_pages};
    total_pages += size / PAGE;
  }
}

static void make_memory(const char *path) {
  FILE *out = fopen(path, "we");
  if (!out) fail("cannot write %s: %m", path);
  uint64_t words[WORDS];
  for (uint64_t page = 0; page < total_pages; page++) {
    content_generate(page, words);
    if (fwrite(words, PAGE, 1, out) != 1) fail("cannot write %s: %m", path);
  }
  if (fclose(out)) fail("cannot write %s: %m", path);
}

static void boot(void) {
  memory_map(NULL);
  for (uint64_t page = 0; page < total_pages; page++) content_generate(page, (uint64_t *)page_address(page));
  machine_start();
  machine_resume();
}

static void obey(const char *command) {
  if (!strcmp(command, "pause") || !strcmp(command, "check")) {
    if (machine_running()) machine_pause();
    if (*command == 'c') content_check();
  } else if (!strcmp(command, "resume")) {
    machine_resume();
  } else if (!strcmp(command, "waiting")) {
    describe_faults_in_kernel();
  } else if (!strcmp(command, "quit")) {
    exit(0);
  } else {
    fail("no command is called %s", command);
  }
}

/* False at the end of the input. */
static bool read_commands(void) {
  static char text[256];
  static size_t length;
  ssize_t n = read(STDIN_FILENO, text + length, sizeof text - 1 - length);
  if (n <= 0) return false;
  text[length += n] = 0;
  for (char *end; (end = strchr(text, '\n')); length -= end + 1 - text, memmove(text, end + 1, length + 1)) {
    *end = 0;
    obey(text);
  }
  return length < sizeof text - 1;
}

static void serve(int listener) {
  struct pollfd polled[3] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}, {-1, POLLIN, 0}};
  for (;;) {
    if (poll(polled, 3, -1) < 0 && errno != EINTR) fail("poll: %m");
    if (polled[0].revents && !read_commands()) return;
    if (polled[2].revents && !api_serve(polled[2].fd)) {
      close(polled[2].fd);
      polled[2].fd = -1;
    }
    if (polled[1].revents && polled[2].fd < 0) polled[2].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    polled[1].fd = polled[2].fd < 0 ? listener : -1;
  }
}

/* Ends with its input even while all others wait for pages that never come. */
static void *lifeline(void *argument) {
  struct pollfd input = {STDIN_FILENO, 0, 0};
  while (poll(&input, 1, -1) < 1) continue;
  if (api_path) unlink(api_path);
  _exit(0);
  return argument;
}

static void on_sigterm(int signal) {
  (void)signal;
  if (api_path) unlink(api_path);
  _exit(0);
}

int main(int count, char **arguments) {
  enum { MAKE_MEMORY, STATE, UFFD, API, BOOT, EXPECT, SEED, PATTERN, REGIONS, HUGE, FIELDS, THREAD_ID, VCPUS, SET,
         STRAYS, WRITES, PAUSE, BALLOON, FLOOD, MEASURE, TRACE, MISBEHAVE, DIE, PAUSED };
  static const struct option known[] = {
      {"make-memory", 1, NULL, MAKE_MEMORY}, {"state", 1, NULL, STATE}, {"uffd", 1, NULL, UFFD}, {"api", 1, NULL, API},
      {"boot", 0, NULL, BOOT},
      {"expect", 1, NULL, EXPECT},         /* memory file that the machine was saved with, if it is not the seed's */
      {"seed", 1, NULL, SEED},             /* of memory's content and the order of the working set */
      {"pattern", 1, NULL, PATTERN},       /* seed of everything else that it does */
      {"regions", 1, NULL, REGIONS},       /* sizes: 48M,16M */
      {"huge", 0, NULL, HUGE},             /* pages of 2 MiB */
      {"fields", 1, NULL, FIELDS},         /* of the JSON, as in version 1.1, 1.7, 1.12 or future */
      {"thread-id", 0, NULL, THREAD_ID},
      {"vcpus", 1, NULL, VCPUS},
      {"set", 1, NULL, SET},               /* pages of the working set */
      {"strays", 1, NULL, STRAYS},         /* random touches beside it, in all */
      {"writes", 1, NULL, WRITES},         /* percent */
      {"pause-us", 1, NULL, PAUSE},        /* idle time after every 32 touches */
      {"balloon", 1, NULL, BALLOON},       /* removals */
      {"flood", 0, NULL, FLOOD},           /* without a pause between them */
      {"measure", 1, NULL, MEASURE},       /* so many touches, timed, into the file of --trace */
      {"trace", 1, NULL, TRACE},           /* FILE for page and vCPU of each fault */
      {"misbehave", 1, NULL, MISBEHAVE},   /* see handover.c */
      {"die", 1, NULL, DIE},               /* before-connect, before-send, after-send, touch:N, removal:N */
      {"paused", 0, NULL, PAUSED},         /* do not run before it is told to */
      {0}};
  const char *memory = NULL, *state = NULL, *uffd_path = NULL;
  bool boots = false, paused = false;
  set_regions((char[]){"64M"});
  for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
    uint64_t number = optarg ? strtoull(optarg, NULL, 0) : 0;
    switch (option) {
      case MAKE_MEMORY: memory = optarg; break;
      case STATE: state = optarg; break;
      case UFFD: uffd_path = optarg; break;
      case API: api_path = optarg; break;
      case BOOT: boots = true; break;
      case EXPECT: options.expect = optarg; break;
      case SEED: options.seed = number; break;
      case PATTERN: options.pattern = number; break;
      case REGIONS: set_regions(optarg); break;
      case HUGE: options.huge = true; break;
      case FIELDS: options.fields = optarg; break;
      case THREAD_ID: options.thread_id = true; break;
      case VCPUS: options.vcpus = number; break;
      case SET: options.set_pages = number; break;
      case STRAYS: options.strays = number; break;
      case WRITES: options.write_percent = number; break;
      case PAUSE: options.pause_us = number; break;
      case BALLOON: options.removals = number; break;
      case FLOOD: options.flood = true; break;
      case MEASURE: options.measured = number; break;
      case TRACE: options.trace = optarg; break;
      case MISBEHAVE: options.misbehave = optarg; break;
      case DIE: options.die = optarg; break;
      case PAUSED: paused = true; break;
      default: return 2;
    }
  }
  if (optind < count || options.vcpus < 1 || options.vcpus > MAX_VCPUS) fail("the command line was not understood");
  if (memory) make_memory(memory);
  if (state) snapshot_write_state(state);
  if (!boots && !uffd_path && !api_path) return memory || state ? 0 : 2;
  pthread_t thread;
  if (pthread_create(&thread, NULL, lifeline, NULL)) fail("cannot start a thread");
  signal(SIGTERM, on_sigterm);
  int listener = api_path ? api_listen(api_path) : -1;
  if (boots) boot();
  if (uffd_path) {
    hand_over(uffd_path);
    machine_start();
    if (!paused) machine_resume();
  }
  serve(listener);
  if (api_path) unlink(api_path);
  return 0;
}
