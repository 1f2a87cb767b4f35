/* weir.h: write a plugin for the Weir mail filtering gateway in C.
 *
 *   #define WEIR_IMPLEMENTATION
 *   #include "weir.h"
 *
 *   static int on_message(weir_call *c, weir_verdict *v) {
 *     weir_str subject;
 *     if (weir_header_get(c, WEIR_S("Subject"), 0, &subject) >= 0 && !subject.len)
 *       weir_find(v, WEIR_S("spam"), WEIR_S("empty-subject"))->score = 1;
 *     return 0;
 *   }
 *
 *   WEIR_PLUGIN({WEIR_STAGE_MESSAGE, on_message})
 *
 * Built without a C library, compiled and linked in two steps (a clang that
 * links by itself runs any old wasm-opt on the PATH):
 *
 *   clang --target=wasm32 -std=c11 -Os -ffreestanding -mbulk-memory -c plugin.c -o plugin.o
 *   wasm-ld --no-entry --stack-first -z stack-size=65536 --strip-all plugin.o -o plugin.wasm
 *
 * One file of the plugin defines WEIR_IMPLEMENTATION. Plugins classify and
 * recommend; the operator's policy disposes.
 *
 * Memory: what weir_alloc gives, and every string and list of this header, lives
 * until the hook returns. What must last longer goes into weir_config, notes or
 * KV. When memory ends, the instance does: nothing here returns a null pointer
 * for want of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_H
#define WEIR_H

#include <stddef.h>
#include <stdint.h>

/* Octets, UTF-8 almost always, since SMTP does not promise it; no 0 at the end. */
typedef struct {
  const char *ptr;
  uint32_t len;
} weir_str;

typedef struct {
  weir_str *items;
  uint32_t len, cap;
} weir_str_array;

/* Octets that grow by the weir_put functions. */
typedef struct {
  char *ptr;
  uint32_t len, cap;
} weir_buf;

typedef uint8_t weir_bool;

/* A string literal as a weir_str. */
#define WEIR_S(literal) ((weir_str){"" literal, sizeof(literal) - 1})

/* BEGIN generated types: from weir1.schema by sdk/abi/gen. DO NOT EDIT. */

enum {
  WEIR_STAGE_CONNECT = 1,
  WEIR_STAGE_HELO = 2,
  WEIR_STAGE_AUTH = 3,
  WEIR_STAGE_MAIL_FROM = 4,
  WEIR_STAGE_RCPT_TO = 5,
  WEIR_STAGE_DATA = 6,
  WEIR_STAGE_HEADERS = 7,
  WEIR_STAGE_MESSAGE = 8,
  WEIR_STAGE_QUEUED = 9,
  WEIR_STAGE_DELIVERY = 10,
  WEIR_STAGE_HOLD_EVENT = 11,
  WEIR_STAGE_SCHEDULE = 12,
  WEIR_STAGE_ACTION = 13,
};

enum {
  WEIR_ACTION_CONTINUE = 0,
  WEIR_ACTION_ACCEPT = 1,
  WEIR_ACTION_REDIRECT = 2,
  WEIR_ACTION_QUARANTINE = 3,
  WEIR_ACTION_STALL = 4,
  WEIR_ACTION_DISCARD = 5,
  WEIR_ACTION_TEMPFAIL = 6,
  WEIR_ACTION_REJECT = 7,
  WEIR_ACTION_DISCONNECT = 8,
};

enum {
  WEIR_DIRECTION_INBOUND = 0,
  WEIR_DIRECTION_OUTBOUND = 1,
};

enum {
  WEIR_HEADER_OP_ADD = 0,
  WEIR_HEADER_OP_REPLACE = 1,
  WEIR_HEADER_OP_REMOVE = 2,
};

/* What is done to a part's decoded content; prepend and append keep the rest. */
enum {
  WEIR_PART_OP_REPLACE = 0,
  WEIR_PART_OP_REMOVE = 1,
  WEIR_PART_OP_PREPEND = 2,
  WEIR_PART_OP_APPEND = 3,
};

enum {
  WEIR_DELIVERY_RESULT_NONE = 0,
  WEIR_DELIVERY_RESULT_DELIVERED = 1,
  WEIR_DELIVERY_RESULT_DEFERRED = 2,
  WEIR_DELIVERY_RESULT_FAILED = 3,
  WEIR_DELIVERY_RESULT_EXPIRED = 4,
  WEIR_DELIVERY_RESULT_BOUNCED = 5,
};

enum {
  WEIR_VALUE_KIND_NULL = 0,
  WEIR_VALUE_KIND_BOOL = 1,
  WEIR_VALUE_KIND_NUMBER = 2,
  WEIR_VALUE_KIND_STRING = 3,
  WEIR_VALUE_KIND_LIST = 4,
  WEIR_VALUE_KIND_OBJECT = 5,
};

enum {
  WEIR_LOG_LEVEL_DEBUG = 0,
  WEIR_LOG_LEVEL_INFO = 1,
  WEIR_LOG_LEVEL_WARN = 2,
  WEIR_LOG_LEVEL_ERROR = 3,
};

/* Pattern sets, compiled once by the host for a config_id and a number the
   plugin chooses (match_define), then matched natively (match, match_text). */
enum {
  WEIR_PATTERN_KIND_LITERAL = 0,
  WEIR_PATTERN_KIND_REGEXP = 1,
  WEIR_PATTERN_KIND_WILDCARD = 2,
};

enum {
  WEIR_HASH_SHA256 = 1,
  WEIR_HASH_SHA1 = 2,
  WEIR_HASH_MD5 = 3,
};

enum {
  WEIR_DNS_CODE_OK = 0,
  WEIR_DNS_CODE_NOT_FOUND = 1,
  WEIR_DNS_CODE_NO_DATA = 2,
  WEIR_DNS_CODE_FAILED = 3,
};

/* kv_batch: many operations in one call; reply_read gives the results in step. */
enum {
  WEIR_KV_OP_GET = 0,
  WEIR_KV_OP_SET = 1,
  WEIR_KV_OP_DELETE = 2,
  WEIR_KV_OP_ADD = 3,
};

/* Lists: len items at items. Make them yourself (cap 0), or let weir_push grow
   them. */
typedef struct weir_pair weir_pair;
typedef struct { weir_pair *items; uint32_t len, cap; } weir_pair_array;
typedef struct weir_header weir_header;
typedef struct { weir_header *items; uint32_t len, cap; } weir_header_array;
typedef struct weir_init weir_init;
typedef struct { weir_init *items; uint32_t len, cap; } weir_init_array;
typedef struct weir_client weir_client;
typedef struct { weir_client *items; uint32_t len, cap; } weir_client_array;
typedef struct weir_attempt weir_attempt;
typedef struct { weir_attempt *items; uint32_t len, cap; } weir_attempt_array;
typedef struct weir_event weir_event;
typedef struct { weir_event *items; uint32_t len, cap; } weir_event_array;
typedef struct weir_part weir_part;
typedef struct { weir_part *items; uint32_t len, cap; } weir_part_array;
typedef struct weir_part_list weir_part_list;
typedef struct { weir_part_list *items; uint32_t len, cap; } weir_part_list_array;
typedef struct weir_header_list weir_header_list;
typedef struct { weir_header_list *items; uint32_t len, cap; } weir_header_list_array;
typedef struct weir_finding weir_finding;
typedef struct { weir_finding *items; uint32_t len, cap; } weir_finding_array;
typedef struct weir_header_edit weir_header_edit;
typedef struct { weir_header_edit *items; uint32_t len, cap; } weir_header_edit_array;
typedef struct weir_part_edit weir_part_edit;
typedef struct { weir_part_edit *items; uint32_t len, cap; } weir_part_edit_array;
typedef struct weir_recipient_action weir_recipient_action;
typedef struct { weir_recipient_action *items; uint32_t len, cap; } weir_recipient_action_array;
typedef struct weir_hold weir_hold;
typedef struct { weir_hold *items; uint32_t len, cap; } weir_hold_array;
typedef struct weir_waiver weir_waiver;
typedef struct { weir_waiver *items; uint32_t len, cap; } weir_waiver_array;
typedef struct weir_verdict weir_verdict;
typedef struct { weir_verdict *items; uint32_t len, cap; } weir_verdict_array;
typedef struct weir_value weir_value;
typedef struct { weir_value *items; uint32_t len, cap; } weir_value_array;
typedef struct weir_lookup_request weir_lookup_request;
typedef struct { weir_lookup_request *items; uint32_t len, cap; } weir_lookup_request_array;
typedef struct weir_lookup_result weir_lookup_result;
typedef struct { weir_lookup_result *items; uint32_t len, cap; } weir_lookup_result_array;
typedef struct weir_pattern weir_pattern;
typedef struct { weir_pattern *items; uint32_t len, cap; } weir_pattern_array;
typedef struct weir_pattern_set weir_pattern_set;
typedef struct { weir_pattern_set *items; uint32_t len, cap; } weir_pattern_set_array;
typedef struct weir_recipient_info weir_recipient_info;
typedef struct { weir_recipient_info *items; uint32_t len, cap; } weir_recipient_info_array;
typedef struct weir_message_info weir_message_info;
typedef struct { weir_message_info *items; uint32_t len, cap; } weir_message_info_array;
typedef struct weir_dns_question weir_dns_question;
typedef struct { weir_dns_question *items; uint32_t len, cap; } weir_dns_question_array;
typedef struct weir_dns_request weir_dns_request;
typedef struct { weir_dns_request *items; uint32_t len, cap; } weir_dns_request_array;
typedef struct weir_dns_answer weir_dns_answer;
typedef struct { weir_dns_answer *items; uint32_t len, cap; } weir_dns_answer_array;
typedef struct weir_dns_response weir_dns_response;
typedef struct { weir_dns_response *items; uint32_t len, cap; } weir_dns_response_array;
typedef struct weir_http_request weir_http_request;
typedef struct { weir_http_request *items; uint32_t len, cap; } weir_http_request_array;
typedef struct weir_http_response weir_http_response;
typedef struct { weir_http_response *items; uint32_t len, cap; } weir_http_response_array;
typedef struct weir_kv_request weir_kv_request;
typedef struct { weir_kv_request *items; uint32_t len, cap; } weir_kv_request_array;
typedef struct weir_kv_batch weir_kv_batch;
typedef struct { weir_kv_batch *items; uint32_t len, cap; } weir_kv_batch_array;
typedef struct weir_kv_result weir_kv_result;
typedef struct { weir_kv_result *items; uint32_t len, cap; } weir_kv_result_array;
typedef struct weir_kv_batch_result weir_kv_batch_result;
typedef struct { weir_kv_batch_result *items; uint32_t len, cap; } weir_kv_batch_result_array;
typedef struct weir_schedule_request weir_schedule_request;
typedef struct { weir_schedule_request *items; uint32_t len, cap; } weir_schedule_request_array;
typedef struct weir_message_order weir_message_order;
typedef struct { weir_message_order *items; uint32_t len, cap; } weir_message_order_array;
typedef struct weir_submission weir_submission;
typedef struct { weir_submission *items; uint32_t len, cap; } weir_submission_array;

struct weir_pair {
  weir_str key;
  weir_str value;
};

struct weir_header {
  weir_str name;
  weir_str value;
};

/* What weir_init reads by event_read. */
struct weir_init {
  uint32_t host_minor;
  weir_str_array features;
  uint64_t memory_limit;
  uint64_t deadline_ms;
  weir_str plugin; /* name by the manifest: which of its plugins a program with several is to be */
};

struct weir_client {
  weir_str ip;
  uint32_t port;
  weir_str name;
  weir_str helo;
  weir_bool esmtp;
  weir_str tls_version;
  weir_str tls_cipher;
  weir_str auth_user;
  weir_str listener;
};

struct weir_attempt {
  uint32_t number;
  uint32_t result; /* WEIR_DELIVERY_RESULT_* */
  uint32_t code;
  weir_str enhanced;
  weir_str text;
  weir_str host;
  weir_str addr;
  uint64_t next_unix_ms;
};

/* What weir_hook reads by event_read. */
struct weir_event {
  uint32_t stage; /* WEIR_STAGE_* */
  uint64_t config_id;
  weir_str id; /* message ID, or the session's before DATA */
  weir_str tenant; /* "" before the tenant is known */
  uint32_t direction; /* WEIR_DIRECTION_* */
  weir_client client;
  weir_str sender; /* reverse-path, "" for the null path */
  weir_str recipient; /* rcpt_to: the one at hand; delivery: the one concerned */
  weir_str_array recipients; /* all accepted so far; at message: those of this tenant */
  uint64_t size; /* octets; at mail_from the declared SIZE */
  uint32_t part_count; /* parts_read has them */
  weir_bool malformed; /* the MIME structure is uncertain */
  uint64_t received_unix_ms;
  weir_pair_array notes; /* the plugin's own, from earlier stages of this session */
  weir_str filter; /* name of the HCL filter block */
  weir_attempt attempt; /* stage delivery */
  weir_str name; /* action, schedule, hold_event: what is called or happened */
  weir_str payload; /* action: parameters as a Value; schedule: as given */
  weir_message_info_array message; /* action, schedule, hold_event: what is recorded of the message; one or none */
  weir_str actor; /* action: who called it: a user, "policy FILE:LINE" */
};

/* One MIME part of the message, as the host parsed it (parts_read: PartList). */
struct weir_part {
  uint32_t index;
  uint32_t parent;
  uint32_t depth;
  weir_str type; /* lower-case media type, "text/plain" where none was given */
  weir_str charset;
  weir_str disposition;
  weir_str filename;
  weir_str content_id;
  weir_str encoding;
  uint64_t size; /* octets after transfer decoding */
  weir_bool malformed; /* encoding or structure broken: what can be read may not be all */
  weir_str number; /* IMAP-style, "2.1" */
  weir_bool attachment; /* has a file name or is not inline text */
  weir_str magic; /* media type found from the content, "" unknown */
  weir_str_array names; /* where readers may see different file names: each of them, filename first */
};

struct weir_part_list {
  weir_part_array parts;
  weir_bool malformed;
};

struct weir_header_list {
  weir_header_array headers;
};

struct weir_finding {
  weir_str main;
  weir_str sub;
  weir_str extra;
  double score;
  weir_str explanation;
  uint32_t part; /* index of the part + 1; 0 none */
  weir_str path; /* inside an archive */
  uint32_t action; /* WEIR_ACTION_* what the plugin recommends because of this finding */
  uint32_t code;
  weir_str enhanced;
  weir_str text; /* the reply it proposes with it */
};

struct weir_header_edit {
  uint32_t op; /* WEIR_HEADER_OP_* */
  weir_str name;
  int32_t index;
  weir_str value;
};

/* A staged change of one part (of a leaf, or for remove of any part but the
   root). The content is text followed by what body_write gave for the part. */
struct weir_part_edit {
  uint32_t op; /* WEIR_PART_OP_* */
  uint32_t part;
  weir_str type; /* replace: media type of the new content, "" text/plain in UTF-8 */
  weir_str filename; /* replace: "" none */
  weir_str text;
};

struct weir_recipient_action {
  weir_str recipient;
  uint32_t action; /* WEIR_ACTION_* */
  uint32_t code;
  weir_str enhanced;
  weir_str text;
  weir_str redirect;
};

struct weir_hold {
  uint64_t until_unix_ms;
  weir_str reason;
  weir_str key;
};

/* An allow: findings of these classes ("spam", "list/sender", "*") are dropped. */
struct weir_waiver {
  weir_str_array classes;
  weir_str reason;
};

/* What weir_hook writes by result_write. */
struct weir_verdict {
  uint32_t action; /* WEIR_ACTION_* recommendation as a whole, where no finding says why */
  uint32_t code;
  weir_str enhanced;
  weir_str text;
  weir_finding_array findings;
  weir_str_array tags;
  weir_header_edit_array edits;
  weir_recipient_action_array recipients;
  weir_str_array redirect;
  weir_hold hold;
  weir_str route;
  uint64_t delay_ms;
  weir_pair_array notes;
  weir_waiver_array waivers;
  weir_part_edit_array part_edits;
  weir_bool keep_original; /* keep the message as it came in quarantine, beside what is delivered with part_edits */
  weir_pair_array results; /* action: what is shown to the one who called it, beside text */
};

/* A typed configuration value (config_read gives one, an object). */
struct weir_value {
  uint32_t kind; /* WEIR_VALUE_KIND_* */
  weir_bool bool_;
  double number;
  weir_str string;
  weir_str_array keys; /* object: names, in step with items */
  weir_value_array items; /* list, object */
};

/* list_lookup: keys in, the first that hits out. */
struct weir_lookup_request {
  weir_str list;
  weir_str_array keys;
};

struct weir_lookup_result {
  weir_bool found;
  weir_str key;
  weir_str value;
};

struct weir_pattern {
  uint32_t kind; /* WEIR_PATTERN_KIND_* */
  weir_str text;
  weir_bool fold;
};

struct weir_pattern_set {
  weir_pattern_array patterns;
};

/* What is recorded of one recipient of a message. */
struct weir_recipient_info {
  uint32_t n;
  weir_str address;
  weir_str tenant;
  weir_str status;
  weir_str class; /* "main/sub/extra" */
  double score;
  weir_str reason;
  weir_finding_array findings;
  uint32_t attempts;
  weir_str reply;
};

/* What is recorded of a message (Event.message, message_get). */
struct weir_message_info {
  weir_str id;
  uint32_t direction; /* WEIR_DIRECTION_* */
  weir_str sender;
  uint64_t received_unix_ms;
  uint64_t size;
  weir_str from;
  weir_str to;
  weir_str cc;
  weir_str subject;
  weir_str message_id;
  weir_str_array attachments;
  weir_bool has_body;
  weir_recipient_info_array recipients; /* those of the tenant of the call */
};

/* dns_query: several questions at once; reply_read gives the answers in step. */
struct weir_dns_question {
  weir_str name;
  weir_str type;
};

struct weir_dns_request {
  weir_dns_question_array questions;
};

struct weir_dns_answer {
  uint32_t code; /* WEIR_DNS_CODE_* */
  weir_str_array records;
  uint32_t ttl_s;
  weir_bool secure;
};

struct weir_dns_response {
  weir_dns_answer_array answers;
};

/* http_fetch; reply_read gives the response. Redirects are not followed. */
struct weir_http_request {
  weir_str method;
  weir_str url;
  weir_header_array headers;
  weir_str body;
  uint32_t body_part; /* send a part as the body: 0 no, 1 the raw message, 2 + its index */
  uint32_t timeout_ms; /* 0: what is left of the call */
  uint32_t max_body; /* octets of the response's body that are kept, 0: 64 KiB; at most 4 MiB */
};

struct weir_http_response {
  uint32_t status;
  weir_header_array headers;
  weir_str body;
  weir_bool truncated;
};

struct weir_kv_request {
  uint32_t op; /* WEIR_KV_OP_* */
  weir_str key;
  weir_str value;
  int64_t delta;
  uint64_t ttl_ms;
};

struct weir_kv_batch {
  weir_kv_request_array ops;
};

struct weir_kv_result {
  weir_bool found;
  weir_str value;
  int64_t number;
};

struct weir_kv_batch_result {
  weir_kv_result_array results;
};

/* schedule: a call of stage schedule at a time, at least once, durable. The
   same name and key again replaces what was there; at 0 drops it. */
struct weir_schedule_request {
  uint64_t at_unix_ms;
  weir_str name;
  weir_str key;
  weir_str payload;
  weir_str message;
};

/* message_get, message_release, message_reject, message_delete: of the tenant
   of the call alone. recipient 0: all that the verb applies to. */
struct weir_message_order {
  weir_str id;
  uint32_t recipient;
  weir_str reason;
};

/* message_submit: a notice in the tenant's name, sent as ordinary queued mail
   with a null reverse-path. reply_read gives its ID. */
struct weir_submission {
  weir_str_array to;
  weir_str subject;
  weir_str text;
  weir_header_array headers;
  weir_str parent;
};

int weir_pair_decode(weir_pair *v, weir_str b);
void weir_pair_append(weir_buf *b, const weir_pair *v);
int weir_header_decode(weir_header *v, weir_str b);
void weir_header_append(weir_buf *b, const weir_header *v);
int weir_init_decode(weir_init *v, weir_str b);
void weir_init_append(weir_buf *b, const weir_init *v);
int weir_client_decode(weir_client *v, weir_str b);
void weir_client_append(weir_buf *b, const weir_client *v);
int weir_attempt_decode(weir_attempt *v, weir_str b);
void weir_attempt_append(weir_buf *b, const weir_attempt *v);
int weir_event_decode(weir_event *v, weir_str b);
void weir_event_append(weir_buf *b, const weir_event *v);
int weir_part_decode(weir_part *v, weir_str b);
void weir_part_append(weir_buf *b, const weir_part *v);
int weir_part_list_decode(weir_part_list *v, weir_str b);
void weir_part_list_append(weir_buf *b, const weir_part_list *v);
int weir_header_list_decode(weir_header_list *v, weir_str b);
void weir_header_list_append(weir_buf *b, const weir_header_list *v);
int weir_finding_decode(weir_finding *v, weir_str b);
void weir_finding_append(weir_buf *b, const weir_finding *v);
int weir_header_edit_decode(weir_header_edit *v, weir_str b);
void weir_header_edit_append(weir_buf *b, const weir_header_edit *v);
int weir_part_edit_decode(weir_part_edit *v, weir_str b);
void weir_part_edit_append(weir_buf *b, const weir_part_edit *v);
int weir_recipient_action_decode(weir_recipient_action *v, weir_str b);
void weir_recipient_action_append(weir_buf *b, const weir_recipient_action *v);
int weir_hold_decode(weir_hold *v, weir_str b);
void weir_hold_append(weir_buf *b, const weir_hold *v);
int weir_waiver_decode(weir_waiver *v, weir_str b);
void weir_waiver_append(weir_buf *b, const weir_waiver *v);
int weir_verdict_decode(weir_verdict *v, weir_str b);
void weir_verdict_append(weir_buf *b, const weir_verdict *v);
int weir_value_decode(weir_value *v, weir_str b);
void weir_value_append(weir_buf *b, const weir_value *v);
int weir_lookup_request_decode(weir_lookup_request *v, weir_str b);
void weir_lookup_request_append(weir_buf *b, const weir_lookup_request *v);
int weir_lookup_result_decode(weir_lookup_result *v, weir_str b);
void weir_lookup_result_append(weir_buf *b, const weir_lookup_result *v);
int weir_pattern_decode(weir_pattern *v, weir_str b);
void weir_pattern_append(weir_buf *b, const weir_pattern *v);
int weir_pattern_set_decode(weir_pattern_set *v, weir_str b);
void weir_pattern_set_append(weir_buf *b, const weir_pattern_set *v);
int weir_recipient_info_decode(weir_recipient_info *v, weir_str b);
void weir_recipient_info_append(weir_buf *b, const weir_recipient_info *v);
int weir_message_info_decode(weir_message_info *v, weir_str b);
void weir_message_info_append(weir_buf *b, const weir_message_info *v);
int weir_dns_question_decode(weir_dns_question *v, weir_str b);
void weir_dns_question_append(weir_buf *b, const weir_dns_question *v);
int weir_dns_request_decode(weir_dns_request *v, weir_str b);
void weir_dns_request_append(weir_buf *b, const weir_dns_request *v);
int weir_dns_answer_decode(weir_dns_answer *v, weir_str b);
void weir_dns_answer_append(weir_buf *b, const weir_dns_answer *v);
int weir_dns_response_decode(weir_dns_response *v, weir_str b);
void weir_dns_response_append(weir_buf *b, const weir_dns_response *v);
int weir_http_request_decode(weir_http_request *v, weir_str b);
void weir_http_request_append(weir_buf *b, const weir_http_request *v);
int weir_http_response_decode(weir_http_response *v, weir_str b);
void weir_http_response_append(weir_buf *b, const weir_http_response *v);
int weir_kv_request_decode(weir_kv_request *v, weir_str b);
void weir_kv_request_append(weir_buf *b, const weir_kv_request *v);
int weir_kv_batch_decode(weir_kv_batch *v, weir_str b);
void weir_kv_batch_append(weir_buf *b, const weir_kv_batch *v);
int weir_kv_result_decode(weir_kv_result *v, weir_str b);
void weir_kv_result_append(weir_buf *b, const weir_kv_result *v);
int weir_kv_batch_result_decode(weir_kv_batch_result *v, weir_str b);
void weir_kv_batch_result_append(weir_buf *b, const weir_kv_batch_result *v);
int weir_schedule_request_decode(weir_schedule_request *v, weir_str b);
void weir_schedule_request_append(weir_buf *b, const weir_schedule_request *v);
int weir_message_order_decode(weir_message_order *v, weir_str b);
void weir_message_order_append(weir_buf *b, const weir_message_order *v);
int weir_submission_decode(weir_submission *v, weir_str b);
void weir_submission_append(weir_buf *b, const weir_submission *v);
/* END generated types */

/* Results of functions below that are negative; others are lengths, counts or 0. */
enum {
  WEIR_NOT_FOUND = -1,    /* no such key, list, part or configuration */
  WEIR_DENIED = -2,       /* the grant is not given, or does not name this */
  WEIR_TOO_LARGE = -3,    /* more than the host takes */
  WEIR_TIMEOUT = -4,      /* the call's time is over */
  WEIR_BAD_ARGUMENT = -5, /* the host does not understand what it was asked */
  WEIR_UNAVAILABLE = -6,  /* not to be had here or now */
  WEIR_MALFORMED = -7     /* what came is not the record it should be */
};

/* What weir_*_decode give where it is not 0. */
enum {
  WEIR_DECODE_SHORT = 1, /* a field, or the record itself, goes past the end */
  WEIR_DECODE_COUNT = 2, /* a list claims more items than there is room for */
  WEIR_DECODE_DEPTH = 3, /* records nest deeper than WEIR_MAX_DEPTH */
  WEIR_DECODE_TAIL = 4   /* bytes follow the record */
};
#define WEIR_MAX_DEPTH 64

/* The part number of the message as it came, header and body. */
#define WEIR_PART_RAW (-1)

/* One call of a hook: the event, and the host's services for its length. */
typedef struct {
  weir_event event;
  weir_str failure; /* set by weir_fail */
  int failed;       /* the hook fails whatever it returns */
  const weir_header_list *headers;
  const weir_part_list *parts;
} weir_call;

/* A hook writes what it found to v; an untouched v is "continue". It gives 0, or
   a negative number: it could not judge, and the policy's on_error applies.
   Instances run one call at a time, in any order of sessions. */
typedef int weir_hook(weir_call *c, weir_verdict *v);

typedef struct {
  uint32_t stage;
  weir_hook *hook;
} weir_hook_entry;

extern const weir_hook_entry weir_hooks[];
extern const uint32_t weir_hook_count;
extern int (*const weir_on_init)(const weir_init *in);

/* The plugin's hooks by stage: WEIR_PLUGIN({WEIR_STAGE_MESSAGE, on_message}). They
   must agree with the manifest. */
#define WEIR_PLUGIN(...) WEIR_PLUGIN_WITH_INIT(0, __VA_ARGS__)

/* As WEIR_PLUGIN, with a function that runs once per instance, before any hook; it
   gives 0, or a negative number where the instance cannot start. */
#define WEIR_PLUGIN_WITH_INIT(init, ...)                                      \
  const weir_hook_entry weir_hooks[] = {__VA_ARGS__};                         \
  const uint32_t weir_hook_count = sizeof weir_hooks / sizeof weir_hooks[0];  \
  int (*const weir_on_init)(const weir_init *) = init;

/* Says why the hook fails, for the log; to be returned: return weir_fail(...). */
int weir_fail(weir_call *c, weir_str why);
/* The words for a negative result. */
weir_str weir_error_name(int code);
/* What the host says about the last host call that failed. */
weir_str weir_last_error(void);
/* Ends the instance, with a log line. */
_Noreturn void weir_panic(weir_str why);

/* Memory until the hook returns, zeroed. */
void *weir_alloc(uint32_t size);
/* A new zeroed item at the end of a list: weir_push(&v->tags). */
#define weir_push(list) \
  ((list)->items = weir__grow((list)->items, (list)->len, &(list)->cap, sizeof *(list)->items), &(list)->items[(list)->len++])
void *weir__grow(void *items, uint32_t len, uint32_t *cap, uint32_t size);

/* Strings. */
int weir_eq(weir_str a, weir_str b);
int weir_eq_fold(weir_str a, weir_str b); /* without regard to ASCII case */
int weir_has_prefix(weir_str s, weir_str prefix);
int weir_has_suffix(weir_str s, weir_str suffix);
weir_str weir_cat(weir_str a, weir_str b);
weir_str weir_decimal(int64_t n);
weir_str weir_cstr(const char *s);
void weir_put(weir_buf *b, weir_str s);
weir_str weir_str_of(const weir_buf *b);

/* Values: configuration and action parameters. The host has checked them by the
   manifest's schema and filled its defaults in; durations are milliseconds, sizes
   octets. weir_attr gives null where there is no such attribute; a string stands for
   a list of one in weir_strings. */
const weir_value *weir_attr(const weir_value *object, weir_str name);
weir_str_array weir_strings(const weir_value *v);
/* The parameters of an action, an object; null where the event has none. */
int weir_params(weir_call *c, weir_value *out);
int weir_config_value(weir_call *c, weir_value *out);

/* The configuration of the filter block at hand as the plugin's own type. build
   runs once per configuration and instance, and what it allocates is kept with
   the configuration; v too. A null pointer says that the configuration cannot be
   used, and weir_fail why. */
typedef void *weir_build(weir_call *c, const weir_value *v);
void *weir_config(weir_call *c, weir_build *build);

/* Log: 64 lines a call are kept, 1 KiB of each. Never a body or a credential. */
void weir_log(uint32_t level, weir_str line);
int weir_log_enabled(uint32_t level);
/* Adds to a counter of the plugin's, shown in the gateway's metrics. */
int weir_count(weir_str name, int64_t delta);

/* A note that the plugin left at an earlier stage of this session; 0 where there
   is none. */
int weir_note_of(const weir_call *c, weir_str key, weir_str *out);

/* The message. Headers are there at stages headers and later, unfolded. When the
   header cannot be read (anything but WEIR_NOT_FOUND), the hook fails as a whole:
   what could not be looked at is never clean. */
int weir_headers(weir_call *c, const weir_header_list **out);
int weir_header_get(weir_call *c, weir_str name, uint32_t nth, weir_str *out);
int weir_parts(weir_call *c, const weir_part_list **out);
/* Reads a part's decoded content (WEIR_PART_RAW: the message as it came) from an
   offset; gives how much, 0 at the end. */
int32_t weir_read_part(weir_call *c, int32_t part, int64_t offset, void *to, uint32_t cap);
/* The digest, made by the host; gives its length, at most 32. */
int weir_digest(weir_call *c, int32_t part, uint32_t hash, uint8_t to[32]);
/* Appends to the content that is staged for a part_edit of the part, for edits too
   large for the verdict; gives how much there is so far. */
int32_t weir_stage_part(weir_call *c, int32_t part, weir_str content);

/* Reads one part through a small window, so that many small reads near one another
   cost one host call. */
#define WEIR_WINDOW 8192
typedef struct {
  weir_call *call;
  int32_t part;
  uint64_t size; /* octets after transfer decoding */
  int64_t off;   /* of the window */
  uint32_t have;
  char *window;
} weir_reader;
weir_reader weir_open(weir_call *c, const weir_part *p);
weir_reader weir_open_raw(weir_call *c);
/* Fills `to` from an offset; gives less only at the end. */
int32_t weir_read_at(weir_reader *r, int64_t offset, void *to, uint32_t cap);

/* Patterns: a set the host compiles once for the filter's configuration and matches
   natively. The number tells the plugin's sets of one configuration apart. hits has
   room for one number per pattern; the result is how many were found, ascending. */
typedef struct {
  uint32_t number;
  weir_pattern_set set;
} weir_patterns;
int weir_match_part(weir_call *c, const weir_patterns *p, int32_t part, uint32_t *hits);
int weir_match_text(weir_call *c, const weir_patterns *p, weir_str text, uint32_t *hits);

/* Grant lists: asks a list for the first of keys it has. */
int weir_lookup(weir_call *c, weir_str list, const weir_str *keys, uint32_t count, weir_lookup_result *out);

/* Grant kv: the plugin's own store, per tenant. Keys have 1 to 512 octets, values at
   most 64 KiB; a TTL is milliseconds, 0 for ever. */
int weir_kv_get(weir_call *c, weir_str key, weir_str *out);
int weir_kv_set(weir_call *c, weir_str key, weir_str value, uint64_t ttl_ms);
/* Stores value if the key holds old; old null means absent. 1 done, 0 not. */
int weir_kv_cas(weir_call *c, weir_str key, const weir_str *old, weir_str value, uint64_t ttl_ms);
int weir_kv_delete(weir_call *c, weir_str key);
int weir_kv_add(weir_call *c, weir_str key, int64_t delta, uint64_t ttl_ms, int64_t *out);
/* At most 1,000 operations (256 KiB of requests) in one call, in order; the results
   are in step. */
int weir_kv_many(weir_call *c, const weir_kv_request *ops, uint32_t count, weir_kv_result_array *out);

/* Grant dns: at most 32 questions at once, the answers in step. What the DNS does
   not tell is no error but the answer's code. */
int weir_dns(weir_call *c, const weir_dns_question *questions, uint32_t count, weir_dns_answer_array *out);
/* Grant http: one request; redirects are not followed. */
int weir_fetch(weir_call *c, const weir_http_request *req, weir_http_response *out);
/* Grant dial: "unix:/path" or "host:port"; gives a connection's number. It ends with
   the call. */
int32_t weir_dial(weir_call *c, weir_str address);
int weir_conn_write(weir_call *c, int32_t conn, weir_str b);
int64_t weir_conn_send(weir_call *c, int32_t conn, int32_t part, int64_t offset, int64_t len);
int32_t weir_conn_read(weir_call *c, int32_t conn, void *to, uint32_t cap);
int weir_conn_close(weir_call *c, int32_t conn);

/* Grant queue, of the call's tenant alone. The verbs give how many recipients
   changed. */
int weir_schedule(weir_call *c, const weir_schedule_request *r);
int weir_message(weir_call *c, weir_str id, weir_message_info *out);
int weir_release(weir_call *c, const weir_message_order *o);
int weir_reject_message(weir_call *c, const weir_message_order *o);
int weir_delete_message(weir_call *c, const weir_message_order *o);
int weir_submit(weir_call *c, const weir_submission *s, weir_str *id);

/* The verdict. All edits apply together, and only when the hook ended well. */
weir_finding *weir_find(weir_verdict *v, weir_str main, weir_str sub);
void weir_reject(weir_verdict *v, uint32_t code, weir_str enhanced, weir_str text);
void weir_tempfail(weir_verdict *v, uint32_t code, weir_str enhanced, weir_str text);
void weir_redirect_to(weir_verdict *v, weir_str address);
void weir_tag(weir_verdict *v, weir_str tag);
void weir_add_header(weir_verdict *v, weir_str name, weir_str value);
/* The index-th field of a name, from 0; -1 all. */
void weir_replace_header(weir_verdict *v, weir_str name, int32_t index, weir_str value);
void weir_remove_header(weir_verdict *v, weir_str name, int32_t index);
/* An edit of a part: op is WEIR_PART_OP_*. */
weir_part_edit *weir_edit_part(weir_verdict *v, uint32_t op, uint32_t part, weir_str content);
void weir_note(weir_verdict *v, weir_str key, weir_str value);
/* Tells the one who called an action something, beside text. */
void weir_result(weir_verdict *v, weir_str key, weir_str value);
/* Drops findings of a class by any filter: an allow. */
void weir_waive(weir_verdict *v, weir_str reason, weir_str class_);

#endif /* WEIR_H */

#if defined WEIR_IMPLEMENTATION && !defined WEIR_IMPLEMENTED
#define WEIR_IMPLEMENTED

/* The host functions of import module weir1. One that is not used is dropped by the
   linker: an import that is there needs its grant. */
#define WEIR_IMPORT(result, name, ...) \
  __attribute__((import_module("weir1"), import_name(#name))) result weir1_##name(__VA_ARGS__)
WEIR_IMPORT(int32_t, event_read, void *, uint32_t);
WEIR_IMPORT(int32_t, config_read, uint64_t, void *, uint32_t);
WEIR_IMPORT(int32_t, result_write, const void *, uint32_t);
WEIR_IMPORT(void, log, uint32_t, const void *, uint32_t);
WEIR_IMPORT(int32_t, log_level, void);
WEIR_IMPORT(int32_t, error_read, void *, uint32_t);
WEIR_IMPORT(int32_t, metric_add, const void *, uint32_t, int64_t);
WEIR_IMPORT(int32_t, headers_read, void *, uint32_t);
WEIR_IMPORT(int32_t, header_get, const void *, uint32_t, uint32_t, void *, uint32_t);
WEIR_IMPORT(int32_t, parts_read, void *, uint32_t);
WEIR_IMPORT(int32_t, body_read, int32_t, int64_t, void *, uint32_t);
WEIR_IMPORT(int32_t, body_write, int32_t, const void *, uint32_t);
WEIR_IMPORT(int32_t, part_hash, int32_t, uint32_t, void *, uint32_t);
WEIR_IMPORT(int32_t, match_define, uint64_t, uint32_t, const void *, uint32_t);
WEIR_IMPORT(int32_t, match, uint64_t, uint32_t, int32_t, void *, uint32_t);
WEIR_IMPORT(int32_t, match_text, uint64_t, uint32_t, const void *, uint32_t, void *, uint32_t);
WEIR_IMPORT(int32_t, list_lookup, const void *, uint32_t, void *, uint32_t);
WEIR_IMPORT(int32_t, kv_get, const void *, uint32_t, void *, uint32_t);
WEIR_IMPORT(int32_t, kv_set, const void *, uint32_t, const void *, uint32_t, uint64_t);
WEIR_IMPORT(int32_t, kv_cas, const void *, uint32_t, const void *, int32_t, const void *, uint32_t, uint64_t);
WEIR_IMPORT(int32_t, kv_delete, const void *, uint32_t);
WEIR_IMPORT(int32_t, kv_add, const void *, uint32_t, int64_t, uint64_t, void *);
WEIR_IMPORT(int32_t, kv_batch, const void *, uint32_t);
WEIR_IMPORT(int32_t, reply_read, void *, uint32_t);
WEIR_IMPORT(int32_t, dns_query, const void *, uint32_t);
WEIR_IMPORT(int32_t, http_fetch, const void *, uint32_t);
WEIR_IMPORT(int32_t, dial, const void *, uint32_t);
WEIR_IMPORT(int32_t, conn_write, int32_t, const void *, uint32_t);
WEIR_IMPORT(int64_t, conn_send, int32_t, int32_t, int64_t, int64_t);
WEIR_IMPORT(int32_t, conn_read, int32_t, void *, uint32_t);
WEIR_IMPORT(int32_t, conn_close, int32_t);
WEIR_IMPORT(int32_t, schedule, const void *, uint32_t);
WEIR_IMPORT(int32_t, message_get, const void *, uint32_t);
WEIR_IMPORT(int32_t, message_release, const void *, uint32_t);
WEIR_IMPORT(int32_t, message_reject, const void *, uint32_t);
WEIR_IMPORT(int32_t, message_delete, const void *, uint32_t);
WEIR_IMPORT(int32_t, message_submit, const void *, uint32_t);

/* What compilers call by themselves; a C library's win where there is one. */
#ifdef __wasm_bulk_memory__
#define WEIR__LOOP
#else
#define WEIR__LOOP __attribute__((no_builtin("memcpy", "memmove", "memset")))
#endif
__attribute__((weak)) WEIR__LOOP void *memmove(void *to, const void *from, size_t n) {
#ifdef __wasm_bulk_memory__
  return __builtin_memmove(to, from, n);
#else
  unsigned char *t = to;
  const unsigned char *f = from;
  if (t < f)
    while (n--) *t++ = *f++;
  else
    while (n--) t[n] = f[n];
  return to;
#endif
}
__attribute__((weak)) WEIR__LOOP void *memcpy(void *to, const void *from, size_t n) { return memmove(to, from, n); }
__attribute__((weak)) WEIR__LOOP void *memset(void *to, int c, size_t n) {
#ifdef __wasm_bulk_memory__
  return __builtin_memset(to, c, n);
#else
  unsigned char *t = to;
  while (n--) *t++ = (unsigned char)c;
  return to;
#endif
}
__attribute__((weak, no_builtin("memcmp"))) int memcmp(const void *a, const void *b, size_t n) {
  const unsigned char *x = a, *y = b;
  for (; n; n--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}
__attribute__((weak, no_builtin("strlen"))) size_t strlen(const char *s) {
  size_t n = 0;
  while (s[n]) n++;
  return n;
}

/* Memory: two arenas of chunks, one until the hook returns, one for what
   configurations keep. Chunks are never given back to the host, but used again. */
typedef struct weir__chunk {
  struct weir__chunk *next;
  uint32_t size, used; /* with this header */
} weir__chunk;
typedef struct {
  weir__chunk *top;
} weir__arena;
static weir__chunk *weir__free;
static weir__arena weir__calls, weir__kept, *weir__now = &weir__calls;

#define WEIR__PAGE 65536u

static weir__chunk *weir__chunk_of(uint32_t need) {
  for (weir__chunk **p = &weir__free; *p; p = &(*p)->next)
    if ((*p)->size >= need) {
      weir__chunk *c = *p;
      *p = c->next;
      return c;
    }
  uint32_t pages = 1; /* powers of two, so that they fit again */
  while (pages * WEIR__PAGE < need) pages *= 2;
  size_t at = __builtin_wasm_memory_grow(0, pages);
  if (at == (size_t)-1) weir_panic(WEIR_S("out of memory"));
  weir__chunk *c = (weir__chunk *)(at * WEIR__PAGE);
  c->size = pages * WEIR__PAGE;
  return c;
}

static void *weir__take(uint32_t size) {
  if (size > 1u << 30) weir_panic(WEIR_S("out of memory"));
  size = (size + 7) & ~7u;
  weir__chunk *c = weir__now->top;
  if (!c || c->size - c->used < size) {
    c = weir__chunk_of(size + sizeof(weir__chunk) + 4);
    c->used = (sizeof(weir__chunk) + 7) & ~7u;
    c->next = weir__now->top;
    weir__now->top = c;
  }
  void *p = (char *)c + c->used;
  c->used += size;
  return p;
}

/* Gives back what is behind n octets at p, if p was the last that was taken. */
static void weir__trim(void *p, uint32_t n) {
  weir__chunk *c = weir__now->top;
  uint32_t at = (uint32_t)((char *)p - (char *)c);
  if ((char *)p > (char *)c && at < c->used) c->used = at + ((n + 7) & ~7u);
}

static void weir__reset(weir__arena *a) {
  while (a->top) {
    weir__chunk *c = a->top;
    a->top = c->next;
    c->next = weir__free;
    weir__free = c;
  }
}

static void weir__zero(void *p, uint32_t n) { memset(p, 0, n); }

void *weir_alloc(uint32_t size) {
  void *p = weir__take(size);
  weir__zero(p, size);
  return p;
}

static void *weir__items(uint32_t n, uint32_t size) {
  if ((uint64_t)n * size > 1u << 30) weir_panic(WEIR_S("out of memory"));
  return weir__take(n * size);
}

void *weir__grow(void *items, uint32_t len, uint32_t *cap, uint32_t size) {
  if (len >= *cap) {
    *cap = len < 4 ? 4 : len * 2;
    void *more = weir__items(*cap, size);
    if (len) memcpy(more, items, len * size);
    items = more;
  }
  weir__zero((char *)items + len * size, size);
  return items;
}

int weir_eq(weir_str a, weir_str b) { return a.len == b.len && !memcmp(a.ptr, b.ptr, a.len); }

static unsigned char weir__lower(unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

int weir_eq_fold(weir_str a, weir_str b) {
  if (a.len != b.len) return 0;
  for (uint32_t i = 0; i < a.len; i++)
    if (weir__lower((unsigned char)a.ptr[i]) != weir__lower((unsigned char)b.ptr[i])) return 0;
  return 1;
}

int weir_has_prefix(weir_str s, weir_str p) { return s.len >= p.len && !memcmp(s.ptr, p.ptr, p.len); }

int weir_has_suffix(weir_str s, weir_str x) { return s.len >= x.len && !memcmp(s.ptr + s.len - x.len, x.ptr, x.len); }

static char *weir__room(weir_buf *b, uint32_t n) {
  if (b->cap - b->len < n) {
    uint32_t cap = b->cap * 2 > b->len + n ? b->cap * 2 : b->len + n;
    if (cap < 256) cap = 256;
    char *p = weir__take(cap);
    if (b->len) memcpy(p, b->ptr, b->len);
    b->ptr = p;
    b->cap = cap;
  }
  b->len += n;
  return b->ptr + b->len - n;
}

void weir_put(weir_buf *b, weir_str s) {
  if (s.len) memcpy(weir__room(b, s.len), s.ptr, s.len);
}

weir_str weir_str_of(const weir_buf *b) { return (weir_str){b->ptr, b->len}; }

weir_str weir_cat(weir_str a, weir_str b) {
  char *p = weir__take(a.len + b.len);
  memcpy(p, a.ptr, a.len);
  memcpy(p + a.len, b.ptr, b.len);
  return (weir_str){p, a.len + b.len};
}

weir_str weir_cstr(const char *s) { return (weir_str){s, (uint32_t)strlen(s)}; }

weir_str weir_decimal(int64_t n) {
  char *end = (char *)weir__take(24) + 24, *p = end;
  uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  do *--p = (char)('0' + u % 10);
  while (u /= 10);
  if (n < 0) *--p = '-';
  return (weir_str){p, (uint32_t)(end - p)};
}

/* The encoding: little-endian records, append-only. What a writer left out is
   zero, what a reader does not know is skipped. After an error every field is
   zero. */
typedef struct {
  const char *p;
  uint32_t o, end, len, depth; /* end: of the record at hand */
  int err;
} weir_decoder;

static weir_decoder weir__decoder(weir_str b) { return (weir_decoder){b.ptr, 0, b.len, b.len, 0, 0}; }

static void weir__broken(weir_decoder *d, int err) {
  if (!d->err) d->err = err;
  d->o = d->end;
}

static int weir__done(weir_decoder *d) { return d->err ? d->err : d->o != d->len ? WEIR_DECODE_TAIL : 0; }

/* A field that is missing altogether is no error (an older writer); one that is cut is. */
static int weir__get(weir_decoder *d, void *to, uint32_t n) {
  if (d->err || d->o >= d->end) return 0;
  if (d->end - d->o < n) {
    weir__broken(d, WEIR_DECODE_SHORT);
    return 0;
  }
  memcpy(to, d->p + d->o, n);
  d->o += n;
  return 1;
}

static uint32_t weir__get_u32(weir_decoder *d) {
  uint32_t v = 0;
  weir__get(d, &v, sizeof v);
  return v;
}
static inline int32_t weir__get_i32(weir_decoder *d) { return (int32_t)weir__get_u32(d); }
static uint64_t weir__get_u64(weir_decoder *d) {
  uint64_t v = 0;
  weir__get(d, &v, sizeof v);
  return v;
}
static inline int64_t weir__get_i64(weir_decoder *d) { return (int64_t)weir__get_u64(d); }
static double weir__get_f64(weir_decoder *d) {
  double v = 0;
  weir__get(d, &v, sizeof v);
  return v;
}
static weir_bool weir__get_bool(weir_decoder *d) {
  weir_bool v = 0;
  weir__get(d, &v, sizeof v);
  return v != 0;
}
static weir_str weir__get_str(weir_decoder *d) {
  uint32_t n = weir__get_u32(d);
  if (n > d->end - d->o) {
    weir__broken(d, WEIR_DECODE_SHORT);
    n = 0;
  }
  weir_str s = {d->p + d->o, n};
  d->o += n;
  return s;
}
static uint32_t weir__count(weir_decoder *d, uint32_t size) {
  uint32_t n = weir__get_u32(d);
  if (d->err) return 0;
  if ((uint64_t)n * size > d->end - d->o) {
    weir__broken(d, WEIR_DECODE_COUNT);
    return 0;
  }
  return n;
}
/* Items of lists, unlike fields, are never missing. */
static int weir__item(weir_decoder *d) {
  if (!d->err && d->o >= d->end) weir__broken(d, WEIR_DECODE_SHORT);
  return !d->err;
}
static int weir__enter(weir_decoder *d, uint32_t *outer) {
  *outer = d->end;
  if (d->err || d->o >= d->end) return 0;
  uint32_t n = weir__get_u32(d);
  if (d->err) return 0;
  if (n > d->end - d->o) {
    weir__broken(d, WEIR_DECODE_SHORT);
    return 0;
  }
  if (++d->depth > WEIR_MAX_DEPTH) {
    weir__broken(d, WEIR_DECODE_DEPTH);
    return 0;
  }
  d->end = d->o + n;
  return 1;
}
static void weir__leave(weir_decoder *d, uint32_t outer) {
  d->depth--;
  d->o = d->err ? outer : d->end;
  d->end = outer;
}

static void weir__put_u32(weir_buf *b, uint32_t v) { memcpy(weir__room(b, sizeof v), &v, sizeof v); }
static inline void weir__put_i32(weir_buf *b, int32_t v) { weir__put_u32(b, (uint32_t)v); }
static void weir__put_u64(weir_buf *b, uint64_t v) { memcpy(weir__room(b, sizeof v), &v, sizeof v); }
static inline void weir__put_i64(weir_buf *b, int64_t v) { weir__put_u64(b, (uint64_t)v); }
static void weir__put_f64(weir_buf *b, double v) { memcpy(weir__room(b, sizeof v), &v, sizeof v); }
static void weir__put_bool(weir_buf *b, weir_bool v) { *weir__room(b, 1) = v != 0; }
static void weir__put_str(weir_buf *b, weir_str s) {
  weir__put_u32(b, s.len);
  weir_put(b, s);
}
static uint32_t weir__begin(weir_buf *b) {
  weir__put_u32(b, 0);
  return b->len;
}
static void weir__end(weir_buf *b, uint32_t at) {
  uint32_t n = b->len - at;
  memcpy(b->ptr + at - 4, &n, sizeof n);
}

/* BEGIN generated codec: from weir1.schema by sdk/abi/gen. DO NOT EDIT. */
static void weir__read_pair(weir_decoder *d, weir_pair *v);
static void weir__read_header(weir_decoder *d, weir_header *v);
static void weir__read_init(weir_decoder *d, weir_init *v);
static void weir__read_client(weir_decoder *d, weir_client *v);
static void weir__read_attempt(weir_decoder *d, weir_attempt *v);
static void weir__read_event(weir_decoder *d, weir_event *v);
static void weir__read_part(weir_decoder *d, weir_part *v);
static void weir__read_part_list(weir_decoder *d, weir_part_list *v);
static void weir__read_header_list(weir_decoder *d, weir_header_list *v);
static void weir__read_finding(weir_decoder *d, weir_finding *v);
static void weir__read_header_edit(weir_decoder *d, weir_header_edit *v);
static void weir__read_part_edit(weir_decoder *d, weir_part_edit *v);
static void weir__read_recipient_action(weir_decoder *d, weir_recipient_action *v);
static void weir__read_hold(weir_decoder *d, weir_hold *v);
static void weir__read_waiver(weir_decoder *d, weir_waiver *v);
static void weir__read_verdict(weir_decoder *d, weir_verdict *v);
static void weir__read_value(weir_decoder *d, weir_value *v);
static void weir__read_lookup_request(weir_decoder *d, weir_lookup_request *v);
static void weir__read_lookup_result(weir_decoder *d, weir_lookup_result *v);
static void weir__read_pattern(weir_decoder *d, weir_pattern *v);
static void weir__read_pattern_set(weir_decoder *d, weir_pattern_set *v);
static void weir__read_recipient_info(weir_decoder *d, weir_recipient_info *v);
static void weir__read_message_info(weir_decoder *d, weir_message_info *v);
static void weir__read_dns_question(weir_decoder *d, weir_dns_question *v);
static void weir__read_dns_request(weir_decoder *d, weir_dns_request *v);
static void weir__read_dns_answer(weir_decoder *d, weir_dns_answer *v);
static void weir__read_dns_response(weir_decoder *d, weir_dns_response *v);
static void weir__read_http_request(weir_decoder *d, weir_http_request *v);
static void weir__read_http_response(weir_decoder *d, weir_http_response *v);
static void weir__read_kv_request(weir_decoder *d, weir_kv_request *v);
static void weir__read_kv_batch(weir_decoder *d, weir_kv_batch *v);
static void weir__read_kv_result(weir_decoder *d, weir_kv_result *v);
static void weir__read_kv_batch_result(weir_decoder *d, weir_kv_batch_result *v);
static void weir__read_schedule_request(weir_decoder *d, weir_schedule_request *v);
static void weir__read_message_order(weir_decoder *d, weir_message_order *v);
static void weir__read_submission(weir_decoder *d, weir_submission *v);

void weir_pair_append(weir_buf *b, const weir_pair *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->key);
  weir__put_str(b, v->value);
  weir__end(b, at);
}

static void weir__read_pair(weir_decoder *d, weir_pair *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->key = weir__get_str(d);
  v->value = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_pair_decode(weir_pair *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_pair(&d, v);
  return weir__done(&d);
}

void weir_header_append(weir_buf *b, const weir_header *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->name);
  weir__put_str(b, v->value);
  weir__end(b, at);
}

static void weir__read_header(weir_decoder *d, weir_header *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->name = weir__get_str(d);
  v->value = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_header_decode(weir_header *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_header(&d, v);
  return weir__done(&d);
}

void weir_init_append(weir_buf *b, const weir_init *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->host_minor);
  weir__put_u32(b, v->features.len);
  for (uint32_t i = 0; i < v->features.len; i++) {
    weir__put_str(b, v->features.items[i]);
  }
  weir__put_u64(b, v->memory_limit);
  weir__put_u64(b, v->deadline_ms);
  weir__put_str(b, v->plugin);
  weir__end(b, at);
}

static void weir__read_init(weir_decoder *d, weir_init *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->host_minor = weir__get_u32(d);
  {
    uint32_t n = weir__count(d, 4);
    v->features.items = n ? weir__items(n, sizeof *v->features.items) : 0;
    while (n-- && weir__item(d)) {
      v->features.items[v->features.len++] = weir__get_str(d);
    }
    v->features.cap = v->features.len;
  }
  v->memory_limit = weir__get_u64(d);
  v->deadline_ms = weir__get_u64(d);
  v->plugin = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_init_decode(weir_init *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_init(&d, v);
  return weir__done(&d);
}

void weir_client_append(weir_buf *b, const weir_client *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->ip);
  weir__put_u32(b, v->port);
  weir__put_str(b, v->name);
  weir__put_str(b, v->helo);
  weir__put_bool(b, v->esmtp);
  weir__put_str(b, v->tls_version);
  weir__put_str(b, v->tls_cipher);
  weir__put_str(b, v->auth_user);
  weir__put_str(b, v->listener);
  weir__end(b, at);
}

static void weir__read_client(weir_decoder *d, weir_client *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->ip = weir__get_str(d);
  v->port = weir__get_u32(d);
  v->name = weir__get_str(d);
  v->helo = weir__get_str(d);
  v->esmtp = weir__get_bool(d);
  v->tls_version = weir__get_str(d);
  v->tls_cipher = weir__get_str(d);
  v->auth_user = weir__get_str(d);
  v->listener = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_client_decode(weir_client *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_client(&d, v);
  return weir__done(&d);
}

void weir_attempt_append(weir_buf *b, const weir_attempt *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->number);
  weir__put_u32(b, v->result);
  weir__put_u32(b, v->code);
  weir__put_str(b, v->enhanced);
  weir__put_str(b, v->text);
  weir__put_str(b, v->host);
  weir__put_str(b, v->addr);
  weir__put_u64(b, v->next_unix_ms);
  weir__end(b, at);
}

static void weir__read_attempt(weir_decoder *d, weir_attempt *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->number = weir__get_u32(d);
  v->result = weir__get_u32(d);
  v->code = weir__get_u32(d);
  v->enhanced = weir__get_str(d);
  v->text = weir__get_str(d);
  v->host = weir__get_str(d);
  v->addr = weir__get_str(d);
  v->next_unix_ms = weir__get_u64(d);
  weir__leave(d, outer);
}

int weir_attempt_decode(weir_attempt *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_attempt(&d, v);
  return weir__done(&d);
}

void weir_event_append(weir_buf *b, const weir_event *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->stage);
  weir__put_u64(b, v->config_id);
  weir__put_str(b, v->id);
  weir__put_str(b, v->tenant);
  weir__put_u32(b, v->direction);
  weir_client_append(b, &v->client);
  weir__put_str(b, v->sender);
  weir__put_str(b, v->recipient);
  weir__put_u32(b, v->recipients.len);
  for (uint32_t i = 0; i < v->recipients.len; i++) {
    weir__put_str(b, v->recipients.items[i]);
  }
  weir__put_u64(b, v->size);
  weir__put_u32(b, v->part_count);
  weir__put_bool(b, v->malformed);
  weir__put_u64(b, v->received_unix_ms);
  weir__put_u32(b, v->notes.len);
  for (uint32_t i = 0; i < v->notes.len; i++) {
    weir_pair_append(b, &v->notes.items[i]);
  }
  weir__put_str(b, v->filter);
  weir_attempt_append(b, &v->attempt);
  weir__put_str(b, v->name);
  weir__put_str(b, v->payload);
  weir__put_u32(b, v->message.len);
  for (uint32_t i = 0; i < v->message.len; i++) {
    weir_message_info_append(b, &v->message.items[i]);
  }
  weir__put_str(b, v->actor);
  weir__end(b, at);
}

static void weir__read_event(weir_decoder *d, weir_event *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->stage = weir__get_u32(d);
  v->config_id = weir__get_u64(d);
  v->id = weir__get_str(d);
  v->tenant = weir__get_str(d);
  v->direction = weir__get_u32(d);
  weir__read_client(d, &v->client);
  v->sender = weir__get_str(d);
  v->recipient = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->recipients.items = n ? weir__items(n, sizeof *v->recipients.items) : 0;
    while (n-- && weir__item(d)) {
      v->recipients.items[v->recipients.len++] = weir__get_str(d);
    }
    v->recipients.cap = v->recipients.len;
  }
  v->size = weir__get_u64(d);
  v->part_count = weir__get_u32(d);
  v->malformed = weir__get_bool(d);
  v->received_unix_ms = weir__get_u64(d);
  {
    uint32_t n = weir__count(d, 4);
    v->notes.items = n ? weir__items(n, sizeof *v->notes.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->notes.items[v->notes.len], sizeof *v->notes.items);
      weir__read_pair(d, &v->notes.items[v->notes.len++]);
    }
    v->notes.cap = v->notes.len;
  }
  v->filter = weir__get_str(d);
  weir__read_attempt(d, &v->attempt);
  v->name = weir__get_str(d);
  v->payload = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->message.items = n ? weir__items(n, sizeof *v->message.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->message.items[v->message.len], sizeof *v->message.items);
      weir__read_message_info(d, &v->message.items[v->message.len++]);
    }
    v->message.cap = v->message.len;
  }
  v->actor = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_event_decode(weir_event *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_event(&d, v);
  return weir__done(&d);
}

void weir_part_append(weir_buf *b, const weir_part *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->index);
  weir__put_u32(b, v->parent);
  weir__put_u32(b, v->depth);
  weir__put_str(b, v->type);
  weir__put_str(b, v->charset);
  weir__put_str(b, v->disposition);
  weir__put_str(b, v->filename);
  weir__put_str(b, v->content_id);
  weir__put_str(b, v->encoding);
  weir__put_u64(b, v->size);
  weir__put_bool(b, v->malformed);
  weir__put_str(b, v->number);
  weir__put_bool(b, v->attachment);
  weir__put_str(b, v->magic);
  weir__put_u32(b, v->names.len);
  for (uint32_t i = 0; i < v->names.len; i++) {
    weir__put_str(b, v->names.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_part(weir_decoder *d, weir_part *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->index = weir__get_u32(d);
  v->parent = weir__get_u32(d);
  v->depth = weir__get_u32(d);
  v->type = weir__get_str(d);
  v->charset = weir__get_str(d);
  v->disposition = weir__get_str(d);
  v->filename = weir__get_str(d);
  v->content_id = weir__get_str(d);
  v->encoding = weir__get_str(d);
  v->size = weir__get_u64(d);
  v->malformed = weir__get_bool(d);
  v->number = weir__get_str(d);
  v->attachment = weir__get_bool(d);
  v->magic = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->names.items = n ? weir__items(n, sizeof *v->names.items) : 0;
    while (n-- && weir__item(d)) {
      v->names.items[v->names.len++] = weir__get_str(d);
    }
    v->names.cap = v->names.len;
  }
  weir__leave(d, outer);
}

int weir_part_decode(weir_part *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_part(&d, v);
  return weir__done(&d);
}

void weir_part_list_append(weir_buf *b, const weir_part_list *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->parts.len);
  for (uint32_t i = 0; i < v->parts.len; i++) {
    weir_part_append(b, &v->parts.items[i]);
  }
  weir__put_bool(b, v->malformed);
  weir__end(b, at);
}

static void weir__read_part_list(weir_decoder *d, weir_part_list *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->parts.items = n ? weir__items(n, sizeof *v->parts.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->parts.items[v->parts.len], sizeof *v->parts.items);
      weir__read_part(d, &v->parts.items[v->parts.len++]);
    }
    v->parts.cap = v->parts.len;
  }
  v->malformed = weir__get_bool(d);
  weir__leave(d, outer);
}

int weir_part_list_decode(weir_part_list *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_part_list(&d, v);
  return weir__done(&d);
}

void weir_header_list_append(weir_buf *b, const weir_header_list *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->headers.len);
  for (uint32_t i = 0; i < v->headers.len; i++) {
    weir_header_append(b, &v->headers.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_header_list(weir_decoder *d, weir_header_list *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->headers.items = n ? weir__items(n, sizeof *v->headers.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->headers.items[v->headers.len], sizeof *v->headers.items);
      weir__read_header(d, &v->headers.items[v->headers.len++]);
    }
    v->headers.cap = v->headers.len;
  }
  weir__leave(d, outer);
}

int weir_header_list_decode(weir_header_list *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_header_list(&d, v);
  return weir__done(&d);
}

void weir_finding_append(weir_buf *b, const weir_finding *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->main);
  weir__put_str(b, v->sub);
  weir__put_str(b, v->extra);
  weir__put_f64(b, v->score);
  weir__put_str(b, v->explanation);
  weir__put_u32(b, v->part);
  weir__put_str(b, v->path);
  weir__put_u32(b, v->action);
  weir__put_u32(b, v->code);
  weir__put_str(b, v->enhanced);
  weir__put_str(b, v->text);
  weir__end(b, at);
}

static void weir__read_finding(weir_decoder *d, weir_finding *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->main = weir__get_str(d);
  v->sub = weir__get_str(d);
  v->extra = weir__get_str(d);
  v->score = weir__get_f64(d);
  v->explanation = weir__get_str(d);
  v->part = weir__get_u32(d);
  v->path = weir__get_str(d);
  v->action = weir__get_u32(d);
  v->code = weir__get_u32(d);
  v->enhanced = weir__get_str(d);
  v->text = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_finding_decode(weir_finding *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_finding(&d, v);
  return weir__done(&d);
}

void weir_header_edit_append(weir_buf *b, const weir_header_edit *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->op);
  weir__put_str(b, v->name);
  weir__put_i32(b, v->index);
  weir__put_str(b, v->value);
  weir__end(b, at);
}

static void weir__read_header_edit(weir_decoder *d, weir_header_edit *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->op = weir__get_u32(d);
  v->name = weir__get_str(d);
  v->index = weir__get_i32(d);
  v->value = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_header_edit_decode(weir_header_edit *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_header_edit(&d, v);
  return weir__done(&d);
}

void weir_part_edit_append(weir_buf *b, const weir_part_edit *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->op);
  weir__put_u32(b, v->part);
  weir__put_str(b, v->type);
  weir__put_str(b, v->filename);
  weir__put_str(b, v->text);
  weir__end(b, at);
}

static void weir__read_part_edit(weir_decoder *d, weir_part_edit *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->op = weir__get_u32(d);
  v->part = weir__get_u32(d);
  v->type = weir__get_str(d);
  v->filename = weir__get_str(d);
  v->text = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_part_edit_decode(weir_part_edit *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_part_edit(&d, v);
  return weir__done(&d);
}

void weir_recipient_action_append(weir_buf *b, const weir_recipient_action *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->recipient);
  weir__put_u32(b, v->action);
  weir__put_u32(b, v->code);
  weir__put_str(b, v->enhanced);
  weir__put_str(b, v->text);
  weir__put_str(b, v->redirect);
  weir__end(b, at);
}

static void weir__read_recipient_action(weir_decoder *d, weir_recipient_action *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->recipient = weir__get_str(d);
  v->action = weir__get_u32(d);
  v->code = weir__get_u32(d);
  v->enhanced = weir__get_str(d);
  v->text = weir__get_str(d);
  v->redirect = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_recipient_action_decode(weir_recipient_action *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_recipient_action(&d, v);
  return weir__done(&d);
}

void weir_hold_append(weir_buf *b, const weir_hold *v) {
  uint32_t at = weir__begin(b);
  weir__put_u64(b, v->until_unix_ms);
  weir__put_str(b, v->reason);
  weir__put_str(b, v->key);
  weir__end(b, at);
}

static void weir__read_hold(weir_decoder *d, weir_hold *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->until_unix_ms = weir__get_u64(d);
  v->reason = weir__get_str(d);
  v->key = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_hold_decode(weir_hold *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_hold(&d, v);
  return weir__done(&d);
}

void weir_waiver_append(weir_buf *b, const weir_waiver *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->classes.len);
  for (uint32_t i = 0; i < v->classes.len; i++) {
    weir__put_str(b, v->classes.items[i]);
  }
  weir__put_str(b, v->reason);
  weir__end(b, at);
}

static void weir__read_waiver(weir_decoder *d, weir_waiver *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->classes.items = n ? weir__items(n, sizeof *v->classes.items) : 0;
    while (n-- && weir__item(d)) {
      v->classes.items[v->classes.len++] = weir__get_str(d);
    }
    v->classes.cap = v->classes.len;
  }
  v->reason = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_waiver_decode(weir_waiver *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_waiver(&d, v);
  return weir__done(&d);
}

void weir_verdict_append(weir_buf *b, const weir_verdict *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->action);
  weir__put_u32(b, v->code);
  weir__put_str(b, v->enhanced);
  weir__put_str(b, v->text);
  weir__put_u32(b, v->findings.len);
  for (uint32_t i = 0; i < v->findings.len; i++) {
    weir_finding_append(b, &v->findings.items[i]);
  }
  weir__put_u32(b, v->tags.len);
  for (uint32_t i = 0; i < v->tags.len; i++) {
    weir__put_str(b, v->tags.items[i]);
  }
  weir__put_u32(b, v->edits.len);
  for (uint32_t i = 0; i < v->edits.len; i++) {
    weir_header_edit_append(b, &v->edits.items[i]);
  }
  weir__put_u32(b, v->recipients.len);
  for (uint32_t i = 0; i < v->recipients.len; i++) {
    weir_recipient_action_append(b, &v->recipients.items[i]);
  }
  weir__put_u32(b, v->redirect.len);
  for (uint32_t i = 0; i < v->redirect.len; i++) {
    weir__put_str(b, v->redirect.items[i]);
  }
  weir_hold_append(b, &v->hold);
  weir__put_str(b, v->route);
  weir__put_u64(b, v->delay_ms);
  weir__put_u32(b, v->notes.len);
  for (uint32_t i = 0; i < v->notes.len; i++) {
    weir_pair_append(b, &v->notes.items[i]);
  }
  weir__put_u32(b, v->waivers.len);
  for (uint32_t i = 0; i < v->waivers.len; i++) {
    weir_waiver_append(b, &v->waivers.items[i]);
  }
  weir__put_u32(b, v->part_edits.len);
  for (uint32_t i = 0; i < v->part_edits.len; i++) {
    weir_part_edit_append(b, &v->part_edits.items[i]);
  }
  weir__put_bool(b, v->keep_original);
  weir__put_u32(b, v->results.len);
  for (uint32_t i = 0; i < v->results.len; i++) {
    weir_pair_append(b, &v->results.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_verdict(weir_decoder *d, weir_verdict *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->action = weir__get_u32(d);
  v->code = weir__get_u32(d);
  v->enhanced = weir__get_str(d);
  v->text = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->findings.items = n ? weir__items(n, sizeof *v->findings.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->findings.items[v->findings.len], sizeof *v->findings.items);
      weir__read_finding(d, &v->findings.items[v->findings.len++]);
    }
    v->findings.cap = v->findings.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->tags.items = n ? weir__items(n, sizeof *v->tags.items) : 0;
    while (n-- && weir__item(d)) {
      v->tags.items[v->tags.len++] = weir__get_str(d);
    }
    v->tags.cap = v->tags.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->edits.items = n ? weir__items(n, sizeof *v->edits.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->edits.items[v->edits.len], sizeof *v->edits.items);
      weir__read_header_edit(d, &v->edits.items[v->edits.len++]);
    }
    v->edits.cap = v->edits.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->recipients.items = n ? weir__items(n, sizeof *v->recipients.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->recipients.items[v->recipients.len], sizeof *v->recipients.items);
      weir__read_recipient_action(d, &v->recipients.items[v->recipients.len++]);
    }
    v->recipients.cap = v->recipients.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->redirect.items = n ? weir__items(n, sizeof *v->redirect.items) : 0;
    while (n-- && weir__item(d)) {
      v->redirect.items[v->redirect.len++] = weir__get_str(d);
    }
    v->redirect.cap = v->redirect.len;
  }
  weir__read_hold(d, &v->hold);
  v->route = weir__get_str(d);
  v->delay_ms = weir__get_u64(d);
  {
    uint32_t n = weir__count(d, 4);
    v->notes.items = n ? weir__items(n, sizeof *v->notes.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->notes.items[v->notes.len], sizeof *v->notes.items);
      weir__read_pair(d, &v->notes.items[v->notes.len++]);
    }
    v->notes.cap = v->notes.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->waivers.items = n ? weir__items(n, sizeof *v->waivers.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->waivers.items[v->waivers.len], sizeof *v->waivers.items);
      weir__read_waiver(d, &v->waivers.items[v->waivers.len++]);
    }
    v->waivers.cap = v->waivers.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->part_edits.items = n ? weir__items(n, sizeof *v->part_edits.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->part_edits.items[v->part_edits.len], sizeof *v->part_edits.items);
      weir__read_part_edit(d, &v->part_edits.items[v->part_edits.len++]);
    }
    v->part_edits.cap = v->part_edits.len;
  }
  v->keep_original = weir__get_bool(d);
  {
    uint32_t n = weir__count(d, 4);
    v->results.items = n ? weir__items(n, sizeof *v->results.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->results.items[v->results.len], sizeof *v->results.items);
      weir__read_pair(d, &v->results.items[v->results.len++]);
    }
    v->results.cap = v->results.len;
  }
  weir__leave(d, outer);
}

int weir_verdict_decode(weir_verdict *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_verdict(&d, v);
  return weir__done(&d);
}

void weir_value_append(weir_buf *b, const weir_value *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->kind);
  weir__put_bool(b, v->bool_);
  weir__put_f64(b, v->number);
  weir__put_str(b, v->string);
  weir__put_u32(b, v->keys.len);
  for (uint32_t i = 0; i < v->keys.len; i++) {
    weir__put_str(b, v->keys.items[i]);
  }
  weir__put_u32(b, v->items.len);
  for (uint32_t i = 0; i < v->items.len; i++) {
    weir_value_append(b, &v->items.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_value(weir_decoder *d, weir_value *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->kind = weir__get_u32(d);
  v->bool_ = weir__get_bool(d);
  v->number = weir__get_f64(d);
  v->string = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->keys.items = n ? weir__items(n, sizeof *v->keys.items) : 0;
    while (n-- && weir__item(d)) {
      v->keys.items[v->keys.len++] = weir__get_str(d);
    }
    v->keys.cap = v->keys.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->items.items = n ? weir__items(n, sizeof *v->items.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->items.items[v->items.len], sizeof *v->items.items);
      weir__read_value(d, &v->items.items[v->items.len++]);
    }
    v->items.cap = v->items.len;
  }
  weir__leave(d, outer);
}

int weir_value_decode(weir_value *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_value(&d, v);
  return weir__done(&d);
}

void weir_lookup_request_append(weir_buf *b, const weir_lookup_request *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->list);
  weir__put_u32(b, v->keys.len);
  for (uint32_t i = 0; i < v->keys.len; i++) {
    weir__put_str(b, v->keys.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_lookup_request(weir_decoder *d, weir_lookup_request *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->list = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->keys.items = n ? weir__items(n, sizeof *v->keys.items) : 0;
    while (n-- && weir__item(d)) {
      v->keys.items[v->keys.len++] = weir__get_str(d);
    }
    v->keys.cap = v->keys.len;
  }
  weir__leave(d, outer);
}

int weir_lookup_request_decode(weir_lookup_request *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_lookup_request(&d, v);
  return weir__done(&d);
}

void weir_lookup_result_append(weir_buf *b, const weir_lookup_result *v) {
  uint32_t at = weir__begin(b);
  weir__put_bool(b, v->found);
  weir__put_str(b, v->key);
  weir__put_str(b, v->value);
  weir__end(b, at);
}

static void weir__read_lookup_result(weir_decoder *d, weir_lookup_result *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->found = weir__get_bool(d);
  v->key = weir__get_str(d);
  v->value = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_lookup_result_decode(weir_lookup_result *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_lookup_result(&d, v);
  return weir__done(&d);
}

void weir_pattern_append(weir_buf *b, const weir_pattern *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->kind);
  weir__put_str(b, v->text);
  weir__put_bool(b, v->fold);
  weir__end(b, at);
}

static void weir__read_pattern(weir_decoder *d, weir_pattern *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->kind = weir__get_u32(d);
  v->text = weir__get_str(d);
  v->fold = weir__get_bool(d);
  weir__leave(d, outer);
}

int weir_pattern_decode(weir_pattern *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_pattern(&d, v);
  return weir__done(&d);
}

void weir_pattern_set_append(weir_buf *b, const weir_pattern_set *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->patterns.len);
  for (uint32_t i = 0; i < v->patterns.len; i++) {
    weir_pattern_append(b, &v->patterns.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_pattern_set(weir_decoder *d, weir_pattern_set *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->patterns.items = n ? weir__items(n, sizeof *v->patterns.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->patterns.items[v->patterns.len], sizeof *v->patterns.items);
      weir__read_pattern(d, &v->patterns.items[v->patterns.len++]);
    }
    v->patterns.cap = v->patterns.len;
  }
  weir__leave(d, outer);
}

int weir_pattern_set_decode(weir_pattern_set *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_pattern_set(&d, v);
  return weir__done(&d);
}

void weir_recipient_info_append(weir_buf *b, const weir_recipient_info *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->n);
  weir__put_str(b, v->address);
  weir__put_str(b, v->tenant);
  weir__put_str(b, v->status);
  weir__put_str(b, v->class);
  weir__put_f64(b, v->score);
  weir__put_str(b, v->reason);
  weir__put_u32(b, v->findings.len);
  for (uint32_t i = 0; i < v->findings.len; i++) {
    weir_finding_append(b, &v->findings.items[i]);
  }
  weir__put_u32(b, v->attempts);
  weir__put_str(b, v->reply);
  weir__end(b, at);
}

static void weir__read_recipient_info(weir_decoder *d, weir_recipient_info *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->n = weir__get_u32(d);
  v->address = weir__get_str(d);
  v->tenant = weir__get_str(d);
  v->status = weir__get_str(d);
  v->class = weir__get_str(d);
  v->score = weir__get_f64(d);
  v->reason = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->findings.items = n ? weir__items(n, sizeof *v->findings.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->findings.items[v->findings.len], sizeof *v->findings.items);
      weir__read_finding(d, &v->findings.items[v->findings.len++]);
    }
    v->findings.cap = v->findings.len;
  }
  v->attempts = weir__get_u32(d);
  v->reply = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_recipient_info_decode(weir_recipient_info *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_recipient_info(&d, v);
  return weir__done(&d);
}

void weir_message_info_append(weir_buf *b, const weir_message_info *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->id);
  weir__put_u32(b, v->direction);
  weir__put_str(b, v->sender);
  weir__put_u64(b, v->received_unix_ms);
  weir__put_u64(b, v->size);
  weir__put_str(b, v->from);
  weir__put_str(b, v->to);
  weir__put_str(b, v->cc);
  weir__put_str(b, v->subject);
  weir__put_str(b, v->message_id);
  weir__put_u32(b, v->attachments.len);
  for (uint32_t i = 0; i < v->attachments.len; i++) {
    weir__put_str(b, v->attachments.items[i]);
  }
  weir__put_bool(b, v->has_body);
  weir__put_u32(b, v->recipients.len);
  for (uint32_t i = 0; i < v->recipients.len; i++) {
    weir_recipient_info_append(b, &v->recipients.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_message_info(weir_decoder *d, weir_message_info *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->id = weir__get_str(d);
  v->direction = weir__get_u32(d);
  v->sender = weir__get_str(d);
  v->received_unix_ms = weir__get_u64(d);
  v->size = weir__get_u64(d);
  v->from = weir__get_str(d);
  v->to = weir__get_str(d);
  v->cc = weir__get_str(d);
  v->subject = weir__get_str(d);
  v->message_id = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->attachments.items = n ? weir__items(n, sizeof *v->attachments.items) : 0;
    while (n-- && weir__item(d)) {
      v->attachments.items[v->attachments.len++] = weir__get_str(d);
    }
    v->attachments.cap = v->attachments.len;
  }
  v->has_body = weir__get_bool(d);
  {
    uint32_t n = weir__count(d, 4);
    v->recipients.items = n ? weir__items(n, sizeof *v->recipients.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->recipients.items[v->recipients.len], sizeof *v->recipients.items);
      weir__read_recipient_info(d, &v->recipients.items[v->recipients.len++]);
    }
    v->recipients.cap = v->recipients.len;
  }
  weir__leave(d, outer);
}

int weir_message_info_decode(weir_message_info *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_message_info(&d, v);
  return weir__done(&d);
}

void weir_dns_question_append(weir_buf *b, const weir_dns_question *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->name);
  weir__put_str(b, v->type);
  weir__end(b, at);
}

static void weir__read_dns_question(weir_decoder *d, weir_dns_question *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->name = weir__get_str(d);
  v->type = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_dns_question_decode(weir_dns_question *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_dns_question(&d, v);
  return weir__done(&d);
}

void weir_dns_request_append(weir_buf *b, const weir_dns_request *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->questions.len);
  for (uint32_t i = 0; i < v->questions.len; i++) {
    weir_dns_question_append(b, &v->questions.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_dns_request(weir_decoder *d, weir_dns_request *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->questions.items = n ? weir__items(n, sizeof *v->questions.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->questions.items[v->questions.len], sizeof *v->questions.items);
      weir__read_dns_question(d, &v->questions.items[v->questions.len++]);
    }
    v->questions.cap = v->questions.len;
  }
  weir__leave(d, outer);
}

int weir_dns_request_decode(weir_dns_request *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_dns_request(&d, v);
  return weir__done(&d);
}

void weir_dns_answer_append(weir_buf *b, const weir_dns_answer *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->code);
  weir__put_u32(b, v->records.len);
  for (uint32_t i = 0; i < v->records.len; i++) {
    weir__put_str(b, v->records.items[i]);
  }
  weir__put_u32(b, v->ttl_s);
  weir__put_bool(b, v->secure);
  weir__end(b, at);
}

static void weir__read_dns_answer(weir_decoder *d, weir_dns_answer *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->code = weir__get_u32(d);
  {
    uint32_t n = weir__count(d, 4);
    v->records.items = n ? weir__items(n, sizeof *v->records.items) : 0;
    while (n-- && weir__item(d)) {
      v->records.items[v->records.len++] = weir__get_str(d);
    }
    v->records.cap = v->records.len;
  }
  v->ttl_s = weir__get_u32(d);
  v->secure = weir__get_bool(d);
  weir__leave(d, outer);
}

int weir_dns_answer_decode(weir_dns_answer *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_dns_answer(&d, v);
  return weir__done(&d);
}

void weir_dns_response_append(weir_buf *b, const weir_dns_response *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->answers.len);
  for (uint32_t i = 0; i < v->answers.len; i++) {
    weir_dns_answer_append(b, &v->answers.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_dns_response(weir_decoder *d, weir_dns_response *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->answers.items = n ? weir__items(n, sizeof *v->answers.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->answers.items[v->answers.len], sizeof *v->answers.items);
      weir__read_dns_answer(d, &v->answers.items[v->answers.len++]);
    }
    v->answers.cap = v->answers.len;
  }
  weir__leave(d, outer);
}

int weir_dns_response_decode(weir_dns_response *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_dns_response(&d, v);
  return weir__done(&d);
}

void weir_http_request_append(weir_buf *b, const weir_http_request *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->method);
  weir__put_str(b, v->url);
  weir__put_u32(b, v->headers.len);
  for (uint32_t i = 0; i < v->headers.len; i++) {
    weir_header_append(b, &v->headers.items[i]);
  }
  weir__put_str(b, v->body);
  weir__put_u32(b, v->body_part);
  weir__put_u32(b, v->timeout_ms);
  weir__put_u32(b, v->max_body);
  weir__end(b, at);
}

static void weir__read_http_request(weir_decoder *d, weir_http_request *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->method = weir__get_str(d);
  v->url = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->headers.items = n ? weir__items(n, sizeof *v->headers.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->headers.items[v->headers.len], sizeof *v->headers.items);
      weir__read_header(d, &v->headers.items[v->headers.len++]);
    }
    v->headers.cap = v->headers.len;
  }
  v->body = weir__get_str(d);
  v->body_part = weir__get_u32(d);
  v->timeout_ms = weir__get_u32(d);
  v->max_body = weir__get_u32(d);
  weir__leave(d, outer);
}

int weir_http_request_decode(weir_http_request *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_http_request(&d, v);
  return weir__done(&d);
}

void weir_http_response_append(weir_buf *b, const weir_http_response *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->status);
  weir__put_u32(b, v->headers.len);
  for (uint32_t i = 0; i < v->headers.len; i++) {
    weir_header_append(b, &v->headers.items[i]);
  }
  weir__put_str(b, v->body);
  weir__put_bool(b, v->truncated);
  weir__end(b, at);
}

static void weir__read_http_response(weir_decoder *d, weir_http_response *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->status = weir__get_u32(d);
  {
    uint32_t n = weir__count(d, 4);
    v->headers.items = n ? weir__items(n, sizeof *v->headers.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->headers.items[v->headers.len], sizeof *v->headers.items);
      weir__read_header(d, &v->headers.items[v->headers.len++]);
    }
    v->headers.cap = v->headers.len;
  }
  v->body = weir__get_str(d);
  v->truncated = weir__get_bool(d);
  weir__leave(d, outer);
}

int weir_http_response_decode(weir_http_response *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_http_response(&d, v);
  return weir__done(&d);
}

void weir_kv_request_append(weir_buf *b, const weir_kv_request *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->op);
  weir__put_str(b, v->key);
  weir__put_str(b, v->value);
  weir__put_i64(b, v->delta);
  weir__put_u64(b, v->ttl_ms);
  weir__end(b, at);
}

static void weir__read_kv_request(weir_decoder *d, weir_kv_request *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->op = weir__get_u32(d);
  v->key = weir__get_str(d);
  v->value = weir__get_str(d);
  v->delta = weir__get_i64(d);
  v->ttl_ms = weir__get_u64(d);
  weir__leave(d, outer);
}

int weir_kv_request_decode(weir_kv_request *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_kv_request(&d, v);
  return weir__done(&d);
}

void weir_kv_batch_append(weir_buf *b, const weir_kv_batch *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->ops.len);
  for (uint32_t i = 0; i < v->ops.len; i++) {
    weir_kv_request_append(b, &v->ops.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_kv_batch(weir_decoder *d, weir_kv_batch *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->ops.items = n ? weir__items(n, sizeof *v->ops.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->ops.items[v->ops.len], sizeof *v->ops.items);
      weir__read_kv_request(d, &v->ops.items[v->ops.len++]);
    }
    v->ops.cap = v->ops.len;
  }
  weir__leave(d, outer);
}

int weir_kv_batch_decode(weir_kv_batch *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_kv_batch(&d, v);
  return weir__done(&d);
}

void weir_kv_result_append(weir_buf *b, const weir_kv_result *v) {
  uint32_t at = weir__begin(b);
  weir__put_bool(b, v->found);
  weir__put_str(b, v->value);
  weir__put_i64(b, v->number);
  weir__end(b, at);
}

static void weir__read_kv_result(weir_decoder *d, weir_kv_result *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->found = weir__get_bool(d);
  v->value = weir__get_str(d);
  v->number = weir__get_i64(d);
  weir__leave(d, outer);
}

int weir_kv_result_decode(weir_kv_result *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_kv_result(&d, v);
  return weir__done(&d);
}

void weir_kv_batch_result_append(weir_buf *b, const weir_kv_batch_result *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->results.len);
  for (uint32_t i = 0; i < v->results.len; i++) {
    weir_kv_result_append(b, &v->results.items[i]);
  }
  weir__end(b, at);
}

static void weir__read_kv_batch_result(weir_decoder *d, weir_kv_batch_result *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->results.items = n ? weir__items(n, sizeof *v->results.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->results.items[v->results.len], sizeof *v->results.items);
      weir__read_kv_result(d, &v->results.items[v->results.len++]);
    }
    v->results.cap = v->results.len;
  }
  weir__leave(d, outer);
}

int weir_kv_batch_result_decode(weir_kv_batch_result *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_kv_batch_result(&d, v);
  return weir__done(&d);
}

void weir_schedule_request_append(weir_buf *b, const weir_schedule_request *v) {
  uint32_t at = weir__begin(b);
  weir__put_u64(b, v->at_unix_ms);
  weir__put_str(b, v->name);
  weir__put_str(b, v->key);
  weir__put_str(b, v->payload);
  weir__put_str(b, v->message);
  weir__end(b, at);
}

static void weir__read_schedule_request(weir_decoder *d, weir_schedule_request *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->at_unix_ms = weir__get_u64(d);
  v->name = weir__get_str(d);
  v->key = weir__get_str(d);
  v->payload = weir__get_str(d);
  v->message = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_schedule_request_decode(weir_schedule_request *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_schedule_request(&d, v);
  return weir__done(&d);
}

void weir_message_order_append(weir_buf *b, const weir_message_order *v) {
  uint32_t at = weir__begin(b);
  weir__put_str(b, v->id);
  weir__put_u32(b, v->recipient);
  weir__put_str(b, v->reason);
  weir__end(b, at);
}

static void weir__read_message_order(weir_decoder *d, weir_message_order *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->id = weir__get_str(d);
  v->recipient = weir__get_u32(d);
  v->reason = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_message_order_decode(weir_message_order *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_message_order(&d, v);
  return weir__done(&d);
}

void weir_submission_append(weir_buf *b, const weir_submission *v) {
  uint32_t at = weir__begin(b);
  weir__put_u32(b, v->to.len);
  for (uint32_t i = 0; i < v->to.len; i++) {
    weir__put_str(b, v->to.items[i]);
  }
  weir__put_str(b, v->subject);
  weir__put_str(b, v->text);
  weir__put_u32(b, v->headers.len);
  for (uint32_t i = 0; i < v->headers.len; i++) {
    weir_header_append(b, &v->headers.items[i]);
  }
  weir__put_str(b, v->parent);
  weir__end(b, at);
}

static void weir__read_submission(weir_decoder *d, weir_submission *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  {
    uint32_t n = weir__count(d, 4);
    v->to.items = n ? weir__items(n, sizeof *v->to.items) : 0;
    while (n-- && weir__item(d)) {
      v->to.items[v->to.len++] = weir__get_str(d);
    }
    v->to.cap = v->to.len;
  }
  v->subject = weir__get_str(d);
  v->text = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->headers.items = n ? weir__items(n, sizeof *v->headers.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->headers.items[v->headers.len], sizeof *v->headers.items);
      weir__read_header(d, &v->headers.items[v->headers.len++]);
    }
    v->headers.cap = v->headers.len;
  }
  v->parent = weir__get_str(d);
  weir__leave(d, outer);
}

int weir_submission_decode(weir_submission *v, weir_str b) {
  weir_decoder d = weir__decoder(b);
  weir__zero(v, sizeof *v);
  if (!weir__item(&d)) return d.err;
  weir__read_submission(&d, v);
  return weir__done(&d);
}

#ifdef WEIR_RECODE
/* For tests of the codec: decodes a record by its name and appends it to out;
   -1: no such record, otherwise as weir_*_decode. */
int weir_recode(weir_str name, weir_str b, weir_buf *out) {
  if (weir_eq(name, WEIR_S("Pair"))) {
    weir_pair v;
    int e = weir_pair_decode(&v, b);
    if (!e) weir_pair_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Header"))) {
    weir_header v;
    int e = weir_header_decode(&v, b);
    if (!e) weir_header_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Init"))) {
    weir_init v;
    int e = weir_init_decode(&v, b);
    if (!e) weir_init_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Client"))) {
    weir_client v;
    int e = weir_client_decode(&v, b);
    if (!e) weir_client_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Attempt"))) {
    weir_attempt v;
    int e = weir_attempt_decode(&v, b);
    if (!e) weir_attempt_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Event"))) {
    weir_event v;
    int e = weir_event_decode(&v, b);
    if (!e) weir_event_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Part"))) {
    weir_part v;
    int e = weir_part_decode(&v, b);
    if (!e) weir_part_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("PartList"))) {
    weir_part_list v;
    int e = weir_part_list_decode(&v, b);
    if (!e) weir_part_list_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("HeaderList"))) {
    weir_header_list v;
    int e = weir_header_list_decode(&v, b);
    if (!e) weir_header_list_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Finding"))) {
    weir_finding v;
    int e = weir_finding_decode(&v, b);
    if (!e) weir_finding_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("HeaderEdit"))) {
    weir_header_edit v;
    int e = weir_header_edit_decode(&v, b);
    if (!e) weir_header_edit_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("PartEdit"))) {
    weir_part_edit v;
    int e = weir_part_edit_decode(&v, b);
    if (!e) weir_part_edit_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("RecipientAction"))) {
    weir_recipient_action v;
    int e = weir_recipient_action_decode(&v, b);
    if (!e) weir_recipient_action_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Hold"))) {
    weir_hold v;
    int e = weir_hold_decode(&v, b);
    if (!e) weir_hold_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Waiver"))) {
    weir_waiver v;
    int e = weir_waiver_decode(&v, b);
    if (!e) weir_waiver_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Verdict"))) {
    weir_verdict v;
    int e = weir_verdict_decode(&v, b);
    if (!e) weir_verdict_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Value"))) {
    weir_value v;
    int e = weir_value_decode(&v, b);
    if (!e) weir_value_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("LookupRequest"))) {
    weir_lookup_request v;
    int e = weir_lookup_request_decode(&v, b);
    if (!e) weir_lookup_request_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("LookupResult"))) {
    weir_lookup_result v;
    int e = weir_lookup_result_decode(&v, b);
    if (!e) weir_lookup_result_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Pattern"))) {
    weir_pattern v;
    int e = weir_pattern_decode(&v, b);
    if (!e) weir_pattern_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("PatternSet"))) {
    weir_pattern_set v;
    int e = weir_pattern_set_decode(&v, b);
    if (!e) weir_pattern_set_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("RecipientInfo"))) {
    weir_recipient_info v;
    int e = weir_recipient_info_decode(&v, b);
    if (!e) weir_recipient_info_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("MessageInfo"))) {
    weir_message_info v;
    int e = weir_message_info_decode(&v, b);
    if (!e) weir_message_info_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("DNSQuestion"))) {
    weir_dns_question v;
    int e = weir_dns_question_decode(&v, b);
    if (!e) weir_dns_question_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("DNSRequest"))) {
    weir_dns_request v;
    int e = weir_dns_request_decode(&v, b);
    if (!e) weir_dns_request_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("DNSAnswer"))) {
    weir_dns_answer v;
    int e = weir_dns_answer_decode(&v, b);
    if (!e) weir_dns_answer_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("DNSResponse"))) {
    weir_dns_response v;
    int e = weir_dns_response_decode(&v, b);
    if (!e) weir_dns_response_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("HTTPRequest"))) {
    weir_http_request v;
    int e = weir_http_request_decode(&v, b);
    if (!e) weir_http_request_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("HTTPResponse"))) {
    weir_http_response v;
    int e = weir_http_response_decode(&v, b);
    if (!e) weir_http_response_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("KVRequest"))) {
    weir_kv_request v;
    int e = weir_kv_request_decode(&v, b);
    if (!e) weir_kv_request_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("KVBatch"))) {
    weir_kv_batch v;
    int e = weir_kv_batch_decode(&v, b);
    if (!e) weir_kv_batch_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("KVResult"))) {
    weir_kv_result v;
    int e = weir_kv_result_decode(&v, b);
    if (!e) weir_kv_result_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("KVBatchResult"))) {
    weir_kv_batch_result v;
    int e = weir_kv_batch_result_decode(&v, b);
    if (!e) weir_kv_batch_result_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("ScheduleRequest"))) {
    weir_schedule_request v;
    int e = weir_schedule_request_decode(&v, b);
    if (!e) weir_schedule_request_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("MessageOrder"))) {
    weir_message_order v;
    int e = weir_message_order_decode(&v, b);
    if (!e) weir_message_order_append(out, &v);
    return e;
  }
  if (weir_eq(name, WEIR_S("Submission"))) {
    weir_submission v;
    int e = weir_submission_decode(&v, b);
    if (!e) weir_submission_append(out, &v);
    return e;
  }
  return -1;
}
#endif
/* END generated codec */

/* Runs a host call that writes to (p, cap), again with more room if need be. */
#define WEIR__READ(n, out, room, call)                      \
  do {                                                      \
    uint32_t cap = (room);                                  \
    char *p;                                                \
    for (;;) {                                              \
      p = weir__take(cap);                                  \
      n = (call);                                           \
      if (n < 0 || (uint32_t)n <= cap) break;               \
      cap = (uint32_t)n;                                    \
    }                                                       \
    weir__trim(p, n < 0 ? 0 : (uint32_t)n);                 \
    *(out) = (weir_str){p, n < 0 ? 0 : (uint32_t)n};        \
  } while (0)

#define WEIR__DECODE(kind, b, out) (weir_##kind##_decode(out, b) ? WEIR_MALFORMED : 0)

/* The reply that a call left, of n octets, or that call's error. */
static int weir__reply(int32_t n, weir_str *out) {
  if (n < 0) return n;
  WEIR__READ(n, out, (uint32_t)n, weir1_reply_read(p, cap));
  return n;
}

void weir_log(uint32_t level, weir_str line) { weir1_log(level, line.ptr, line.len); }
int weir_log_enabled(uint32_t level) { return (int32_t)level >= weir1_log_level(); }
int weir_count(weir_str name, int64_t delta) { return weir1_metric_add(name.ptr, name.len, delta); }

_Noreturn void weir_panic(weir_str why) {
  weir_log(WEIR_LOG_LEVEL_ERROR, why);
  __builtin_trap();
}

int weir_fail(weir_call *c, weir_str why) {
  c->failure = why;
  return WEIR_UNAVAILABLE;
}

weir_str weir_error_name(int code) {
  switch (code) {
    case WEIR_NOT_FOUND: return WEIR_S("not found");
    case WEIR_DENIED: return WEIR_S("denied: not granted");
    case WEIR_TOO_LARGE: return WEIR_S("too large");
    case WEIR_TIMEOUT: return WEIR_S("timeout");
    case WEIR_BAD_ARGUMENT: return WEIR_S("bad argument");
    case WEIR_MALFORMED: return WEIR_S("abi: not the record it should be");
  }
  return WEIR_S("unavailable");
}

weir_str weir_last_error(void) {
  int32_t n;
  weir_str s;
  WEIR__READ(n, &s, 256, weir1_error_read(p, cap));
  return s;
}

const weir_value *weir_attr(const weir_value *v, weir_str name) {
  static const weir_value null;
  if (v->kind == WEIR_VALUE_KIND_OBJECT)
    for (uint32_t i = 0; i < v->keys.len && i < v->items.len; i++)
      if (weir_eq(v->keys.items[i], name)) return &v->items.items[i];
  return &null;
}

weir_str_array weir_strings(const weir_value *v) {
  weir_str_array out = {0, 0, 0};
  if (v->kind == WEIR_VALUE_KIND_STRING) *weir_push(&out) = v->string;
  if (v->kind == WEIR_VALUE_KIND_LIST)
    for (uint32_t i = 0; i < v->items.len; i++)
      if (v->items.items[i].kind == WEIR_VALUE_KIND_STRING) *weir_push(&out) = v->items.items[i].string;
  return out;
}

int weir_params(weir_call *c, weir_value *out) {
  if (c->event.payload.len) return WEIR__DECODE(value, c->event.payload, out);
  weir__zero(out, sizeof *out);
  return 0;
}

int weir_config_value(weir_call *c, weir_value *out) {
  int32_t n;
  weir_str b;
  WEIR__READ(n, &b, 1024, weir1_config_read(c->event.config_id, p, cap));
  return n < 0 ? n : WEIR__DECODE(value, b, out);
}

/* How many built configurations an instance keeps; past it the cache starts anew,
   so that years of reloads do not fill a guest's memory. */
#define WEIR__MAX_CONFIGS 1024
static struct {
  uint64_t id;
  weir_build *build;
  void *built;
  weir_str failure;
} weir__configs[WEIR__MAX_CONFIGS];
static uint32_t weir__config_count;

void *weir_config(weir_call *c, weir_build *build) {
  uint32_t i = 0;
  for (; i < weir__config_count; i++)
    if (weir__configs[i].id == c->event.config_id && weir__configs[i].build == build) break;
  if (i == weir__config_count) {
    if (i == WEIR__MAX_CONFIGS) {
      weir__reset(&weir__kept);
      i = weir__config_count = 0;
    }
    weir__now = &weir__kept;
    weir_value *v = weir_alloc(sizeof *v);
    int e = weir_config_value(c, v);
    if (e < 0) { /* not kept: the host may know it next time */
      weir__now = &weir__calls;
      weir_fail(c, weir_error_name(e));
      return 0;
    }
    weir__configs[i].id = c->event.config_id;
    weir__configs[i].build = build;
    weir__configs[i].built = build(c, v);
    weir__configs[i].failure = weir__configs[i].built ? WEIR_S("") : c->failure;
    weir__config_count++;
    weir__now = &weir__calls;
  }
  if (!weir__configs[i].built) weir_fail(c, weir__configs[i].failure.len ? weir__configs[i].failure : WEIR_S("the configuration cannot be used"));
  return weir__configs[i].built;
}

int weir_note_of(const weir_call *c, weir_str key, weir_str *out) {
  for (uint32_t i = 0; i < c->event.notes.len; i++)
    if (weir_eq(c->event.notes.items[i].key, key)) {
      *out = c->event.notes.items[i].value;
      return 1;
    }
  return 0;
}

int weir_headers(weir_call *c, const weir_header_list **out) {
  if (!c->headers) {
    int32_t n;
    weir_str b;
    WEIR__READ(n, &b, 4096, weir1_headers_read(p, cap));
    if (n < 0) return n;
    weir_header_list *l = weir_alloc(sizeof *l);
    if (weir_header_list_decode(l, b)) return WEIR_MALFORMED;
    c->headers = l;
  }
  *out = c->headers;
  return 0;
}

int weir_header_get(weir_call *c, weir_str name, uint32_t nth, weir_str *out) {
  int32_t n;
  WEIR__READ(n, out, 256, weir1_header_get(name.ptr, name.len, nth, p, cap));
  if (n < WEIR_NOT_FOUND && !c->failed) {
    c->failed = n;
    if (!c->failure.len) c->failure = weir_last_error();
  }
  return n;
}

int weir_parts(weir_call *c, const weir_part_list **out) {
  if (!c->parts) {
    int32_t n;
    weir_str b;
    WEIR__READ(n, &b, 1024, weir1_parts_read(p, cap));
    if (n < 0) return n;
    weir_part_list *l = weir_alloc(sizeof *l);
    if (weir_part_list_decode(l, b)) return WEIR_MALFORMED;
    c->parts = l;
  }
  *out = c->parts;
  return 0;
}

int32_t weir_read_part(weir_call *c, int32_t part, int64_t offset, void *to, uint32_t cap) {
  (void)c;
  return weir1_body_read(part, offset, to, cap);
}

int weir_digest(weir_call *c, int32_t part, uint32_t hash, uint8_t to[32]) {
  (void)c;
  return weir1_part_hash(part, hash, to, 32);
}

int32_t weir_stage_part(weir_call *c, int32_t part, weir_str content) {
  (void)c;
  return weir1_body_write(part, content.ptr, content.len);
}

weir_reader weir_open(weir_call *c, const weir_part *p) { return (weir_reader){c, (int32_t)p->index, p->size, 0, 0, 0}; }
weir_reader weir_open_raw(weir_call *c) { return (weir_reader){c, WEIR_PART_RAW, c->event.size, 0, 0, 0}; }

int32_t weir_read_at(weir_reader *r, int64_t offset, void *to, uint32_t cap) {
  uint32_t n = 0;
  if (offset < 0) return WEIR_BAD_ARGUMENT;
  while (n < cap) {
    int64_t at = offset + n;
    if (at >= r->off && at < r->off + r->have) {
      uint32_t from = (uint32_t)(at - r->off), k = r->have - from;
      if (k > cap - n) k = cap - n;
      memcpy((char *)to + n, r->window + from, k);
      n += k;
      continue;
    }
    if (cap - n >= WEIR_WINDOW) {
      int32_t k = weir1_body_read(r->part, at, (char *)to + n, cap - n);
      if (k < 0) return k;
      if (!k) break;
      n += (uint32_t)k;
      continue;
    }
    if (!r->window) r->window = weir__take(WEIR_WINDOW);
    r->off = at - at % (WEIR_WINDOW / 2);
    r->have = 0;
    while (r->have < WEIR_WINDOW) {
      int32_t k = weir1_body_read(r->part, r->off + r->have, r->window + r->have, WEIR_WINDOW - r->have);
      if (k < 0) {
        r->have = 0;
        return k;
      }
      if (!k) break;
      r->have += (uint32_t)k;
    }
    if (at >= r->off + r->have) break;
  }
  return (int32_t)n;
}

static int weir__define(weir_call *c, const weir_patterns *s) {
  weir_buf b = {0, 0, 0};
  weir_pattern_set_append(&b, &s->set);
  return weir1_match_define(c->event.config_id, s->number, b.ptr, b.len);
}

/* A set that the host does not have (any more) is defined, and asked again. */
#define WEIR__MATCH(ask)                                  \
  do {                                                    \
    if (!s->set.patterns.len) return 0;                   \
    uint32_t cap = 4 * s->set.patterns.len;               \
    int32_t n = (ask);                                    \
    if (n == WEIR_NOT_FOUND) {                            \
      n = weir__define(c, s);                             \
      if (n >= 0) n = (ask);                              \
    }                                                     \
    return n;                                             \
  } while (0)

int weir_match_part(weir_call *c, const weir_patterns *s, int32_t part, uint32_t *hits) {
  WEIR__MATCH(weir1_match(c->event.config_id, s->number, part, hits, cap));
}

int weir_match_text(weir_call *c, const weir_patterns *s, weir_str text, uint32_t *hits) {
  WEIR__MATCH(weir1_match_text(c->event.config_id, s->number, text.ptr, text.len, hits, cap));
}

int weir_lookup(weir_call *c, weir_str list, const weir_str *keys, uint32_t count, weir_lookup_result *out) {
  weir_lookup_request req = {list, {(weir_str *)keys, count, 0}};
  weir_buf b = {0, 0, 0};
  weir_str res;
  int32_t n;
  (void)c;
  weir_lookup_request_append(&b, &req);
  WEIR__READ(n, &res, 256, weir1_list_lookup(b.ptr, b.len, p, cap));
  return n < 0 ? n : WEIR__DECODE(lookup_result, res, out);
}

int weir_kv_get(weir_call *c, weir_str key, weir_str *out) {
  int32_t n;
  (void)c;
  WEIR__READ(n, out, 256, weir1_kv_get(key.ptr, key.len, p, cap));
  return n;
}

int weir_kv_set(weir_call *c, weir_str key, weir_str value, uint64_t ttl_ms) {
  (void)c;
  return weir1_kv_set(key.ptr, key.len, value.ptr, value.len, ttl_ms);
}

int weir_kv_cas(weir_call *c, weir_str key, const weir_str *old, weir_str value, uint64_t ttl_ms) {
  (void)c;
  return weir1_kv_cas(key.ptr, key.len, old ? old->ptr : 0, old ? (int32_t)old->len : -1, value.ptr, value.len, ttl_ms);
}

int weir_kv_delete(weir_call *c, weir_str key) {
  (void)c;
  return weir1_kv_delete(key.ptr, key.len);
}

int weir_kv_add(weir_call *c, weir_str key, int64_t delta, uint64_t ttl_ms, int64_t *out) {
  (void)c;
  return weir1_kv_add(key.ptr, key.len, delta, ttl_ms, out);
}

int weir_kv_many(weir_call *c, const weir_kv_request *ops, uint32_t count, weir_kv_result_array *out) {
  weir_kv_batch req = {{(weir_kv_request *)ops, count, 0}};
  weir_kv_batch_result res;
  weir_buf b = {0, 0, 0};
  weir_str reply;
  (void)c;
  weir_kv_batch_append(&b, &req);
  int n = weir__reply(weir1_kv_batch(b.ptr, b.len), &reply);
  if (n < 0) return n;
  n = WEIR__DECODE(kv_batch_result, reply, &res);
  *out = res.results;
  return n < 0 || res.results.len == count ? n : WEIR_UNAVAILABLE;
}

int weir_dns(weir_call *c, const weir_dns_question *questions, uint32_t count, weir_dns_answer_array *out) {
  weir_dns_request req = {{(weir_dns_question *)questions, count, 0}};
  weir_dns_response res;
  weir_buf b = {0, 0, 0};
  weir_str reply;
  (void)c;
  weir_dns_request_append(&b, &req);
  int n = weir__reply(weir1_dns_query(b.ptr, b.len), &reply);
  if (n < 0) return n;
  n = WEIR__DECODE(dns_response, reply, &res);
  *out = res.answers;
  return n < 0 || res.answers.len == count ? n : WEIR_UNAVAILABLE;
}

int weir_fetch(weir_call *c, const weir_http_request *req, weir_http_response *out) {
  weir_buf b = {0, 0, 0};
  weir_str reply;
  (void)c;
  weir_http_request_append(&b, req);
  int n = weir__reply(weir1_http_fetch(b.ptr, b.len), &reply);
  return n < 0 ? n : WEIR__DECODE(http_response, reply, out);
}

int32_t weir_dial(weir_call *c, weir_str address) {
  (void)c;
  return weir1_dial(address.ptr, address.len);
}

int weir_conn_write(weir_call *c, int32_t conn, weir_str b) {
  (void)c;
  return b.len ? weir1_conn_write(conn, b.ptr, b.len) : 0;
}

int64_t weir_conn_send(weir_call *c, int32_t conn, int32_t part, int64_t offset, int64_t len) {
  (void)c;
  return weir1_conn_send(conn, part, offset, len);
}

int32_t weir_conn_read(weir_call *c, int32_t conn, void *to, uint32_t cap) {
  (void)c;
  return cap ? weir1_conn_read(conn, to, cap) : 0;
}

int weir_conn_close(weir_call *c, int32_t conn) {
  (void)c;
  return weir1_conn_close(conn);
}

int weir_schedule(weir_call *c, const weir_schedule_request *r) {
  weir_buf b = {0, 0, 0};
  (void)c;
  weir_schedule_request_append(&b, r);
  return weir1_schedule(b.ptr, b.len);
}

int weir_message(weir_call *c, weir_str id, weir_message_info *out) {
  weir_message_order o = {id, 0, {0, 0}};
  weir_buf b = {0, 0, 0};
  weir_str reply;
  (void)c;
  weir_message_order_append(&b, &o);
  int n = weir__reply(weir1_message_get(b.ptr, b.len), &reply);
  return n < 0 ? n : WEIR__DECODE(message_info, reply, out);
}

int weir_release(weir_call *c, const weir_message_order *o) {
  weir_buf b = {0, 0, 0};
  (void)c;
  weir_message_order_append(&b, o);
  return weir1_message_release(b.ptr, b.len);
}

int weir_reject_message(weir_call *c, const weir_message_order *o) {
  weir_buf b = {0, 0, 0};
  (void)c;
  weir_message_order_append(&b, o);
  return weir1_message_reject(b.ptr, b.len);
}

int weir_delete_message(weir_call *c, const weir_message_order *o) {
  weir_buf b = {0, 0, 0};
  (void)c;
  weir_message_order_append(&b, o);
  return weir1_message_delete(b.ptr, b.len);
}

int weir_submit(weir_call *c, const weir_submission *s, weir_str *id) {
  weir_buf b = {0, 0, 0};
  (void)c;
  weir_submission_append(&b, s);
  return weir__reply(weir1_message_submit(b.ptr, b.len), id);
}

weir_finding *weir_find(weir_verdict *v, weir_str main, weir_str sub) {
  weir_finding *f = weir_push(&v->findings);
  f->main = main;
  f->sub = sub;
  return f;
}

static void weir__answer(weir_verdict *v, uint32_t action, uint32_t code, weir_str enhanced, weir_str text) {
  v->action = action;
  v->code = code;
  v->enhanced = enhanced;
  v->text = text;
}

void weir_reject(weir_verdict *v, uint32_t code, weir_str enhanced, weir_str text) {
  weir__answer(v, WEIR_ACTION_REJECT, code, enhanced, text);
}

void weir_tempfail(weir_verdict *v, uint32_t code, weir_str enhanced, weir_str text) {
  weir__answer(v, WEIR_ACTION_TEMPFAIL, code, enhanced, text);
}

void weir_redirect_to(weir_verdict *v, weir_str address) {
  v->action = WEIR_ACTION_REDIRECT;
  *weir_push(&v->redirect) = address;
}

void weir_tag(weir_verdict *v, weir_str tag) { *weir_push(&v->tags) = tag; }

static void weir__edit(weir_verdict *v, uint32_t op, weir_str name, int32_t index, weir_str value) {
  *weir_push(&v->edits) = (weir_header_edit){op, name, index, value};
}

void weir_add_header(weir_verdict *v, weir_str name, weir_str value) { weir__edit(v, WEIR_HEADER_OP_ADD, name, 0, value); }

void weir_replace_header(weir_verdict *v, weir_str name, int32_t index, weir_str value) {
  weir__edit(v, WEIR_HEADER_OP_REPLACE, name, index, value);
}

void weir_remove_header(weir_verdict *v, weir_str name, int32_t index) {
  weir__edit(v, WEIR_HEADER_OP_REMOVE, name, index, (weir_str){0, 0});
}

weir_part_edit *weir_edit_part(weir_verdict *v, uint32_t op, uint32_t part, weir_str content) {
  weir_part_edit *e = weir_push(&v->part_edits);
  e->op = op;
  e->part = part;
  e->text = content;
  return e;
}

void weir_note(weir_verdict *v, weir_str key, weir_str value) { *weir_push(&v->notes) = (weir_pair){key, value}; }

void weir_result(weir_verdict *v, weir_str key, weir_str value) { *weir_push(&v->results) = (weir_pair){key, value}; }

void weir_waive(weir_verdict *v, weir_str reason, weir_str class_) {
  weir_waiver *w = weir_push(&v->waivers);
  w->reason = reason;
  *weir_push(&w->classes) = class_;
}

/* The exports. */
#define WEIR_EXPORT(name) __attribute__((export_name(#name)))

static weir_str weir__input(uint32_t len) {
  int32_t n;
  weir_str b;
  weir__reset(&weir__calls);
  weir__now = &weir__calls;
  WEIR__READ(n, &b, len, weir1_event_read(p, cap));
  return b;
}

WEIR_EXPORT(weir_abi_1) void weir__abi_1(void) {}

/* Tells the host why by a log line, the last of level error. */
static int32_t weir__outcome(int code, weir_str why) {
  if (code >= 0) return 0;
  if (!why.len && code > WEIR_MALFORMED) why = weir_last_error();
  weir_log(WEIR_LOG_LEVEL_ERROR, why.len ? why : weir_error_name(code));
  return -1;
}

WEIR_EXPORT(weir_init) int32_t weir__init(uint32_t len) {
  weir_init in;
  if (weir_init_decode(&in, weir__input(len))) return weir__outcome(WEIR_MALFORMED, WEIR_S(""));
  return weir__outcome(weir_on_init ? weir_on_init(&in) : 0, WEIR_S(""));
}

WEIR_EXPORT(weir_hook) int32_t weir__hook(uint32_t stage, uint32_t len) {
  weir_str in = weir__input(len);
  weir_call *c = weir_alloc(sizeof *c);
  weir_verdict *v = weir_alloc(sizeof *v);
  (void)stage;
  if (weir_event_decode(&c->event, in)) return weir__outcome(WEIR_MALFORMED, WEIR_S(""));
  for (uint32_t i = 0; i < weir_hook_count; i++) {
    if (weir_hooks[i].stage != c->event.stage) continue;
    int e = weir_hooks[i].hook(c, v);
    if (c->failed && e >= 0) e = c->failed;
    if (e >= 0) {
      weir_buf b = {0, 0, 0};
      weir_verdict_append(&b, v);
      e = weir1_result_write(b.ptr, b.len);
    }
    return weir__outcome(e, c->failure);
  }
  return weir__outcome(WEIR_UNAVAILABLE, WEIR_S("no hook for this stage"));
}

#endif /* WEIR_IMPLEMENTATION */
