/*
 * A page fault handler for Firecracker's hand-over, and nothing more than that: every fault is answered with its page
 * from a memory file, which is mapped and in the page cache. The measure for our fault service: the least that a
 * handler in C needs.
 *
 *   gcc -O2 -Wall -Wextra -pthread -o uffd_handler uffd_handler.c
 *   ./uffd_handler SOCKET FILE SESSIONS [LOG]
 *
 * Listens at SOCKET, serves SESSIONS connections, each in a thread of its own, and ends when the last has ended. FILE
 * holds the regions one after the other. Nothing is brought in that nobody waits for.
 *
 * With LOG, for one session: says "listening" when it does, leaves FILE where it is, cold on its disk, and reads it as
 * its mapping faults; afterwards LOG has a line "arrival served page" for each fault: CLOCK_MONOTONIC in nanoseconds,
 * and the page of the file.
 *
 * The order matters: events are read in batches, and what was removed is noted before any fault of
 * the batch is answered; while an event is unread, every copy fails with EAGAIN, so the fault is put
 * back until the events have been read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MAX_REGIONS = 16, BATCH = 32, MAX_MESSAGE = 1 << 16 };

struct region {
  uint64_t address, bytes, offset, page_bytes;
};

struct session {
  int peer, uffd, region_count;
  struct region regions[MAX_REGIONS];
  uint8_t *removed; /* a byte for each page of the file */
  uint64_t waiting[4 * BATCH]; /* addresses whose copy is to be tried again */
  uint64_t since[4 * BATCH]; /* and when they came */
  int waiting_count;
};

struct fault {
  uint64_t arrival, served, page;
};

static const char *log_file; /* NULL: nothing is logged */
static struct fault *faults;
static size_t fault_count, fault_room;

static const uint8_t *memory;
static uint64_t memory_bytes;
static uint8_t *zeros;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void die(const char *what) {
  fprintf(stderr, "uffd_handler: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* ---- the hand-over ---- */

static uint64_t field(const char *object, const char *end, const char *name, uint64_t otherwise) {
  char quoted[64];
  int length = snprintf(quoted, sizeof quoted, "\"%s\":", name);
  const char *found = memmem(object, end - object, quoted, length);
  return found ? strtoull(found + length, NULL, 10) : otherwise;
}

static void parse(struct session *session, const char *json) {
  for (const char *object = strchr(json, '{'); object; object = strchr(object + 1, '{')) {
    const char *end = strchr(object, '}');
    if (!end || session->region_count == MAX_REGIONS) die("regions");
    struct region region = {
        field(object, end, "base_host_virt_addr", 0), field(object, end, "size", 0), field(object, end, "offset", 0),
        field(object, end, "page_size", field(object, end, "page_size_kib", PAGE))};
    if (region.offset > memory_bytes || region.bytes > memory_bytes - region.offset) die("a region is not in the file");
    session->regions[session->region_count++] = region;
  }
}

static void receive(struct session *session) {
  static __thread char json[MAX_MESSAGE];
  char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
  struct iovec iov = {json, sizeof json - 1};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t bytes = recvmsg(session->peer, &message, MSG_CMSG_CLOEXEC);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  errno = EPROTO;
  if (bytes <= 0 || !header || header->cmsg_type != SCM_RIGHTS) die("hand-over");
  memcpy(&session->uffd, CMSG_DATA(header), sizeof session->uffd);
  json[bytes] = 0;
  parse(session, json);
}

/* ---- faults ---- */

static struct region *region_of(struct session *session, uint64_t address) {
  for (int i = 0; i < session->region_count; i++) {
    struct region *region = &session->regions[i];
    if (address - region->address < region->bytes) return region;
  }
  errno = EFAULT;
  die("a fault outside of all regions");
  return NULL;
}

/* False if events have to be read first. */
static int serve(struct session *session, uint64_t address) {
  struct region *region = region_of(session, address);
  uint64_t start = address & ~(region->page_bytes - 1);
  uint64_t offset = region->offset + (start - region->address);
  const uint8_t *from = session->removed[offset / PAGE] ? zeros : memory + offset;
  struct uffdio_copy copy = {.dst = start, .src = (uintptr_t)from, .len = region->page_bytes};
  if (!ioctl(session->uffd, UFFDIO_COPY, &copy)) return 1;
  if (errno == EAGAIN) return 0;
  struct uffdio_range page = {start, region->page_bytes};
  if (errno == EEXIST) ioctl(session->uffd, UFFDIO_WAKE, &page);
  else if (errno != ENOENT && errno != ESRCH) die("UFFDIO_COPY");
  return 1;
}

static void note_served(struct session *session, uint64_t address, uint64_t arrival) {
  if (fault_count == fault_room) {
    fault_room = fault_room ? 2 * fault_room : 1 << 16;
    faults = realloc(faults, fault_room * sizeof *faults);
    if (!faults) die("memory for the log");
  }
  struct region *region = region_of(session, address);
  uint64_t page = (region->offset + address - region->address) / PAGE;
  faults[fault_count++] = (struct fault){arrival, now(), page};
}

static void write_log(void) {
  FILE *out = fopen(log_file, "w");
  if (!out) die(log_file);
  for (size_t i = 0; i < fault_count; i++) {
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", faults[i].arrival, faults[i].served, faults[i].page);
  }
  if (fclose(out)) die(log_file);
}

static void note_removed(struct session *session, uint64_t start, uint64_t end) {
  struct region *region = region_of(session, start);
  memset(session->removed + (region->offset + start - region->address) / PAGE, 1, (end - start) / PAGE);
}

/* Reads and answers all that waits. */
static void drain(struct session *session) {
  struct uffd_msg events[BATCH];
  for (;;) {
    int room = 4 * BATCH - session->waiting_count;
    ssize_t bytes = read(session->uffd, events, (room < BATCH ? room : BATCH) * sizeof *events);
    if (bytes < 0 && errno != EAGAIN) die("read");
    uint64_t arrival = log_file ? now() : 0;
    for (int i = 0; i < bytes / (ssize_t)sizeof *events; i++) {
      if (events[i].event == UFFD_EVENT_REMOVE) {
        note_removed(session, events[i].arg.remove.start, events[i].arg.remove.end);
      } else if (events[i].event == UFFD_EVENT_PAGEFAULT) {
        session->since[session->waiting_count] = arrival;
        session->waiting[session->waiting_count++] = events[i].arg.pagefault.address;
      }
    }
    int kept = 0;
    for (int i = 0; i < session->waiting_count; i++) {
      if (!serve(session, session->waiting[i])) {
        session->since[kept] = session->since[i];
        session->waiting[kept++] = session->waiting[i];
      } else if (log_file) {
        note_served(session, session->waiting[i], session->since[i]);
      }
    }
    session->waiting_count = kept;
    if (bytes < 0 && kept == 0) return;
  }
}

static void *run(void *argument) {
  struct session *session = argument;
  receive(session);
  struct pollfd polled[2] = {{session->uffd, POLLIN, 0}, {session->peer, POLLRDHUP, 0}};
  while (!polled[1].revents) {
    if (poll(polled, 2, -1) < 0 && errno != EINTR) die("poll");
    if (polled[0].revents & POLLIN) drain(session);
    if (polled[0].revents & (POLLERR | POLLHUP)) break;
  }
  close(session->uffd);
  close(session->peer);
  free(session->removed);
  free(session);
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 4 && count != 5) {
    fprintf(stderr, "usage: uffd_handler SOCKET FILE SESSIONS [LOG]\n");
    return 1;
  }
  log_file = count == 5 ? arguments[4] : NULL;
  int file = open(arguments[2], O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status)) die(arguments[2]);
  memory_bytes = status.st_size;
  memory = mmap(NULL, memory_bytes, PROT_READ, MAP_PRIVATE | (log_file ? 0 : MAP_POPULATE), file, 0);
  zeros = mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED || zeros == MAP_FAILED) die("mmap");

  struct sockaddr_un address = {.sun_family = AF_UNIX};
  errno = ENAMETOOLONG;
  if (strlen(arguments[1]) >= sizeof address.sun_path) die(arguments[1]);
  strcpy(address.sun_path, arguments[1]);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64)) {
    die(arguments[1]);
  }
  if (log_file) {
    puts("listening");
    fflush(stdout);
  }
  int sessions = log_file ? 1 : atoi(arguments[3]); /* the log is one session's */
  pthread_t *threads = calloc(sessions, sizeof *threads);
  for (int i = 0; i < sessions; i++) {
    struct session *session = calloc(1, sizeof *session);
    session->removed = calloc(memory_bytes / PAGE, 1);
    session->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (session->peer < 0 || pthread_create(&threads[i], NULL, run, session)) die("accept");
  }
  unlink(arguments[1]);
  for (int i = 0; i < sessions; i++) pthread_join(threads[i], NULL);
  if (log_file) write_log();
  return 0;
}
