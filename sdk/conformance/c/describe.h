/* Gives the fields of an event by their names in this language. */

static void put(weir_value *list, weir_value v) { *weir_push(&list->items) = v; }
static void put_s(weir_value *list, weir_str s) { put(list, (weir_value){.kind = WEIR_VALUE_KIND_STRING, .string = s}); }
static void put_n(weir_value *list, uint64_t n) { put_s(list, weir_decimal((int64_t)n)); }
static void put_b(weir_value *list, weir_bool b) { put(list, (weir_value){.kind = WEIR_VALUE_KIND_BOOL, .bool_ = b}); }

static weir_value describe(const weir_event *e) {
  weir_value v = {.kind = WEIR_VALUE_KIND_LIST}, to = {.kind = WEIR_VALUE_KIND_LIST};
  const weir_client *c = &e->client;
  const weir_attempt *a = &e->attempt;
  put_n(&v, e->stage), put_n(&v, e->config_id), put_s(&v, e->id), put_s(&v, e->tenant), put_n(&v, e->direction);
  put_s(&v, c->ip), put_n(&v, c->port), put_s(&v, c->name), put_s(&v, c->helo), put_b(&v, c->esmtp);
  put_s(&v, c->tls_version), put_s(&v, c->tls_cipher), put_s(&v, c->auth_user), put_s(&v, c->listener);
  for (uint32_t i = 0; i < e->recipients.len; i++) put_s(&to, e->recipients.items[i]);
  put_s(&v, e->sender), put_s(&v, e->recipient), put(&v, to), put_n(&v, e->size), put_n(&v, e->part_count);
  put_b(&v, e->malformed), put_n(&v, e->received_unix_ms), put_s(&v, e->filter);
  put_n(&v, a->number), put_n(&v, a->result), put_n(&v, a->code), put_s(&v, a->enhanced), put_s(&v, a->text);
  put_s(&v, a->host), put_s(&v, a->addr), put_n(&v, a->next_unix_ms), put_s(&v, e->name), put_s(&v, e->actor);
  for (uint32_t i = 0; i < e->message.len; i++) {
    const weir_message_info *m = &e->message.items[i];
    put_s(&v, m->id), put_s(&v, m->sender), put_s(&v, m->subject), put_b(&v, m->has_body);
    for (uint32_t k = 0; k < m->recipients.len; k++) {
      const weir_recipient_info *r = &m->recipients.items[k];
      put_s(&v, r->address), put_s(&v, r->status), put(&v, (weir_value){.kind = WEIR_VALUE_KIND_NUMBER, .number = r->score});
      put_s(&v, r->reply);
    }
  }
  return v;
}
