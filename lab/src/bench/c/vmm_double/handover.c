/*
 * How Firecracker hands its memory to a page fault handler (v1.16, src/vmm/src/persist.rs): anonymous memory, a
 * userfaultfd with EVENT_REMOVE that watches every region for missing pages, and one message on a Unix stream socket:
 * the regions as JSON, and the descriptor beside it. Nothing is said after that; the socket stays open until the
 * process ends, and so does its own copy of the descriptor.
 *
 * And how a VMM that is broken or means harm would do it: see misbehave().
 */
#define _GNU_SOURCE
#include "vmm_double.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { GUARD = HUGE_PAGE, MAX_MAPPINGS = 5000, MAX_JSON = 1 << 20, MAX_FDS = 64 };

/* A region as the message tells it, which may be a lie. */
struct mapping {
  uint64_t address, bytes, offset, page_bytes;
};

int uffd = -1;
static int file = -1;
static struct mapping mappings[MAX_MAPPINGS];
static int mapping_count;

/* ---- memory ---- */

static void map_region(struct region *region, uint64_t offset) {
  uint64_t bytes = region->bytes + 3 * GUARD;
  uint8_t *reserved = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) fail("cannot reserve %" PRIu64 " bytes: %m", bytes);
  uint8_t *at = (uint8_t *)(((uintptr_t)reserved + 2 * GUARD - 1) / GUARD * GUARD);
  int flags = MAP_PRIVATE | MAP_FIXED | (file < 0 ? MAP_ANONYMOUS : 0);
  if (options.huge) flags |= MAP_HUGETLB | 21 << MAP_HUGE_SHIFT;
  region->base = mmap(at, region->bytes, PROT_READ | PROT_WRITE, flags, file, file < 0 ? 0 : offset);
  if (region->base == MAP_FAILED) fail("cannot map %" PRIu64 " bytes of guest memory: %m", region->bytes);
}

void memory_map(const char *private_file) {
  if (private_file && (file = open(private_file, O_RDONLY | O_CLOEXEC)) < 0) fault("cannot open %s: %m", private_file);
  for (int i = 0; i < region_count; i++) map_region(&regions[i], regions[i].first * PAGE);
  content_open();
}

static void watch(void) {
  uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (uffd < 0) fault("cannot make a userfaultfd: %m");
  struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_REMOVE};
  if (options.thread_id) api.features |= UFFD_FEATURE_THREAD_ID;
  if (ioctl(uffd, UFFDIO_API, &api)) fault("UFFDIO_API: %m");
  for (int i = 0; i < region_count; i++) {
    struct uffdio_register range = {
        .range = {(uintptr_t)regions[i].base, regions[i].bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (ioctl(uffd, UFFDIO_REGISTER, &range)) fault("UFFDIO_REGISTER: %m");
  }
}

/* ---- the message ---- */

static void map_truly(void) {
  mapping_count = region_count;
  for (int i = 0; i < region_count; i++) {
    mappings[i] = (struct mapping){(uintptr_t)regions[i].base, regions[i].bytes, regions[i].first * PAGE,
                                   options.huge ? HUGE_PAGE : PAGE};
  }
}

/* Field names as the versions have them; "future" has some that nobody knows yet. */
static char *json(void) {
  char *text = malloc(MAX_JSON), *p = text;
  const char *fields = options.fields;
  p += sprintf(p, "[");
  for (int i = 0; i < mapping_count; i++) {
    struct mapping m = mappings[i];
    p += sprintf(p, "%s{\"base_host_virt_addr\":%" PRIu64 ",\"size\":%" PRIu64 ",\"offset\":%" PRIu64, i ? "," : "",
                 m.address, m.bytes, m.offset);
    if (!strcmp(fields, "1.12") || !strcmp(fields, "future")) p += sprintf(p, ",\"page_size\":%" PRIu64, m.page_bytes);
    if (!strcmp(fields, "1.12") || !strcmp(fields, "1.7")) p += sprintf(p, ",\"page_size_kib\":%" PRIu64, m.page_bytes);
    if (!strcmp(fields, "future")) {
      p += sprintf(p, ", \"gpa_start\": %" PRIu64 ", \"is_guest_memfd\": false", m.offset);
      p += sprintf(p, ", \"more\": {\"a\": [1, null, \"]}\"]}");
    }
    p += sprintf(p, "}");
  }
  sprintf(p, "]");
  return text;
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) fault("path too long: %s", path);
  strcpy(address.sun_path, path);
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address)) {
    fault("cannot connect to %s: %m", path);
  }
  return connection;
}

static void send_with(int connection, const char *bytes, size_t length, const int *fds, int fd_count) {
  struct iovec iov = {(void *)bytes, length};
  char control[CMSG_SPACE(MAX_FDS * sizeof(int))] __attribute__((aligned(8))) = {0};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (fd_count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
  }
  ssize_t sent = sendmsg(connection, &message, MSG_NOSIGNAL);
  if (sent != (ssize_t)length) fault("sent %zd of %zu bytes of the hand-over: %m", sent, length);
}

static void send_truly(int connection) {
  char *message = json();
  send_with(connection, message, strlen(message), &uffd, 1);
  free(message);
}

/* ---- misbehaviour ---- */

static void send_endlessly(int connection) {
  static const char region[] = "{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":0,\"page_size\":4096},";
  send_with(connection, "[", 1, &uffd, 1);
  while (send(connection, region, sizeof region - 1, MSG_NOSIGNAL) > 0) continue; /* until it is hung up on */
}

static void send_deep(int connection) {
  size_t depth = 60000;
  char *message = malloc(depth);
  memset(message, '[', depth);
  send_with(connection, message, depth, &uffd, 1);
  free(message);
}

static void send_in_pieces(int connection) {
  char *message = json();
  size_t half = strlen(message) / 2;
  send_with(connection, message, half, NULL, 0);
  usleep(50000); /* so that it is read by itself */
  send_with(connection, message + half, strlen(message) - half, &uffd, 1);
  free(message);
}

static void send_many(int connection, int count) {
  int fds[MAX_FDS];
  for (int i = 0; i < count; i++) fds[i] = uffd;
  char *message = json();
  send_with(connection, message, strlen(message), fds, count);
  free(message);
}

static void send_instead(int connection, int other) {
  char *message = json();
  send_with(connection, message, strlen(message), &other, 1);
  free(message);
}

/* Lies about the regions; false if it is no such misbehaviour. */
static bool lie(const char *how) {
  struct mapping *first = &mappings[0], *last = &mappings[mapping_count - 1];
  if (!strcmp(how, "no-regions")) mapping_count = 0;
  else if (!strcmp(how, "empty-region")) first->bytes = 0;
  else if (!strcmp(how, "unaligned")) first->address += 512;
  else if (!strcmp(how, "odd-size")) first->bytes -= 100;
  else if (!strcmp(how, "wrapping")) first->address = -(uint64_t)PAGE;
  else if (!strcmp(how, "null-address")) first->address = 0;
  else if (!strcmp(how, "absurd-size")) first->bytes = UINT64_C(1) << 62;
  else if (!strcmp(how, "absurd-offset")) last->offset = UINT64_C(1) << 63;
  else if (!strcmp(how, "odd-page-size")) first->page_bytes = 3;
  else if (!strcmp(how, "vast-page-size")) first->page_bytes = UINT64_C(1) << 40;
  else if (!strcmp(how, "too-small")) last->bytes -= unit_pages() * PAGE;
  else if (!strcmp(how, "too-large")) last->bytes += unit_pages() * PAGE;
  else if (!strcmp(how, "overlapping")) {
    mappings[mapping_count++] = *first;
  } else if (!strcmp(how, "overlapping-offsets")) {
    mappings[1] = (struct mapping){first->address + first->bytes / 2, first->bytes / 2, 0, PAGE};
    first->bytes /= 2;
    mapping_count = 2;
  } else if (!strcmp(how, "many-regions")) {
    for (mapping_count = 0; mapping_count < MAX_MAPPINGS; mapping_count++) {
      mappings[mapping_count] = *first;
      mappings[mapping_count].address += 2 * (uint64_t)mapping_count * PAGE;
    }
  } else if (!strcmp(how, "strangers-memory")) {
    first->address = (uintptr_t)mmap(NULL, first->bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  } else {
    return false;
  }
  return true;
}

static void send_text(int connection, const char *text) { send_with(connection, text, strlen(text), &uffd, 1); }

static void misbehave(int connection, const char *how) {
  if (lie(how)) send_truly(connection);
  else if (!strcmp(how, "silent")) return;
  else if (!strcmp(how, "garbage")) send_text(connection, "\x16\x03\x01 what is this?\n");
  else if (!strcmp(how, "no-json")) send_text(connection, "{\"regions\": 1}");
  else if (!strcmp(how, "half-json")) send_text(connection, "[{\"base_host_virt_addr\":");
  else if (!strcmp(how, "no-numbers")) send_text(connection, "[{\"base_host_virt_addr\":-1,\"size\":1e99,\"offset\":0}]");
  else if (!strcmp(how, "endless")) send_endlessly(connection);
  else if (!strcmp(how, "deep")) send_deep(connection);
  else if (!strcmp(how, "pieces")) send_in_pieces(connection);
  else if (!strcmp(how, "no-fd")) send_many(connection, 0);
  else if (!strcmp(how, "many-fds")) send_many(connection, MAX_FDS);
  else if (!strcmp(how, "event-fd")) send_instead(connection, eventfd(0, EFD_CLOEXEC));
  else if (!strcmp(how, "regular-file")) send_instead(connection, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  else if (!strcmp(how, "raw-uffd")) { /* without UFFDIO_API */
    send_instead(connection, syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
  } else if (!strcmp(how, "blocking-uffd")) { /* the flags belong to the open file, which both have */
    fcntl(uffd, F_SETFL, 0);
    send_truly(connection);
    usleep(50000); /* and again, once it has been taken over */
    fcntl(uffd, F_SETFL, 0);
  } else if (!strcmp(how, "twice")) {
    send_truly(connection);
    send_truly(connection);
  } else if (!strcmp(how, "chatter")) {
    send_truly(connection);
    while (send(connection, "and another thing\n", 18, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) continue;
  } else if (!strcmp(how, "closes")) {
    send_truly(connection);
    close(connection); /* and lives on */
  } else {
    fail("no misbehaviour is called %s", how);
  }
}

void hand_over(const char *socket_path) {
  memory_map(NULL);
  watch();
  die_at("before-connect");
  int connection = connect_to(socket_path); /* never closed */
  die_at("before-send");
  map_truly();
  if (options.misbehave) misbehave(connection, options.misbehave);
  else send_truly(connection);
  die_at("after-send");
  say("handed-over %" PRId64, now_ns());
}

/* What the kernel knows of faults that nobody has answered: pending ones have not been read. */
void describe_faults_in_kernel(void) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", uffd);
  FILE *info = fopen(path, "re");
  unsigned long pending = 0, total = 0;
  while (info && fgets(line, sizeof line, info)) {
    sscanf(line, "pending: %lu", &pending);
    sscanf(line, "total: %lu", &total);
  }
  if (info) fclose(info);
  say("waiting unread=%lu all=%lu", pending, total);
}
