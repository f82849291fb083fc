/*
 * The first process of the evaluation's Debian guest: runs one workload and turns its output into
 * heartbeats.
 *
 * A workload is /workloads/NAME, for NAME of rekindle.workload= on the kernel command line. Each line that it
 * prints (ended by a line feed or a carriage return) is one unit of its work: a frame, a batch of
 * transactions. Talks on the serial port, one line each, like the demo's workload:
 *   nonce HEX       once at boot, from /dev/urandom
 *   ready unit=K    the workload has printed its first unit
 *   beat N 0...0    K more units are done (rekindle.batch=K); there is nothing to check them by
 * and obeys lines on its input:
 *   nonce           answers "nonce HEX"
 *   tell TEXT       the workload reads TEXT as a line of its standard input
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char workload[64] = "idle";
static long batch = 1;
static char nonce[33];

static void say(const char *line) { /* one write, so that a line is whole */
  size_t bytes = strlen(line);
  for (size_t done = 0; done < bytes;) {
    ssize_t n = write(1, line + done, bytes - done);
    if (n <= 0) return;
    done += n;
  }
}

static void say_nonce(void) {
  char line[64];
  snprintf(line, sizeof line, "nonce %s\n", nonce);
  say(line);
}

static void read_parameters(void) {
  char line[4096];
  int file = open("/proc/cmdline", O_RDONLY);
  ssize_t bytes = file < 0 ? 0 : read(file, line, sizeof line - 1);
  if (file >= 0) close(file);
  line[bytes > 0 ? bytes : 0] = 0;
  for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
    if (!strncmp(word, "rekindle.workload=", 18)) snprintf(workload, sizeof workload, "%s", word + 18);
    if (!strncmp(word, "rekindle.batch=", 15)) batch = atol(word + 15);
  }
  if (batch < 1) batch = 1;
}

static void read_nonce(void) {
  unsigned char random[16] = {0};
  int file = open("/dev/urandom", O_RDONLY);
  if (file < 0 || read(file, random, sizeof random) != sizeof random) exit(1);
  close(file);
  for (int i = 0; i < 16; i++) sprintf(nonce + 2 * i, "%02x", random[i]);
}

static void open_serial_port(void) {
  int port = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
  struct termios raw;
  if (port < 0 || tcgetattr(port, &raw)) exit(1);
  cfmakeraw(&raw);
  tcsetattr(port, TCSANOW, &raw);
  dup2(port, 0);
  dup2(port, 1);
}

/* Starts the workload; its messages go where nobody waits for them. */
static pid_t start(int *units, int *words) {
  int out[2], in[2];
  char path[128];
  snprintf(path, sizeof path, "/workloads/%s", workload);
  if (pipe(out) || pipe(in)) exit(1);
  pid_t child = fork();
  if (child == 0) {
    int log = open("/tmp/workload.log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(log, 2);
    for (int i = 3; i < 16; i++) close(i);
    execl("/bin/sh", "sh", path, (char *)NULL);
    _exit(127);
  }
  close(out[1]);
  close(in[0]);
  *units = out[0];
  *words = in[1];
  return child;
}

static void obey(char *line, int words) {
  if (!strcmp(line, "nonce")) say_nonce();
  if (!strncmp(line, "tell ", 5)) dprintf(words, "%s\n", line + 5);
}

int main(void) {
  char received[4096], command[256], line[128];
  size_t command_bytes = 0;
  long units = 0, beats = 0;
  int from, words;

  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  signal(SIGPIPE, SIG_IGN);
  open_serial_port();
  read_parameters();
  read_nonce();
  say_nonce();
  pid_t child = start(&from, &words);
  struct pollfd waits[2] = {{.fd = from, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  for (;;) {
    poll(waits, 2, -1);
    if (waits[1].revents & POLLIN) {
      char c;
      while (read(0, &c, 1) == 1 && c != '\n')
        if (command_bytes < sizeof command - 1) command[command_bytes++] = c;
      command[command_bytes] = 0;
      command_bytes = 0;
      obey(command, words);
    }
    if (waits[0].revents) {
      ssize_t n = read(from, received, sizeof received);
      if (n <= 0) break;
      for (ssize_t i = 0; i < n; i++) {
        if (received[i] != '\n' && received[i] != '\r') continue;
        if (units++ == 0) {
          snprintf(line, sizeof line, "ready unit=%ld\n", batch);
          say(line);
        }
        if (units % batch == 0) {
          snprintf(line, sizeof line, "beat %ld 0000000000000000\n", beats++);
          say(line);
        }
      }
    }
    while (waitpid(-1, NULL, WNOHANG) > 0) { /* orphans */
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  snprintf(line, sizeof line, "the workload %s has ended with %d\n", workload, WEXITSTATUS(status));
  say(line);
  int log = open("/tmp/workload.log", O_RDONLY);
  for (ssize_t n; log >= 0 && (n = read(log, received, sizeof received - 1)) > 0;) {
    received[n] = 0;
    say(received);
  }
  for (;;) pause();
}
