/* A family of processes that is dumped, and changes its memory in every way once it is restored.

     tree PAGES RESULT     RESULT.ready appears when it can be dumped; as soon as there is RESULT.go
                           the first process and those that it forked before and after the dump use,
                           move, give back and unmap their memory and compare all of it with what it
                           has to be; then RESULT says "ok", or what was wrong first

   Every page that is not zero begins with its number and the letter of the process that wrote it
   last, and is filled with a byte that depends on both. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static long pages;
static const char *result;
static char who = 'a';
static unsigned char **at; /* where each page lies in this process, or NULL */
static char *writer;       /* who wrote it last, or 0: it is zero */

static void say(const char *format, ...) {
  char text[256], name[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  snprintf(name, sizeof name, "%s.part", result);
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) || rename(name, result)) _exit(3);
}

static void fail(const char *format, long page) {
  char text[256];
  snprintf(text, sizeof text, format, page, errno);
  say("process %c: %s", who, text);
  _exit(2);
}

static void put(long page) {
  int64_t head[2] = {page, who};
  memset(at[page], (int)(page * 7 + who), PAGE);
  memcpy(at[page], head, sizeof head);
  writer[page] = who;
}

static void check(long page) {
  static unsigned char expected[PAGE];
  if (at[page] == NULL) return;
  if (writer[page] == 0) {
    memset(expected, 0, PAGE);
  } else {
    int64_t head[2] = {page, writer[page]};
    memset(expected, (int)(page * 7 + writer[page]), PAGE);
    memcpy(expected, head, sizeof head);
  }
  if (memcmp(at[page], expected, PAGE)) {
    int64_t found[2];
    memcpy(found, at[page], sizeof found);
    say("process %c: page %ld at %p was written by '%c', and now has the bytes %lld, %lld", who,
        page, at[page], writer[page], (long long)found[0], (long long)found[1]);
    _exit(2);
  }
}

static void check_all(int backwards) {
  for (long i = 0; i < pages; i++) check(backwards ? pages - 1 - i : i);
}

/* From page to before end, which lie end to end. */
static void give_back(long page, long end) {
  if (madvise(at[page], (end - page) * PAGE, MADV_DONTNEED)) fail("madvise at %ld: %d", page);
  memset(writer + page, 0, end - page);
}

static void unmap(long page, long end) {
  if (munmap(at[page], (end - page) * PAGE)) fail("munmap at %ld: %d", page);
  for (long i = page; i < end; i++) at[i] = NULL;
}

static void move(long page, long end) {
  size_t bytes = (end - page) * PAGE;
  unsigned char *to =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mremap(at[page], bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
    fail("mremap at %ld: %d", page);
  for (long i = page; i < end; i++) at[i] = to + (i - page) * PAGE;
}

static pid_t child(char name, void (*life)(void)) {
  pid_t pid = fork();
  if (pid < 0) fail("fork %ld: %d", name);
  if (pid == 0) {
    who = name;
    life();
    _exit(0);
  }
  return pid;
}

static void reap(pid_t pid) {
  int status;
  if (waitpid(pid, &status, 0) != pid) fail("wait for %ld: %d", pid);
  if (status) {
    if (access(result, F_OK)) fail("a child ended with status %ld", status);
    _exit(2); /* it has said what was wrong */
  }
}

static void wait_for_go(void) {
  sigset_t go;
  int signal;
  sigemptyset(&go);
  sigaddset(&go, SIGUSR1);
  sigwait(&go, &signal);
}

static void before_backwards(void) {
  for (long i = 0; i < pages; i += 3) put(i);
  wait_for_go();
  check_all(1);
}

static void before_short_lived(void) {
  for (long i = 0; i < pages; i += 5) put(i);
  wait_for_go();
  check(pages / 3);
}

static void after_grandchild(void) { check_all(0); }

static void after_child(void) {
  give_back(0, pages / 8);
  unmap(pages / 8, pages / 4);
  check(pages / 4 + 1);
  move(pages / 4, pages / 2);
  pid_t grandchild = child('e', after_grandchild);
  for (long i = 0; i < pages / 8; i += 2) put(i);
  check_all(1);
  reap(grandchild);
}

int main(int count, char **arguments) {
  if (count != 3) return 1;
  pages = atol(arguments[1]);
  result = arguments[2];
  sigset_t go;
  sigemptyset(&go);
  sigaddset(&go, SIGUSR1);
  sigprocmask(SIG_BLOCK, &go, NULL);

  at = malloc(pages * sizeof *at);
  writer = malloc(pages);
  unsigned char *memory =
      mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (long i = 0; i < pages; i++) at[i] = memory + i * PAGE;
  for (long i = 0; i < pages; i++) put(i);
  pid_t backwards = child('b', before_backwards);
  pid_t short_lived = child('c', before_short_lived);
  for (long i = 0; i < pages; i += 7) writer[i] = 0, memset(at[i], 0, PAGE);

  char name[4096];
  snprintf(name, sizeof name, "%s.ready", result);
  close(open(name, O_WRONLY | O_CREAT, 0644));
  snprintf(name, sizeof name, "%s.go", result);
  while (access(name, F_OK)) usleep(1000);

  kill(backwards, SIGUSR1);
  kill(short_lived, SIGUSR1);
  for (long i = 0; i < pages; i += 11) check(i);
  pid_t after = child('d', after_child);
  move(pages / 2, 3 * pages / 4);
  give_back(3 * pages / 4 + 1, 7 * pages / 8); /* not where a mapping begins */
  for (long i = 0; i < pages; i += 13) put(i);
  unmap(7 * pages / 8 + 1, pages - 1);
  check_all(0);
  reap(after);
  reap(backwards);
  reap(short_lived);
  check_all(1);
  say("ok");
  return 0;
}
