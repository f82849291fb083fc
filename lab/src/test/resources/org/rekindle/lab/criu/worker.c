/* Processes that are dumped, and tell themselves whether they came back whole.

     worker PAGES WORKING_SET PROCESSES SEED [unsteady]

   Each process fills memory of its own, and appears as ready.N with the address of that memory (the
   same in all) when it can be dumped. As soon as there is a file "go" it goes round its working set,
   in an order of its own: compares each page and writes it anew. If go says "trace", trace.N gets the
   number of each page that it finds missing, before it touches it. Unsteady ones give pages back
   meanwhile, and have a child that compares all of them. When there is a file "ask", verdict.N says
   what it finds in all of its memory, and it sleeps again.

   Everything but that memory is locked: CRIU restores locked memory itself. So what comes lazily is
   these pages and no others, numbered as here. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define MOST 65536
#define ROUNDS 3 /* at least, before it says that it lives */

static long pages, working_set;
static int number; /* of this process */
static uint64_t seed;
static unsigned char *memory;
static unsigned char version[MOST]; /* of each page's content; 0: it is zero */
static uint32_t order[MOST];

static void write_file(const char *kind, const char *format, ...) {
  char text[256], name[64], part[72];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  snprintf(name, sizeof name, "%s.%d", kind, number);
  snprintf(part, sizeof part, "%s.part", name);
  int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) || rename(part, name)) _exit(3);
}

static uint64_t next_random(void) { /* splitmix64 */
  uint64_t z = seed += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static void put(long page, unsigned char newer) {
  unsigned char *at = memory + page * PAGE;
  version[page] = newer;
  memset(at, newer ? (int)(page * 7 + number + newer) : 0, PAGE);
  if (newer) memcpy(at, &page, sizeof page);
}

static void check(long page) {
  unsigned char expected[PAGE];
  unsigned char *at = memory + page * PAGE;
  memset(expected, version[page] ? (int)(page * 7 + number + version[page]) : 0, PAGE);
  if (version[page]) memcpy(expected, &page, sizeof page);
  if (memcmp(at, expected, PAGE)) {
    long found;
    memcpy(&found, at, sizeof found);
    write_file("verdict", "page %ld, version %d, begins with %ld", page, version[page], found);
    _exit(2);
  }
}

static void check_all(void) {
  for (long page = 0; page < pages; page++) check(page);
}

static void shuffle(void) { /* pages anywhere in the memory, in any order */
  for (long i = 0; i < pages; i++) order[i] = i;
  for (long i = 0; i < working_set; i++) {
    long other = i + next_random() % (pages - i);
    uint32_t page = order[i];
    order[i] = order[other];
    order[other] = page;
  }
}

static int trace_wanted(void) {
  char text[8] = "", name[24];
  int fd = open("go", O_RDONLY);
  if (fd < 0 || read(fd, text, sizeof text - 1) < 0) _exit(3);
  close(fd);
  if (strcmp(text, "trace")) return -1;
  snprintf(name, sizeof name, "trace.%d", number);
  return open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
}

static void note_if_missing(int trace, long page) {
  unsigned char present;
  char line[24];
  if (mincore(memory + page * PAGE, PAGE, &present)) _exit(3);
  if (!(present & 1) && write(trace, line, snprintf(line, sizeof line, "%ld\n", page)) < 0) _exit(3);
}

static void be_unsteady(int round) {
  long first = (round * 1001) % (pages - 40);
  if (madvise(memory + first * PAGE, 40 * PAGE, MADV_DONTNEED)) _exit(3);
  memset(version + first, 0, 40);
  if (round == 0) {
    pid_t child = fork();
    if (child == 0) {
      check_all();
      _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status) _exit(2);
  }
}

static void live(int unsteady) {
  if (mlockall(MCL_CURRENT)) _exit(4);
  memory = mmap((void *)0x100000000000, pages * PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (memory == MAP_FAILED) _exit(4);
  for (long page = 0; page < pages; page++) {
    put(page, 1);
    if (page % 8 == 5) put(page, 0);
  }
  shuffle();
  write_file("ready", "%ld", (long)memory);
  while (access("go", F_OK)) usleep(1000);

  int trace = trace_wanted();
  for (int round = 0; round < ROUNDS || access("ask", F_OK); round++) {
    for (long i = 0; i < working_set; i++) {
      if (trace >= 0) note_if_missing(trace, order[i]);
      check(order[i]);
      put(order[i], 1 + round % 200);
    }
    if (unsteady) be_unsteady(round);
  }
  check_all();
  write_file("verdict", "identical");
  while (1) pause();
}

int main(int count, char **arguments) {
  if (count < 5) return 1;
  pages = atol(arguments[1]);
  working_set = atol(arguments[2]);
  if (pages > MOST || working_set > pages) return 1;
  int processes = atoi(arguments[3]);
  for (number = processes - 1; number > 0; number--) {
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) break;
  }
  seed = strtoull(arguments[4], NULL, 10) + number;
  live(count > 5);
}
