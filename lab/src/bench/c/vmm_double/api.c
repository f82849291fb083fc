/*
 * The part of Firecracker's API that snapshots need (v1.16, src/firecracker/swagger): HTTP/1.1 on a Unix socket,
 * keep-alive; 200 with JSON, 204 without, or 400 with a fault_message. As strict as the real one: unknown fields are
 * refused. It serves one connection at a time.
 */
#define _GNU_SOURCE
#include "vmm_double.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_REQUEST = 51200 }; /* as the real one */

static char message[1024];
static jmp_buf in_request;
static bool serving;

void fault(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (!serving) fail("%s", message);
  longjmp(in_request, 1);
}

/* ---- JSON: an object of strings, booleans and one level of objects, flattened to dotted names ---- */

enum { MAX_FIELDS = 16 };
static struct { char name[64], value[512]; } fields[MAX_FIELDS];
static int field_count;

static const char *spaces(const char *p) { return p + strspn(p, " \t\r\n"); }

__attribute__((noreturn)) static void bad_json(const char *why) {
  fault("An error occurred when deserializing the json body of a request: %s.", why);
}

static const char *json_string(const char *p, char *into, size_t room) {
  if (*p != '"') bad_json("expected a string");
  for (p++; *p != '"'; p++) {
    if (*p == '\\') p++; /* of the escapes only \" \\ and \/ */
    if (!*p || --room == 0) bad_json("EOF while parsing a string");
    *into++ = *p;
  }
  *into = 0;
  return p + 1;
}

static const char *json_object(const char *p, const char *prefix) {
  if (*p != '{') bad_json("expected an object");
  for (p = spaces(p + 1); *p != '}'; p = spaces(p)) {
    if (field_count == MAX_FIELDS) bad_json("too many fields");
    char name[32];
    p = spaces(json_string(p, name, sizeof name));
    if (*p != ':') bad_json("expected `:`");
    p = spaces(p + 1);
    if (*p == '{') {
      p = json_object(p, name);
    } else {
      char *value = fields[field_count].value;
      snprintf(fields[field_count].name, sizeof fields->name, "%s%s%s", prefix, *prefix ? "." : "", name);
      field_count++;
      size_t length = strcspn(p, ",} \t\r\n");
      if (*p == '"') p = json_string(p, value, sizeof fields->value);
      else if (length < sizeof fields->value) p += sprintf(value, "%.*s", (int)length, p);
      else bad_json("too long");
    }
    p = spaces(p);
    if (*p == ',') p = spaces(p + 1);
    else if (*p != '}') bad_json("expected `,` or `}`");
  }
  return p + 1;
}

/* Reads a body; every field must be among the known ones, a list with spaces around each. */
static void read_body(const char *body, const char *known) {
  field_count = 0;
  json_object(spaces(body), "");
  for (int i = 0; i < field_count; i++) {
    char name[66];
    snprintf(name, sizeof name, " %s ", fields[i].name);
    if (!strstr(known, name)) {
      fault("An error occurred when deserializing the json body of a request: unknown field `%s`.", fields[i].name);
    }
  }
}

static const char *optional(const char *name, const char *otherwise) {
  for (int i = 0; i < field_count; i++)
    if (!strcmp(fields[i].name, name)) return fields[i].value;
  return otherwise;
}

static const char *required(const char *name) {
  const char *value = optional(name, NULL);
  if (!value) fault("An error occurred when deserializing the json body of a request: missing field `%s`.", name);
  return value;
}

/* ---- what can be asked for ---- */

static void load(const char *body) {
  read_body(body, " snapshot_path mem_file_path mem_backend.backend_type mem_backend.backend_path track_dirty_pages"
                  " enable_diff_snapshots resume_vm clock_realtime huge_pages ");
  if (machine_started()) fault("The requested operation is not supported after starting the microVM.");
  const char *path = required("snapshot_path");
  const char *type = optional("mem_backend.backend_type", "File");
  const char *backend = optional("mem_backend.backend_path", optional("mem_file_path", NULL));
  if (!backend) bad_json("missing field: either `mem_backend` or `mem_file_path` is required");
  snapshot_read_state(path);
  if (!strcmp(type, "Uffd")) hand_over(backend);
  else if (!strcmp(type, "File") && !options.huge) memory_map(backend);
  else fault("Load snapshot error: Failed to restore from snapshot: cannot load guest memory by backend %s", type);
  machine_start();
  if (!strcmp(optional("resume_vm", "false"), "true")) machine_resume();
}

static void create(const char *body) {
  read_body(body, " snapshot_type snapshot_path mem_file_path ");
  if (!machine_started()) fault("The requested operation is not supported before starting the microVM.");
  const char *state = required("snapshot_path"), *memory = required("mem_file_path");
  const char *type = optional("snapshot_type", "Full");
  if (strcmp(type, "Full") && strcmp(type, "Diff")) bad_json("unknown variant, expected `Diff` or `Full`");
  if (machine_running()) {
    fault("Create snapshot error: Cannot save the microVM state: Operation not allowed: "
          "save/restore unavailable while running");
  }
  snapshot_write_state(state);
  snapshot_write_memory(memory, !strcmp(type, "Diff"));
}

static void change_state(const char *body) {
  read_body(body, " state ");
  if (!machine_started()) fault("The requested operation is not supported before starting the microVM.");
  const char *state = required("state");
  if (!strcmp(state, "Paused")) {
    if (machine_running()) machine_pause();
  } else if (!strcmp(state, "Resumed")) {
    if (!machine_running()) machine_resume();
  } else {
    bad_json("unknown variant, expected `Paused` or `Resumed`");
  }
}

static void describe(char *into, size_t room) {
  snprintf(into, room, "{\"id\":\"double\",\"state\":\"%s\",\"vmm_version\":\"1.16.1\",\"app_name\":\"Firecracker\"}",
           !machine_started() ? "Not started" : machine_running() ? "Running" : "Paused");
}

static void configuration(char *into, size_t room) {
  snprintf(into, room, "{\"drives\":[],\"machine-config\":{\"vcpu_count\":%d,\"mem_size_mib\":%llu,\"smt\":false}}",
           options.vcpus, (unsigned long long)(total_pages * PAGE >> 20));
}

/* The status, and what is to be answered in `answer`. */
static int carry_out(const char *method, const char *path, const char *body, char *answer, size_t room) {
  serving = true;
  if (setjmp(in_request)) {
    serving = false;
    snprintf(answer, room, "{\"fault_message\":\"%s\"}", message);
    return 400;
  }
  char operation[512];
  snprintf(operation, sizeof operation, "%s %s", method, path);
  if (!strcmp(operation, "GET /")) describe(answer, room);
  else if (!strcmp(operation, "GET /vm/config")) configuration(answer, room);
  else if (!strcmp(operation, "GET /version")) snprintf(answer, room, "{\"firecracker_version\":\"1.16.1\"}");
  else if (!strcmp(operation, "PUT /snapshot/load")) load(body);
  else if (!strcmp(operation, "PUT /snapshot/create")) create(body);
  else if (!strcmp(operation, "PATCH /vm")) change_state(body);
  else fault("Invalid request method and/or path: %s %s.", method, path);
  serving = false;
  return *answer ? 200 : 204;
}

/* ---- HTTP ---- */

int api_listen(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) fail("path too long: %s", path);
  strcpy(address.sun_path, path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8)) {
    fail("cannot listen at %s: %m", path);
  }
  return listener;
}

static void answer(int connection, int status, const char *body) {
  char response[2048];
  char content[100] = "";
  if (*body) {
    snprintf(content, sizeof content, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
  }
  int length = snprintf(response, sizeof response,
                        "HTTP/1.1 %d \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n%s\r\n%s", status,
                        content, body);
  if (send(connection, response, length, MSG_NOSIGNAL) != length) say("api: the answer was not taken");
}

bool api_serve(int connection) {
  static char request[MAX_REQUEST + 1];
  size_t length = 0;
  char *body = NULL;
  size_t body_bytes = 0;
  while (!body || length < (size_t)(body - request) + body_bytes) {
    ssize_t n = length < MAX_REQUEST ? read(connection, request + length, MAX_REQUEST - length) : 0;
    if (n <= 0) return false;
    request[length += n] = 0;
    if (!body && (body = strstr(request, "\r\n\r\n"))) {
      body += 4;
      const char *header = strcasestr(request, "\r\ncontent-length:");
      body_bytes = header && header < body ? strtoul(header + 17, NULL, 10) : 0;
    }
  }
  char method[16], path[256], response[1200] = "";
  if (sscanf(request, "%15s %255s HTTP/1.", method, path) != 2) return false;
  int status = carry_out(method, path, body, response, sizeof response);
  answer(connection, status, response);
  return true;
}
