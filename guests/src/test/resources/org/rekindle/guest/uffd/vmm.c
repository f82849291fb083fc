/* A VMM of which only the memory is there. It does what it is told on stdin, a line at a time, and
   says on stdout what came of it; what may wait for a page is done on a thread of its own.

     vmm SOCKET BYTES FEATURES [huge]     prints "at ADDRESS"
     connect                              to the socket
     hand COUNT JSON                      sends JSON with COUNT copies of the userfaultfd
     text JSON                            sends JSON alone
     read PAGE                            prints "PAGE is BYTE": its first byte
     write PAGE BYTE                      fills the page, prints "PAGE is BYTE"
     sweep PAGE COUNT                     reads pages one after another, prints "swept PAGE"
     discard PAGE COUNT                   gives pages back, prints "discarded PAGE"
     unmap PAGE COUNT                     prints "unmapped PAGE"
     block                                sets the userfaultfd to blocking, prints "blocking"
     close                                closes its end of the socket
     fork                                 a child that exits at once, prints "forked"
     exit                                                                                  */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static unsigned char *memory;
static int page_fd, socket_fd = -1;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

struct task {
  char what;
  long page, value;
};

static void *perform(void *argument) {
  struct task *task = argument;
  unsigned char *at = memory + task->page * PAGE;
  prctl(PR_SET_NAME, "fc_vcpu 0");
  switch (task->what) {
    case 'w':
      memset(at, (int)task->value, PAGE);
      /* fall through */
    case 'r':
      printf("%ld is %d\n", task->page, *(volatile unsigned char *)at);
      break;
    case 's':
      for (long i = 0; i < task->value; i++) (void)*(volatile unsigned char *)(at + i * PAGE);
      printf("swept %ld\n", task->page);
      break;
    case 'd':
      if (madvise(at, task->value * PAGE, MADV_DONTNEED)) fail("madvise");
      printf("discarded %ld\n", task->page);
      break;
    case 'u':
      if (munmap(at, task->value * PAGE)) fail("munmap");
      printf("unmapped %ld\n", task->page);
      break;
  }
  free(task);
  return NULL;
}

static void start(char what, const char *arguments) {
  struct task *task = calloc(1, sizeof *task);
  pthread_t thread;
  task->what = what;
  sscanf(arguments, "%ld %ld", &task->page, &task->value);
  if (pthread_create(&thread, NULL, perform, task)) fail("pthread_create");
  pthread_detach(thread);
}

static void send_regions(const char *json, int copies) {
  int fds[64];
  char control[CMSG_SPACE(sizeof fds)] = {0};
  struct iovec bytes = {(void *)json, strlen(json)};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
  for (int i = 0; i < copies; i++) fds[i] = page_fd;
  if (copies > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(copies * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(copies * sizeof(int));
    memcpy(CMSG_DATA(header), fds, copies * sizeof(int));
  }
  if (sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0) fail("sendmsg");
}

int main(int count, char **arguments) {
  size_t bytes = strtoull(arguments[2], NULL, 10);
  int huge = count > 4 && !strcmp(arguments[4], "huge");
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB | 21 << 26 : MAP_NORESERVE);
  static char line[1 << 20];
  setvbuf(stdout, NULL, _IOLBF, 0);
  memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  page_fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (page_fd < 0) fail("userfaultfd");
  struct uffdio_api api = {.api = UFFD_API, .features = strtoull(arguments[3], NULL, 10)};
  if (ioctl(page_fd, UFFDIO_API, &api)) fail("UFFDIO_API");
  struct uffdio_register range = {
      .range = {(uintptr_t)memory, bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (ioctl(page_fd, UFFDIO_REGISTER, &range)) fail("UFFDIO_REGISTER");
  printf("at %" PRIuPTR "\n", (uintptr_t)memory);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    char *rest = strchr(line, ' ');
    rest = rest ? rest + 1 : line + strlen(line);
    if (!strncmp(line, "connect", 7)) {
      struct sockaddr_un address = {.sun_family = AF_UNIX};
      strncpy(address.sun_path, arguments[1], sizeof address.sun_path - 1);
      socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
      if (connect(socket_fd, (void *)&address, sizeof address)) fail("connect");
      puts("connected");
    } else if (!strncmp(line, "hand", 4)) {
      int copies = (int)strtol(rest, &rest, 10);
      send_regions(rest + 1, copies);
      puts("handed");
    } else if (!strncmp(line, "text", 4)) {
      send_regions(rest, 0);
      puts("sent");
    } else if (!strncmp(line, "close", 5)) {
      close(socket_fd);
      puts("closed");
    } else if (!strncmp(line, "block", 5)) {
      if (fcntl(page_fd, F_SETFL, 0)) fail("fcntl");
      puts("blocking");
    } else if (!strncmp(line, "fork", 4)) {
      pid_t child = fork();
      if (child == 0) _exit(0);
      waitpid(child, NULL, 0);
      puts("forked");
    } else if (!strncmp(line, "exit", 4)) {
      return 0;
    } else {
      start(line[0], rest);
    }
  }
  return 0;
}
