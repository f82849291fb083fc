/* A VMM double: what its parts share. What it is and does: vmm_double.c. */
#ifndef VMM_DOUBLE_H
#define VMM_DOUBLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { PAGE = 4096, WORDS = PAGE / 8, MAX_REGIONS = 8, MAX_VCPUS = 8 };
enum { HUGE_PAGE = 2 << 20 };

struct region {
  uint8_t *base;
  uint64_t bytes;
  uint64_t first; /* of its pages, in the count through all regions */
};

/* How the machine is made and what it does; set once, by the command line or by a snapshot's state. */
struct options {
  uint64_t seed;         /* of memory's content and the order of the working set */
  uint64_t pattern;      /* seed of everything else that it does */
  const char *fields;    /* which version of the region JSON */
  bool huge;             /* 2 MiB pages */
  bool thread_id;        /* UFFD_FEATURE_THREAD_ID */
  int vcpus;
  uint64_t set_pages;    /* working set */
  uint64_t strays;       /* random touches in all, beside the working set */
  int write_percent;
  int pause_us;          /* between slices of the work */
  uint64_t removals;     /* by the balloon */
  bool flood;            /* all of them without a pause */
  uint64_t measured;     /* instead of the work: touches that are timed */
  const char *trace;     /* file for the faults that the virtual CPUs had, or their times; or null */
  const char *expect;    /* memory file that the machine was saved with; null: what the seed makes */
  const char *misbehave; /* how, or null */
  const char *die;       /* when, or null */
};

extern struct options options;
extern struct region regions[MAX_REGIONS];
extern int region_count;
extern uint64_t total_pages;
extern int uffd; /* -1 without */

__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) void say(const char *format, ...); /* a line on stdout */
int64_t now_ns(void);
void die_at(const char *moment); /* dies if it was told to die at this moment */

/* ---- content.c: what memory holds, and what it must hold ---- */

uint64_t mix(uint64_t a, uint64_t b);
uint8_t *page_address(uint64_t page);
uint64_t unit_pages(void); /* pages that the kernel places, and removes, as one */

/* Allocates the account of what happens to every page. */
void content_open(void);
void content_generate(uint64_t page, uint64_t words[WORDS]);

/* A virtual CPU reads a word and looks whether it may be there; or writes its mark. */
void content_read(uint64_t page, int word, int vcpu);
void content_write(uint64_t page, int vcpu);

/* To be called around a removal. */
void content_removing(uint64_t page, uint64_t pages);
void content_removed(uint64_t page, uint64_t pages);

/* Looks at all memory, while nothing else does, and says the verdict. */
void content_check(void);

/* ---- handover.c: as Firecracker hands its memory to a page fault handler ---- */

void memory_map(const char *private_file); /* anonymous with null */
void hand_over(const char *socket_path);
void describe_faults_in_kernel(void);

/* ---- machine.c: virtual CPUs and balloon ---- */

void machine_start(void); /* in the paused state */
void machine_resume(void);
void machine_pause(void); /* returns when all are between two touches */
bool machine_started(void);
bool machine_running(void);
void machine_inflate(uint64_t removals);

/* ---- snapshot.c: memory and state files ---- */

void snapshot_write_memory(const char *path, bool diff);
void snapshot_write_state(const char *path);
void snapshot_read_state(const char *path);

/* ---- api.c: the part of Firecracker's API that snapshots need ---- */

int api_listen(const char *path);
/* Serves one connection as far as it has something to say; false when it has ended. */
bool api_serve(int connection);

/* An operation of the API failed: unwinds to api_serve, which answers with this fault message. */
__attribute__((noreturn, format(printf, 1, 2))) void fault(const char *format, ...);

#endif
