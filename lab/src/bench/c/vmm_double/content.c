/*
 * What guest memory holds, and what it must hold.
 *
 * When it is saved, every page holds what the seed and its number make: some zeros, some equal to each other, some
 * text, some noise. After that two things happen to it. A virtual CPU writes its mark into a word of its own; a
 * removal makes everything zero. Each page has an account of both, in counts of removals: a mark whose writing began
 * after the last removal had ended must be there, one whose writing had ended before a removal began must not, and
 * only between the two may it be either. Thus removals may race with faults and writes, and still nothing wrong goes
 * unnoticed; above all, no word that was removed may ever come back with what was saved.
 */
#define _GNU_SOURCE
#include "vmm_double.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mark {
  _Atomic bool written;
  _Atomic uint32_t removals_before; /* that had ended when the last write began */
  _Atomic uint32_t removals_after;  /* that had begun when it ended */
};

struct account {
  _Atomic uint32_t removals_begun, removals_ended;
  struct mark marks[MAX_VCPUS];
};

static struct account *accounts;
static const uint64_t *expected; /* a memory file; null: the generator's content counts */

uint64_t mix(uint64_t a, uint64_t b) { /* splitmix64 of both */
  uint64_t z = a * 0x9e3779b97f4a7c15 + b;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

uint64_t unit_pages(void) { return options.huge ? HUGE_PAGE / PAGE : 1; }

uint8_t *page_address(uint64_t page) {
  int region = region_count - 1;
  while (regions[region].first > page) region--;
  return regions[region].base + (page - regions[region].first) * PAGE;
}

/* ---- what was saved ---- */

static uint64_t generated(uint64_t page, int word) {
  uint64_t kind = mix(options.seed, page);
  switch (kind % 16) {
    case 0 ... 3: return 0;
    case 4: return 0x1122334455667788 + word; /* the same page again and again */
    case 5 ... 9: { /* text: 8 letters, from a small vocabulary */
      static const char vocabulary[8][9] = {"restored", " saved, ", "machine ", "the page",
                                            "memory. ", "\n   and ", "faulted ", "12345678"};
      uint64_t letters;
      memcpy(&letters, vocabulary[mix(kind, word / 4) % 8], 8);
      return letters;
    }
    case 10 ... 12: return word % 2 ? 0 : mix(kind, word);
    default: return mix(kind, word);
  }
}

static uint64_t saved(uint64_t page, int word) {
  return expected ? expected[page * WORDS + word] : generated(page, word);
}

void content_generate(uint64_t page, uint64_t words[WORDS]) {
  for (int word = 0; word < WORDS; word++) words[word] = generated(page, word);
}

static void expect(const char *memory_file) {
  int file = open(memory_file, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status)) fail("cannot open %s: %m", memory_file);
  if ((uint64_t)status.st_size != total_pages * PAGE) {
    fail("%s has %" PRId64 " bytes, not %" PRIu64, memory_file, (int64_t)status.st_size, total_pages * PAGE);
  }
  expected = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, file, 0);
  if (expected == MAP_FAILED) fail("cannot map %s: %m", memory_file);
  close(file);
}

void content_open(void) {
  accounts = calloc(total_pages, sizeof *accounts);
  if (!accounts) fail("no memory for the account of %" PRIu64 " pages", total_pages);
  if (options.expect) expect(options.expect);
}

/* ---- marks ---- */

static int word_of(int vcpu) { return vcpu * 64 + 7; }

/* The virtual CPU whose mark this word is for, or -1. */
static int owner_of(int word) { return word % 64 == 7 && word / 64 < options.vcpus ? word / 64 : -1; }

static uint64_t mark_of(uint64_t page, int vcpu) { return mix(~options.seed, page * MAX_VCPUS + vcpu) | 1; }

static _Atomic uint64_t *word_at(uint64_t page, int word) {
  return (_Atomic uint64_t *)(page_address(page) + 8 * word);
}

void content_write(uint64_t page, int vcpu) {
  struct account *account = &accounts[page];
  struct mark *mark = &account->marks[vcpu];
  mark->removals_before = account->removals_ended;
  *word_at(page, word_of(vcpu)) = mark_of(page, vcpu);
  mark->removals_after = account->removals_begun;
  mark->written = true;
}

void content_removing(uint64_t page, uint64_t pages) {
  for (uint64_t i = page; i < page + pages; i++) accounts[i].removals_begun++;
}

void content_removed(uint64_t page, uint64_t pages) {
  for (uint64_t i = page; i < page + pages; i++) accounts[i].removals_ended++;
}

/* ---- what must be there ---- */

static void refuse(uint64_t page, int word, uint64_t found, const char *when) {
  uint64_t was = saved(page, word);
  say("verdict different page=%" PRIu64 " word=%d found=%016" PRIx64 " saved=%016" PRIx64 " removals=%u %s%s", page,
      word, found, was, accounts[page].removals_begun, when,
      found == was && accounts[page].removals_ended ? " (given back, and yet as saved)" : "");
  exit(3);
}

void content_read(uint64_t page, int word, int vcpu) {
  if (owner_of(word) >= 0) word++; /* marks are looked at in the end */
  struct account *account = &accounts[page];
  uint32_t ended_before = account->removals_ended;
  uint64_t found = *word_at(page, word);
  uint32_t begun_after = account->removals_begun;
  bool may_be_saved = ended_before == 0, may_be_zero = begun_after > 0;
  if (!(may_be_saved && found == saved(page, word)) && !(may_be_zero && found == 0)) {
    char when[64];
    snprintf(when, sizeof when, "while vCPU %d read it", vcpu);
    refuse(page, word, found, when);
  }
}

static bool mark_is_right(const struct account *account, uint64_t page, int vcpu, uint64_t found) {
  const struct mark *mark = &account->marks[vcpu];
  uint32_t removals = account->removals_ended;
  uint64_t without = removals ? 0 : saved(page, word_of(vcpu));
  if (!mark->written || mark->removals_after < removals) return found == without;
  if (mark->removals_before == removals) return found == mark_of(page, vcpu);
  return found == mark_of(page, vcpu) || found == 0;
}

void content_check(void) {
  uint64_t removed = 0, written = 0;
  for (uint64_t page = 0; page < total_pages; page++) {
    const struct account *account = &accounts[page];
    bool was_written = false;
    for (int word = 0; word < WORDS; word++) {
      uint64_t found = *word_at(page, word);
      int owner = owner_of(word);
      bool right = owner >= 0 ? mark_is_right(account, page, owner, found)
                              : found == (account->removals_ended ? 0 : saved(page, word));
      if (!right) refuse(page, word, found, "in the end");
      was_written |= owner >= 0 && account->marks[owner].written;
    }
    removed += account->removals_ended > 0;
    written += was_written;
  }
  say("verdict identical pages=%" PRIu64 " removed=%" PRIu64 " written=%" PRIu64, total_pages, removed, written);
}
