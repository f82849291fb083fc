/*
 * The smallest source of a postcopy migration: answers page requests from a file, and does nothing
 * else. The measure for our pager's fault path: what a C handler needs for the same job.
 *
 *   gcc -O2 -Wall -Wextra -o source source.c                           or with -DCODECS -llz4 -lzstd
 *   ./source SOCKET FILE [BLOCK_BYTES [raw|lz4|zstd]]
 *
 * FILE holds the pages of one RAM block, pc.ram, end to end; warm it first (cat FILE > /dev/null).
 * Without BLOCK_BYTES a request costs one pread of the page and one send. With it (a multiple of
 * 4096, such as 32768) the whole block that the page lies in is read, its CRC32C compared with one
 * computed at start, and the block decoded: what a store of checksummed blocks needs. The encoded
 * blocks are written at start to a file beside FILE that has no name.
 *
 * Waits in a blocking recv, not in poll: there is nothing else to wait for. Ends when the
 * destination sends SHUT or closes. Suits destination.c; a stock QEMU would miss the device state.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef CODECS
#include <lz4.h>
#include <zstd.h>
#endif

enum { PAGE = 4096, SECTION = 2, MAX_BLOCK = 1 << 20 };
enum { RP_SHUT = 1, RP_PONG = 2, RP_REQ_PAGES_ID = 3, RP_REQ_PAGES = 4 };

static const char region[] = "pc.ram";
static int peer, file;
static uint64_t file_bytes;
static size_t block_bytes;
static struct block {
  off_t at;
  uint32_t bytes, checksum;
} *blocks;            /* null without blocks */
static int block_file;
static enum { RAW, LZ4, ZSTD } codec;
static uint8_t *sent;       /* one byte for each page */

static void die(const char *what) {
  fprintf(stderr, "source: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint8_t *put(uint8_t *p, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) *p++ = value >> (8 * i);
  return p;
}

static uint64_t big_endian(const uint8_t *p, int bytes) {
  uint64_t value = 0;
  while (bytes-- > 0) value = value << 8 | *p++;
  return value;
}

static void send_all(const uint8_t *p, size_t bytes) {
  while (bytes > 0) {
    ssize_t n = send(peer, p, bytes, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) exit(0);
    if (n < 0) die("send");
    p += n;
    bytes -= n;
  }
}

/* ---- CRC32C ---- */

#ifdef __x86_64__
/* The instruction takes 8 bytes in 3 cycles, but begins another one each cycle: so three parts are
 * computed side by side, and their checksums are put together: that of AB is that of A with as many
 * zero bytes appended as B has, xor that of B. Appending zeros is linear, so for a fixed number of
 * them four tables do it. */
enum { PART = 1360 };           /* three of them and 16 bytes are a page */
static uint32_t append[4][256]; /* checksum with a part of zeros behind, by each of its bytes */

__attribute__((target("sse4.2"))) static uint32_t update(uint32_t crc, const uint8_t *p, size_t bytes) {
  uint64_t word;
  for (; bytes >= 8; p += 8, bytes -= 8) {
    memcpy(&word, p, 8);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  while (bytes-- > 0) crc = __builtin_ia32_crc32qi(crc, *p++);
  return crc;
}

static void prepare_crc32c(void) {
  static const uint8_t zeros[PART];
  for (int i = 0; i < 4; i++)
    for (uint32_t byte = 0; byte < 256; byte++) append[i][byte] = update(byte << (8 * i), zeros, PART);
}

static uint32_t append_part(uint32_t crc) {
  return append[0][crc & 255] ^ append[1][crc >> 8 & 255] ^ append[2][crc >> 16 & 255] ^ append[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c(const uint8_t *p, size_t bytes) {
  uint64_t a = 0xffffffff, word[3];
  for (; bytes >= 3 * PART; p += 3 * PART, bytes -= 3 * PART) {
    uint64_t b = 0, c = 0;
    for (size_t i = 0; i < PART; i += 8) {
      memcpy(word, p + i, 8);
      memcpy(word + 1, p + PART + i, 8);
      memcpy(word + 2, p + 2 * PART + i, 8);
      a = __builtin_ia32_crc32di(a, word[0]);
      b = __builtin_ia32_crc32di(b, word[1]);
      c = __builtin_ia32_crc32di(c, word[2]);
    }
    a = append_part(append_part(a) ^ b) ^ c;
  }
  return ~update(a, p, bytes);
}
#else
static void prepare_crc32c(void) {}

static uint32_t crc32c(const uint8_t *p, size_t bytes) {
  uint32_t crc = 0xffffffff;
  while (bytes-- > 0) {
    crc ^= *p++;
    for (int i = 0; i < 8; i++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}
#endif

/* ---- the conversation ---- */

static uint8_t *command(uint8_t *p, int kind, int length) {
  return put(put(put(p, 0x08, 1), kind, 2), length, 2);
}

static uint8_t *ping(uint8_t *p, uint32_t value) { return put(command(p, 2, 4), value, 4); }

static uint8_t *name(uint8_t *p, const char *text) {
  p = put(p, strlen(text), 1);
  memcpy(p, text, strlen(text));
  return p + strlen(text);
}

static uint8_t *footer(uint8_t *p) { return put(put(p, 0x7e, 1), SECTION, 4); }

static void opening(void) {
  uint8_t bytes[1024], *p = put(put(bytes, 0x5145564d, 4), 3, 4);
  p = put(put(p, 0x07, 1), 4, 4);
  memcpy(p, "none", 4);
  p = ping(command(p + 4, 1, 0), 1);                   /* OPEN_RETURN_PATH, PING 1 */
  p = put(put(command(p, 3, 16), PAGE, 8), PAGE, 8);   /* ADVISE */
  p = name(put(put(p, 0x01, 1), SECTION, 4), "ram");   /* SECTION_START */
  p = put(put(p, 0, 4), 4, 4);                         /* instance, version */
  p = name(put(p, file_bytes | 0x04, 8), region);      /* MEM_SIZE */
  p = footer(put(put(p, file_bytes, 8), 0x10, 8));     /* EOS */
  p = command(p, 6, 3 + strlen(region) + 16);          /* RAM_DISCARD of everything */
  p = put(name(put(p, 0, 1), region), 0, 1);
  p = ping(put(put(p, 0, 8), file_bytes, 8), 2);
  p = put(command(p, 7, 4), 5 + 9 + 9 + 5, 4);         /* PACKAGED: LISTEN, PING, PING, RUN */
  p = command(ping(ping(command(p, 4, 0), 3), 0x42), 5, 0);
  p = ping(p, 4);
  send_all(bytes, p - bytes);
}

/* ---- blocks ---- */

#ifdef CODECS
static ZSTD_DCtx *zstd;

static size_t encode(const uint8_t *from, size_t bytes, uint8_t *into, size_t room) {
  size_t encoded = codec == LZ4 ? (size_t)LZ4_compress_default((const char *)from, (char *)into, bytes, room)
                                : ZSTD_compress(into, room, from, bytes, 1);
  return encoded < bytes ? encoded : 0; /* also an error, or what does not shrink: stored as it is */
}

static size_t decode(const uint8_t *from, size_t bytes, uint8_t *into) {
  return codec == LZ4 ? (size_t)LZ4_decompress_safe((const char *)from, (char *)into, bytes, block_bytes)
                      : ZSTD_decompressDCtx(zstd, into, block_bytes, from, bytes);
}
#else
static size_t encode(const uint8_t *from, size_t bytes, uint8_t *into, size_t room) {
  return (void)from, (void)bytes, (void)into, (void)room, 0;
}

static size_t decode(const uint8_t *from, size_t bytes, uint8_t *into) {
  return (void)from, (void)bytes, (void)into, 0;
}
#endif

static size_t raw_bytes(uint64_t number) {
  uint64_t start = number * block_bytes;
  return file_bytes - start < block_bytes ? file_bytes - start : block_bytes;
}

static const uint8_t *decoded_block(uint64_t number) {
  static uint8_t stored[MAX_BLOCK] __attribute__((aligned(PAGE))), raw[MAX_BLOCK] __attribute__((aligned(PAGE)));
  const struct block *block = &blocks[number];
  if (pread(block_file, stored, block->bytes, block->at) != block->bytes) die("pread");
  errno = EIO;
  if (crc32c(stored, block->bytes) != block->checksum) die("checksum");
  if (block->bytes == raw_bytes(number)) return stored;
  if (decode(stored, block->bytes, raw) != raw_bytes(number)) die("decode");
  return raw;
}

static void write_blocks(const char *folder) {
  prepare_crc32c();
  block_file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (block_file < 0) die(folder);
  uint8_t *raw = malloc(block_bytes), *encoded = malloc(2 * block_bytes);
  uint64_t count = (file_bytes + block_bytes - 1) / block_bytes;
  blocks = calloc(count, sizeof *blocks);
  off_t at = 0;
  for (uint64_t number = 0; number < count; number++) {
    size_t bytes = raw_bytes(number);
    if (pread(file, raw, bytes, number * block_bytes) != (ssize_t)bytes) die("pread");
    size_t shorter = codec == RAW ? 0 : encode(raw, bytes, encoded, 2 * block_bytes);
    const uint8_t *from = shorter ? encoded : raw;
    if (shorter) bytes = shorter;
    blocks[number] = (struct block){.at = at, .bytes = bytes, .checksum = crc32c(from, bytes)};
    if (write(block_file, from, bytes) != (ssize_t)bytes) die("write");
    at += bytes;
  }
  free(raw);
  free(encoded);
#ifdef CODECS
  zstd = ZSTD_createDCtx();
#endif
}

/* ---- the conversation, continued ---- */

static void serve(uint64_t offset) {
  static uint8_t section[5 + 8 + 1 + 255 + PAGE + 8 + 5];
  if (sent[offset / PAGE]) return; /* QEMU asks again at times, and takes a page once only */
  sent[offset / PAGE] = 1;
  uint8_t *p = put(put(section, 0x02, 1), SECTION, 4);
  p = name(put(p, offset | 0x08, 8), region);
  if (blocks) {
    memcpy(p, decoded_block(offset / block_bytes) + offset % block_bytes, PAGE);
  } else if (pread(file, p, PAGE, offset) != PAGE) {
    die("pread");
  }
  p = footer(put(p + PAGE, 0x10, 8));
  send_all(section, p - section);
}

static void serve_requests(void) {
  static uint8_t messages[4096];
  size_t at = 0, end = 0;
  for (;;) {
    while (end - at >= 4 && end - at >= 4 + big_endian(messages + at + 2, 2)) {
      int type = big_endian(messages + at, 2), length = big_endian(messages + at + 2, 2);
      const uint8_t *payload = messages + at + 4;
      at += 4 + length;
      if (type == RP_SHUT) return;
      if (type == RP_REQ_PAGES || type == RP_REQ_PAGES_ID) {
        uint64_t offset = big_endian(payload, 8);
        errno = EPROTO;
        if (length < 12 || offset % PAGE || offset >= file_bytes || big_endian(payload + 8, 4) != PAGE) die("request");
        serve(offset);
      }
    }
    memmove(messages, messages + at, end - at);
    end -= at;
    at = 0;
    ssize_t n = recv(peer, messages + end, sizeof messages - end, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || (n < 0 && errno == ECONNRESET)) return;
    if (n < 0) die("recv");
    end += n;
  }
}

int main(int count, char **arguments) {
  if (count < 3 || count > 5) {
    fprintf(stderr, "usage: source SOCKET FILE [BLOCK_BYTES [raw|lz4|zstd]]\n");
    return 1;
  }
  file = open(arguments[2], O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status)) die(arguments[2]);
  file_bytes = status.st_size / PAGE * PAGE;
  sent = calloc(file_bytes / PAGE + 1, 1);
  if (count > 3) {
    block_bytes = strtoul(arguments[3], NULL, 0);
    errno = EINVAL;
    if (block_bytes == 0 || block_bytes % PAGE || block_bytes > MAX_BLOCK) die("BLOCK_BYTES");
    if (count > 4) codec = !strcmp(arguments[4], "lz4") ? LZ4 : !strcmp(arguments[4], "zstd") ? ZSTD : RAW;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", arguments[2]);
    write_blocks(dirname(folder));
  }
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  errno = ENAMETOOLONG;
  if (strlen(arguments[1]) >= sizeof address.sun_path) die(arguments[1]);
  strcpy(address.sun_path, arguments[1]);
  peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (peer < 0 || connect(peer, (struct sockaddr *)&address, sizeof address)) die(arguments[1]);
  opening();
  serve_requests();
  return 0;
}
