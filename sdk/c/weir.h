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

/* Lists: len items at items. Make them yourself, or let weir_push grow them. */
typedef struct weir_pair weir_pair;
typedef struct { weir_pair *items; uint32_t len, cap; } weir_pair_list;
typedef struct weir_header weir_header;
typedef struct { weir_header *items; uint32_t len, cap; } weir_header_list;
typedef struct weir_init weir_init;
typedef struct { weir_init *items; uint32_t len, cap; } weir_init_list;
typedef struct weir_client weir_client;
typedef struct { weir_client *items; uint32_t len, cap; } weir_client_list;
typedef struct weir_attempt weir_attempt;
typedef struct { weir_attempt *items; uint32_t len, cap; } weir_attempt_list;
typedef struct weir_event weir_event;
typedef struct { weir_event *items; uint32_t len, cap; } weir_event_list;
typedef struct weir_part weir_part;
typedef struct { weir_part *items; uint32_t len, cap; } weir_part_list;
typedef struct weir_part_list weir_part_list;
typedef struct { weir_part_list *items; uint32_t len, cap; } weir_part_list_list;
typedef struct weir_header_list weir_header_list;
typedef struct { weir_header_list *items; uint32_t len, cap; } weir_header_list_list;
typedef struct weir_finding weir_finding;
typedef struct { weir_finding *items; uint32_t len, cap; } weir_finding_list;
typedef struct weir_header_edit weir_header_edit;
typedef struct { weir_header_edit *items; uint32_t len, cap; } weir_header_edit_list;
typedef struct weir_part_edit weir_part_edit;
typedef struct { weir_part_edit *items; uint32_t len, cap; } weir_part_edit_list;
typedef struct weir_recipient_action weir_recipient_action;
typedef struct { weir_recipient_action *items; uint32_t len, cap; } weir_recipient_action_list;
typedef struct weir_hold weir_hold;
typedef struct { weir_hold *items; uint32_t len, cap; } weir_hold_list;
typedef struct weir_waiver weir_waiver;
typedef struct { weir_waiver *items; uint32_t len, cap; } weir_waiver_list;
typedef struct weir_verdict weir_verdict;
typedef struct { weir_verdict *items; uint32_t len, cap; } weir_verdict_list;
typedef struct weir_value weir_value;
typedef struct { weir_value *items; uint32_t len, cap; } weir_value_list;
typedef struct weir_lookup_request weir_lookup_request;
typedef struct { weir_lookup_request *items; uint32_t len, cap; } weir_lookup_request_list;
typedef struct weir_lookup_result weir_lookup_result;
typedef struct { weir_lookup_result *items; uint32_t len, cap; } weir_lookup_result_list;
typedef struct weir_pattern weir_pattern;
typedef struct { weir_pattern *items; uint32_t len, cap; } weir_pattern_list;
typedef struct weir_pattern_set weir_pattern_set;
typedef struct { weir_pattern_set *items; uint32_t len, cap; } weir_pattern_set_list;
typedef struct weir_recipient_info weir_recipient_info;
typedef struct { weir_recipient_info *items; uint32_t len, cap; } weir_recipient_info_list;
typedef struct weir_message_info weir_message_info;
typedef struct { weir_message_info *items; uint32_t len, cap; } weir_message_info_list;
typedef struct weir_dns_question weir_dns_question;
typedef struct { weir_dns_question *items; uint32_t len, cap; } weir_dns_question_list;
typedef struct weir_dns_request weir_dns_request;
typedef struct { weir_dns_request *items; uint32_t len, cap; } weir_dns_request_list;
typedef struct weir_dns_answer weir_dns_answer;
typedef struct { weir_dns_answer *items; uint32_t len, cap; } weir_dns_answer_list;
typedef struct weir_dns_response weir_dns_response;
typedef struct { weir_dns_response *items; uint32_t len, cap; } weir_dns_response_list;
typedef struct weir_http_request weir_http_request;
typedef struct { weir_http_request *items; uint32_t len, cap; } weir_http_request_list;
typedef struct weir_http_response weir_http_response;
typedef struct { weir_http_response *items; uint32_t len, cap; } weir_http_response_list;
typedef struct weir_kv_request weir_kv_request;
typedef struct { weir_kv_request *items; uint32_t len, cap; } weir_kv_request_list;
typedef struct weir_kv_batch weir_kv_batch;
typedef struct { weir_kv_batch *items; uint32_t len, cap; } weir_kv_batch_list;
typedef struct weir_kv_result weir_kv_result;
typedef struct { weir_kv_result *items; uint32_t len, cap; } weir_kv_result_list;
typedef struct weir_kv_batch_result weir_kv_batch_result;
typedef struct { weir_kv_batch_result *items; uint32_t len, cap; } weir_kv_batch_result_list;
typedef struct weir_schedule_request weir_schedule_request;
typedef struct { weir_schedule_request *items; uint32_t len, cap; } weir_schedule_request_list;
typedef struct weir_message_order weir_message_order;
typedef struct { weir_message_order *items; uint32_t len, cap; } weir_message_order_list;
typedef struct weir_submission weir_submission;
typedef struct { weir_submission *items; uint32_t len, cap; } weir_submission_list;

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
  weir_str_list features;
  uint64_t memory_limit;
  uint64_t deadline_ms;
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
  weir_str_list recipients; /* all accepted so far; at message: those of this tenant */
  uint64_t size; /* octets; at mail_from the declared SIZE */
  uint32_t part_count; /* parts_read has them */
  weir_bool malformed; /* the MIME structure is uncertain */
  uint64_t received_unix_ms;
  weir_pair_list notes; /* the plugin's own, from earlier stages of this session */
  weir_str filter; /* name of the HCL filter block */
  weir_attempt attempt; /* stage delivery */
  weir_str name; /* action, schedule, hold_event: what is called or happened */
  weir_str payload; /* action: parameters as a Value; schedule: as given */
  weir_message_info_list message; /* action, schedule, hold_event: what is recorded of the message; one or none */
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
  weir_str_list names; /* where readers may see different file names: each of them, filename first */
};

struct weir_part_list {
  weir_part_list parts;
  weir_bool malformed;
};

struct weir_header_list {
  weir_header_list headers;
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
  weir_str_list classes;
  weir_str reason;
};

/* What weir_hook writes by result_write. */
struct weir_verdict {
  uint32_t action; /* WEIR_ACTION_* recommendation as a whole, where no finding says why */
  uint32_t code;
  weir_str enhanced;
  weir_str text;
  weir_finding_list findings;
  weir_str_list tags;
  weir_header_edit_list edits;
  weir_recipient_action_list recipients;
  weir_str_list redirect;
  weir_hold hold;
  weir_str route;
  uint64_t delay_ms;
  weir_pair_list notes;
  weir_waiver_list waivers;
  weir_part_edit_list part_edits;
  weir_bool keep_original; /* keep the message as it came in quarantine, beside what is delivered with part_edits */
  weir_pair_list results; /* action: what is shown to the one who called it, beside text */
};

/* A typed configuration value (config_read gives one, an object). */
struct weir_value {
  uint32_t kind; /* WEIR_VALUE_KIND_* */
  weir_bool bool_;
  double number;
  weir_str string;
  weir_str_list keys; /* object: names, in step with items */
  weir_value_list items; /* list, object */
};

/* list_lookup: keys in, the first that hits out. */
struct weir_lookup_request {
  weir_str list;
  weir_str_list keys;
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
  weir_pattern_list patterns;
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
  weir_finding_list findings;
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
  weir_str_list attachments;
  weir_bool has_body;
  weir_recipient_info_list recipients; /* those of the tenant of the call */
};

/* dns_query: several questions at once; reply_read gives the answers in step. */
struct weir_dns_question {
  weir_str name;
  weir_str type;
};

struct weir_dns_request {
  weir_dns_question_list questions;
};

struct weir_dns_answer {
  uint32_t code; /* WEIR_DNS_CODE_* */
  weir_str_list records;
  uint32_t ttl_s;
  weir_bool secure;
};

struct weir_dns_response {
  weir_dns_answer_list answers;
};

/* http_fetch; reply_read gives the response. Redirects are not followed. */
struct weir_http_request {
  weir_str method;
  weir_str url;
  weir_header_list headers;
  weir_str body;
  uint32_t body_part; /* send a part as the body: 0 no, 1 the raw message, 2 + its index */
  uint32_t timeout_ms; /* 0: what is left of the call */
  uint32_t max_body; /* octets of the response's body that are kept, 0: 64 KiB; at most 4 MiB */
};

struct weir_http_response {
  uint32_t status;
  weir_header_list headers;
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
  weir_kv_request_list ops;
};

struct weir_kv_result {
  weir_bool found;
  weir_str value;
  int64_t number;
};

struct weir_kv_batch_result {
  weir_kv_result_list results;
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
  weir_str_list to;
  weir_str subject;
  weir_str text;
  weir_header_list headers;
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
  weir__end(b, at);
}

static void weir__read_init(weir_decoder *d, weir_init *v) {
  uint32_t outer;
  if (!weir__enter(d, &outer)) return;
  v->host_minor = weir__get_u32(d);
  {
    uint32_t n = weir__count(d, 4);
    v->features.items = n ? weir_alloc(n * sizeof *v->features.items) : 0;
    while (n-- && weir__item(d)) {
      v->features.items[v->features.len++] = weir__get_str(d);
    }
    v->features.cap = v->features.len;
  }
  v->memory_limit = weir__get_u64(d);
  v->deadline_ms = weir__get_u64(d);
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
    v->recipients.items = n ? weir_alloc(n * sizeof *v->recipients.items) : 0;
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
    v->notes.items = n ? weir_alloc(n * sizeof *v->notes.items) : 0;
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
    v->message.items = n ? weir_alloc(n * sizeof *v->message.items) : 0;
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
    v->names.items = n ? weir_alloc(n * sizeof *v->names.items) : 0;
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
    v->parts.items = n ? weir_alloc(n * sizeof *v->parts.items) : 0;
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
    v->headers.items = n ? weir_alloc(n * sizeof *v->headers.items) : 0;
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
    v->classes.items = n ? weir_alloc(n * sizeof *v->classes.items) : 0;
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
    v->findings.items = n ? weir_alloc(n * sizeof *v->findings.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->findings.items[v->findings.len], sizeof *v->findings.items);
      weir__read_finding(d, &v->findings.items[v->findings.len++]);
    }
    v->findings.cap = v->findings.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->tags.items = n ? weir_alloc(n * sizeof *v->tags.items) : 0;
    while (n-- && weir__item(d)) {
      v->tags.items[v->tags.len++] = weir__get_str(d);
    }
    v->tags.cap = v->tags.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->edits.items = n ? weir_alloc(n * sizeof *v->edits.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->edits.items[v->edits.len], sizeof *v->edits.items);
      weir__read_header_edit(d, &v->edits.items[v->edits.len++]);
    }
    v->edits.cap = v->edits.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->recipients.items = n ? weir_alloc(n * sizeof *v->recipients.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->recipients.items[v->recipients.len], sizeof *v->recipients.items);
      weir__read_recipient_action(d, &v->recipients.items[v->recipients.len++]);
    }
    v->recipients.cap = v->recipients.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->redirect.items = n ? weir_alloc(n * sizeof *v->redirect.items) : 0;
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
    v->notes.items = n ? weir_alloc(n * sizeof *v->notes.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->notes.items[v->notes.len], sizeof *v->notes.items);
      weir__read_pair(d, &v->notes.items[v->notes.len++]);
    }
    v->notes.cap = v->notes.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->waivers.items = n ? weir_alloc(n * sizeof *v->waivers.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->waivers.items[v->waivers.len], sizeof *v->waivers.items);
      weir__read_waiver(d, &v->waivers.items[v->waivers.len++]);
    }
    v->waivers.cap = v->waivers.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->part_edits.items = n ? weir_alloc(n * sizeof *v->part_edits.items) : 0;
    while (n-- && weir__item(d)) {
      weir__zero(&v->part_edits.items[v->part_edits.len], sizeof *v->part_edits.items);
      weir__read_part_edit(d, &v->part_edits.items[v->part_edits.len++]);
    }
    v->part_edits.cap = v->part_edits.len;
  }
  v->keep_original = weir__get_bool(d);
  {
    uint32_t n = weir__count(d, 4);
    v->results.items = n ? weir_alloc(n * sizeof *v->results.items) : 0;
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
    v->keys.items = n ? weir_alloc(n * sizeof *v->keys.items) : 0;
    while (n-- && weir__item(d)) {
      v->keys.items[v->keys.len++] = weir__get_str(d);
    }
    v->keys.cap = v->keys.len;
  }
  {
    uint32_t n = weir__count(d, 4);
    v->items.items = n ? weir_alloc(n * sizeof *v->items.items) : 0;
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
    v->keys.items = n ? weir_alloc(n * sizeof *v->keys.items) : 0;
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
    v->patterns.items = n ? weir_alloc(n * sizeof *v->patterns.items) : 0;
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
    v->findings.items = n ? weir_alloc(n * sizeof *v->findings.items) : 0;
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
    v->attachments.items = n ? weir_alloc(n * sizeof *v->attachments.items) : 0;
    while (n-- && weir__item(d)) {
      v->attachments.items[v->attachments.len++] = weir__get_str(d);
    }
    v->attachments.cap = v->attachments.len;
  }
  v->has_body = weir__get_bool(d);
  {
    uint32_t n = weir__count(d, 4);
    v->recipients.items = n ? weir_alloc(n * sizeof *v->recipients.items) : 0;
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
    v->questions.items = n ? weir_alloc(n * sizeof *v->questions.items) : 0;
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
    v->records.items = n ? weir_alloc(n * sizeof *v->records.items) : 0;
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
    v->answers.items = n ? weir_alloc(n * sizeof *v->answers.items) : 0;
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
    v->headers.items = n ? weir_alloc(n * sizeof *v->headers.items) : 0;
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
    v->headers.items = n ? weir_alloc(n * sizeof *v->headers.items) : 0;
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
    v->ops.items = n ? weir_alloc(n * sizeof *v->ops.items) : 0;
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
    v->results.items = n ? weir_alloc(n * sizeof *v->results.items) : 0;
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
    v->to.items = n ? weir_alloc(n * sizeof *v->to.items) : 0;
    while (n-- && weir__item(d)) {
      v->to.items[v->to.len++] = weir__get_str(d);
    }
    v->to.cap = v->to.len;
  }
  v->subject = weir__get_str(d);
  v->text = weir__get_str(d);
  {
    uint32_t n = weir__count(d, 4);
    v->headers.items = n ? weir_alloc(n * sizeof *v->headers.items) : 0;
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
