/* sizes is a plugin for Weir that guards the size of attachments. */
#define WEIR_IMPLEMENTATION
#include "weir.h"

#include "mediatype.h"

/* The config block as the plugin wants it. */
typedef struct {
  uint64_t limit, total; /* octets */
  weir_str_array except;
} settings;

/* Called once for each configuration and instance. The host has checked the
   block by the manifest's schema and filled the defaults in. */
static void *read_settings(weir_call *c, const weir_value *v) {
  (void)c;
  settings *s = weir_alloc(sizeof *s);
  s->limit = (uint64_t)weir_attr(v, WEIR_S("limit"))->number;
  s->total = (uint64_t)weir_attr(v, WEIR_S("total"))->number;
  s->except = weir_strings(weir_attr(v, WEIR_S("except")));
  return s;
}

static int excepted(const settings *s, const weir_part *p) {
  for (uint32_t i = 0; i < s->except.len; i++) {
    weir_str e = s->except.items[i];
    if (media_type_matches(e.ptr, e.len, p->type.ptr, p->type.len)) return 1;
  }
  return 0;
}

/* A finding that proposes the reply; the policy disposes. */
static void refuse(weir_verdict *v, weir_str explanation, uint32_t part) {
  weir_finding *f = weir_find(v, WEIR_S("attachment"), WEIR_S("too-large"));
  f->explanation = explanation;
  f->part = part;
  f->action = WEIR_ACTION_REJECT;
  f->code = 552;
  f->enhanced = WEIR_S("5.3.4");
  f->text = WEIR_S("An attachment is too large");
}

static weir_str sizes(uint64_t size, uint64_t limit) {
  weir_str s = weir_cat(weir_decimal((int64_t)size), WEIR_S(" octets, and the limit is "));
  return weir_cat(s, weir_decimal((int64_t)limit));
}

static int on_message(weir_call *c, weir_verdict *v) {
  const settings *cfg = weir_config(c, read_settings);
  if (!cfg) return WEIR_UNAVAILABLE; /* the policy's on_error says what becomes of the message */
  const weir_part_list *parts;
  int n = weir_parts(c, &parts);
  if (n < 0) return n;
  uint64_t total = 0;
  for (uint32_t i = 0; i < parts->parts.len; i++) {
    const weir_part *p = &parts->parts.items[i];
    if (!p->attachment || excepted(cfg, p)) continue;
    total += p->size;
    if (p->size > cfg->limit) refuse(v, weir_cat(WEIR_S("the attachment has "), sizes(p->size, cfg->limit)), p->index + 1);
  }
  if (total > cfg->total) refuse(v, weir_cat(WEIR_S("the attachments have "), sizes(total, cfg->total)), 0);
  return 0;
}

WEIR_PLUGIN({WEIR_STAGE_MESSAGE, on_message})
