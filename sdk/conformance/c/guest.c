/* The conformance guest of the C SDK; ../README.md says what it is for. */
#define WEIR_IMPLEMENTATION
#define WEIR_RECODE
#include "weir.h"

#include "describe.h"

#define LARGEST 4000 /* octets that go into a note */

enum { NONE = 1, SILENT = 2, DECODE = 10 }; /* of run, beside 0 and what is negative */

static weir_str started;

static int on_init(const weir_init *in) {
  static char kept[4096];
  weir_buf b = {0, 0, 0};
  weir_init_append(&b, in);
  if (b.len > sizeof kept) return WEIR_TOO_LARGE;
  memcpy(kept, b.ptr, b.len);
  started = (weir_str){kept, b.len};
  return 0;
}

static weir_str arg(const weir_value *a, weir_str name) { return weir_attr(a, name)->string; }
static int64_t num(const weir_value *a, weir_str name) { return (int64_t)weir_attr(a, name)->number; }
#define ARG(n) arg(a, WEIR_S(n))
#define NUM(n) num(a, WEIR_S(n))
#define OP(n) weir_eq(c->event.name, WEIR_S(n))

/* Encodes a record into out. */
#define GIVE(kind, record)          \
  do {                              \
    weir_buf b_ = {0, 0, 0};        \
    weir_##kind##_append(&b_, record); \
    *out = weir_str_of(&b_);        \
  } while (0)

/* Decodes the argument data as a record. */
#define DATA(kind, record)                                \
  do {                                                    \
    int e_ = weir_##kind##_decode(record, ARG("data"));   \
    if (e_) return DECODE + e_;                           \
  } while (0)

/* Goes on where a host call went well. */
#define TRY(call)            \
  do {                       \
    int64_t e_ = (call);     \
    if (e_ < 0) return (int)e_; \
  } while (0)

static int decimal(int64_t n, weir_str *out) {
  if (n < 0) return (int)n;
  *out = weir_decimal(n);
  return 0;
}

typedef struct {
  int64_t limit;
  int builds;
} settings;

static int builds;

static void *build(weir_call *c, const weir_value *v) {
  settings *s = weir_alloc(sizeof *s);
  s->limit = num(v, WEIR_S("limit"));
  s->builds = ++builds;
  if (s->limit >= 0) return s;
  weir_fail(c, WEIR_S("a limit below 0"));
  return 0;
}

/* Fills a verdict by every function the SDK has for it. */
static void built(weir_verdict *v) {
  weir_redirect_to(v, WEIR_S("other@acme.test"));
  weir_tempfail(v, 451, WEIR_S("4.7.1"), WEIR_S("later"));
  weir_reject(v, 550, WEIR_S("5.7.1"), WEIR_S("no"));
  weir_finding *f = weir_find(v, WEIR_S("spam"), WEIR_S("subject"));
  f->score = 1.5;
  f->explanation = WEIR_S("a word");
  f->part = 1;
  weir_tag(v, WEIR_S("one"));
  weir_tag(v, WEIR_S("two"));
  weir_add_header(v, WEIR_S("X-Added"), WEIR_S("value"));
  weir_replace_header(v, WEIR_S("Subject"), 0, WEIR_S("other"));
  weir_remove_header(v, WEIR_S("X-Gone"), -1);
  weir_part_edit *e = weir_edit_part(v, WEIR_PART_OP_REPLACE, 1, WEIR_S("new"));
  e->type = WEIR_S("text/plain");
  e->filename = WEIR_S("note.txt");
  weir_edit_part(v, WEIR_PART_OP_PREPEND, 2, WEIR_S("before"));
  weir_edit_part(v, WEIR_PART_OP_APPEND, 2, WEIR_S("after"));
  weir_edit_part(v, WEIR_PART_OP_REMOVE, 3, WEIR_S(""));
  weir_note(v, WEIR_S("key"), WEIR_S("value"));
  weir_waive(v, WEIR_S("known"), WEIR_S("spam"));
  *weir_push(&v->waivers.items[0].classes) = WEIR_S("list/sender");
  v->keep_original = 1;
  v->hold = (weir_hold){(uint64_t)1 << 40, WEIR_S("wait"), WEIR_S("k")};
  v->route = WEIR_S("slow");
  v->delay_ms = 250;
}

/* Writes a text and a range of a part, and reads to the end. */
static int talk(weir_call *c, const weir_value *a, weir_str *out) {
  weir_buf b = {0, 0, 0};
  char some[1000];
  int32_t n, conn = weir_dial(c, ARG("address"));
  TRY(conn);
  TRY(weir_conn_write(c, conn, ARG("write")));
  int64_t sent = weir_conn_send(c, conn, (int32_t)NUM("part"), NUM("offset"), NUM("length"));
  TRY(sent);
  weir_put(&b, weir_decimal(sent));
  weir_put(&b, WEIR_S(":"));
  while ((n = weir_conn_read(c, conn, some, sizeof some)) > 0) weir_put(&b, (weir_str){some, (uint32_t)n});
  TRY(n);
  TRY(weir_conn_close(c, conn));
  *out = weir_str_of(&b);
  return 0;
}

static int beyond(weir_call *c, const weir_value *a, weir_str *out) {
  if (OP("dns")) {
    weir_dns_request r;
    weir_dns_response res = {{0, 0, 0}};
    DATA(dns_request, &r);
    TRY(weir_dns(c, r.questions.items, r.questions.len, &res.answers));
    GIVE(dns_response, &res);
    return 0;
  }
  if (OP("fetch")) {
    weir_http_request r;
    weir_http_response res;
    DATA(http_request, &r);
    TRY(weir_fetch(c, &r, &res));
    GIVE(http_response, &res);
    return 0;
  }
  if (OP("dial")) return talk(c, a, out);
  if (OP("schedule")) {
    weir_schedule_request r;
    DATA(schedule_request, &r);
    return weir_schedule(c, &r);
  }
  if (OP("message")) {
    weir_message_info m;
    TRY(weir_message(c, ARG("id"), &m));
    GIVE(message_info, &m);
    return 0;
  }
  if (OP("submit")) {
    weir_submission s;
    DATA(submission, &s);
    TRY(weir_submit(c, &s, out));
    return 0;
  }
  weir_message_order o;
  DATA(message_order, &o);
  if (OP("release")) return decimal(weir_release(c, &o), out);
  if (OP("reject")) return decimal(weir_reject_message(c, &o), out);
  if (OP("delete")) return decimal(weir_delete_message(c, &o), out);
  return weir_fail(c, WEIR_S("nothing is called that"));
}

static int store(weir_call *c, const weir_value *a, weir_str *out) {
  weir_str key = ARG("key"), value = ARG("value");
  uint64_t ttl = (uint64_t)NUM("ttl");
  if (OP("lookup")) {
    weir_str_array keys = weir_strings(weir_attr(a, WEIR_S("keys")));
    weir_lookup_result r;
    TRY(weir_lookup(c, ARG("list"), keys.items, keys.len, &r));
    GIVE(lookup_result, &r);
    return 0;
  }
  if (OP("kv get")) {
    int n = weir_kv_get(c, key, out);
    return n == WEIR_NOT_FOUND ? NONE : n < 0 ? n : 0;
  }
  if (OP("kv set")) return weir_kv_set(c, key, value, ttl);
  if (OP("kv cas")) {
    const weir_value *old = weir_attr(a, WEIR_S("old"));
    return decimal(weir_kv_cas(c, key, old->kind == WEIR_VALUE_KIND_NULL ? 0 : &old->string, value, ttl), out);
  }
  if (OP("kv delete")) return weir_kv_delete(c, key);
  if (OP("kv add")) {
    int64_t n = 0;
    TRY(weir_kv_add(c, key, NUM("delta"), ttl, &n));
    *out = weir_decimal(n);
    return 0;
  }
  if (OP("kv batch")) {
    weir_kv_batch b;
    weir_kv_batch_result r = {{0, 0, 0}};
    DATA(kv_batch, &b);
    TRY(weir_kv_many(c, b.ops.items, b.ops.len, &r.results));
    GIVE(kv_batch_result, &r);
    return 0;
  }
  return beyond(c, a, out);
}

static int match(weir_call *c, const weir_value *a, weir_str *out) {
  weir_patterns p = {(uint32_t)NUM("set"), {{0, 0, 0}}};
  weir_buf b = {0, 0, 0};
  const weir_value *list = weir_attr(a, WEIR_S("patterns"));
  for (uint32_t i = 0; i < list->items.len; i++) {
    const weir_value *x = list->items.items[i].items.items;
    *weir_push(&p.set.patterns) = (weir_pattern){(uint32_t)x[0].number, x[1].string, x[2].bool_};
  }
  uint32_t *hits = weir_alloc(4 * p.set.patterns.len);
  int n = OP("match part") ? weir_match_part(c, &p, (int32_t)NUM("part"), hits) : weir_match_text(c, &p, ARG("text"), hits);
  TRY(n);
  for (int i = 0; i < n; i++) {
    weir_put(&b, weir_decimal(hits[i]));
    weir_put(&b, WEIR_S(","));
  }
  *out = weir_str_of(&b);
  return 0;
}

static int message(weir_call *c, weir_verdict *v, const weir_value *a, weir_str *out) {
  int32_t part = (int32_t)NUM("part");
  if (OP("headers")) {
    const weir_header_list *l;
    TRY(weir_headers(c, &l));
    GIVE(header_list, l);
    return 0;
  }
  if (OP("header")) {
    int n = weir_header_get(c, ARG("name"), (uint32_t)NUM("nth"), out);
    return n < 0 ? NONE : 0;
  }
  if (OP("parts")) {
    const weir_part_list *l;
    TRY(weir_parts(c, &l));
    GIVE(part_list, l);
    return 0;
  }
  if (OP("read")) {
    weir_part p = {0};
    weir_buf b = {0, 0, 0};
    p.index = (uint32_t)part;
    weir_reader r = part == WEIR_PART_RAW ? weir_open_raw(c) : weir_open(c, &p);
    const weir_value *ranges = weir_attr(a, WEIR_S("ranges"));
    for (uint32_t i = 0; i < ranges->items.len; i++) {
      const weir_value *x = ranges->items.items[i].items.items;
      char *to = weir_alloc((uint32_t)x[1].number);
      int32_t n = weir_read_at(&r, (int64_t)x[0].number, to, (uint32_t)x[1].number);
      TRY(n);
      weir_put(&b, (weir_str){to, (uint32_t)n});
    }
    *out = weir_str_of(&b);
    return 0;
  }
  if (OP("hash")) {
    uint8_t *to = weir_alloc(32);
    int n = weir_digest(c, part, (uint32_t)NUM("alg"), to);
    TRY(n);
    *out = (weir_str){(char *)to, (uint32_t)n};
    return 0;
  }
  if (OP("match part") || OP("match text")) return match(c, a, out);
  if (OP("stage")) {
    weir_str_array content = weir_strings(weir_attr(a, WEIR_S("content")));
    for (uint32_t i = 0; i < content.len; i++) TRY(weir_stage_part(c, part, content.items[i]));
    weir_edit_part(v, WEIR_PART_OP_APPEND, (uint32_t)part, ARG("text"));
    return 0;
  }
  return store(c, a, out);
}

static int run(weir_call *c, weir_verdict *v, const weir_value *a, weir_str *out) {
  if (OP("init")) {
    *out = started;
    return 0;
  }
  if (OP("echo")) {
    GIVE(event, &c->event);
    return 0;
  }
  if (OP("describe")) {
    weir_value d = describe(&c->event);
    GIVE(value, &d);
    return 0;
  }
  if (OP("recode")) {
    weir_buf b = {0, 0, 0};
    int e = weir_recode(ARG("record"), ARG("data"), &b);
    if (e < 0) return weir_fail(c, WEIR_S("no such record"));
    *out = weir_str_of(&b);
    return e ? DECODE + e : 0;
  }
  if (OP("params")) {
    GIVE(value, a);
    return 0;
  }
  if (OP("config")) {
    weir_value v2;
    TRY(weir_config_value(c, &v2));
    GIVE(value, &v2);
    return 0;
  }
  if (OP("config built")) {
    settings *s = weir_config(c, build);
    if (!s) return WEIR_UNAVAILABLE;
    *out = weir_cat(weir_cat(weir_decimal(s->limit), WEIR_S(":")), weir_decimal(s->builds));
    return 0;
  }
  if (OP("note of")) return weir_note_of(c, ARG("key"), out) ? 0 : NONE;
  if (OP("log")) {
    char *kept = weir_alloc(4);
    weir_log((uint32_t)NUM("level"), ARG("line"));
    for (uint32_t l = 0; l < 4; l++) kept[l] = weir_log_enabled(l) ? '1' : '0';
    *out = (weir_str){kept, 4};
    return 0;
  }
  if (OP("count")) return weir_count(ARG("name"), NUM("delta"));
  if (OP("fail")) return weir_fail(c, ARG("why"));
  if (OP("trap")) weir_panic(ARG("why"));
  if (OP("large")) {
    v->text = (weir_str){weir_alloc(300 << 10), 300 << 10};
    return SILENT;
  }
  if (OP("verdict")) {
    DATA(verdict, v);
    return SILENT;
  }
  if (OP("verdict built")) {
    built(v);
    return SILENT;
  }
  return message(c, v, a, out);
}

static int act(weir_call *c, weir_verdict *v) {
  static const char *broken[] = {"", "short", "count", "depth", "tail"};
  weir_value a;
  weir_str out = {0, 0};
  if (weir_params(c, &a) < 0) return weir_fail(c, WEIR_S("no parameters"));
  int n = run(c, v, &a, &out);
  if (n == SILENT) return 0;
  if (c->failure.len || c->failed) return WEIR_UNAVAILABLE;
  if (n == NONE) {
    weir_note(v, WEIR_S("none"), WEIR_S(""));
  } else if (n) {
    weir_note(v, WEIR_S("err"), n > DECODE ? weir_cstr(broken[n - DECODE]) : weir_decimal(n));
    weir_note(v, WEIR_S("text"), weir_last_error());
  } else if (out.len > LARGEST) {
    return weir_kv_set(c, WEIR_S("out"), out, 0);
  } else {
    weir_note(v, WEIR_S("ok"), out);
  }
  return 0;
}

WEIR_PLUGIN_WITH_INIT(on_init, {WEIR_STAGE_CONNECT, act}, {WEIR_STAGE_HELO, act}, {WEIR_STAGE_AUTH, act}, {WEIR_STAGE_MAIL_FROM, act},
                      {WEIR_STAGE_RCPT_TO, act}, {WEIR_STAGE_DATA, act}, {WEIR_STAGE_HEADERS, act}, {WEIR_STAGE_MESSAGE, act},
                      {WEIR_STAGE_QUEUED, act}, {WEIR_STAGE_DELIVERY, act}, {WEIR_STAGE_HOLD_EVENT, act}, {WEIR_STAGE_SCHEDULE, act},
                      {WEIR_STAGE_ACTION, act})
