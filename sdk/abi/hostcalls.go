package abi

// HostCall is one function that the host offers in the import module weir1.
type HostCall struct {
	Name    string
	Params  string // one letter each: i (i32) or l (i64)
	Results string
	Grant   string // kind of grant it needs, "" none
	Later   bool   // of the ABI, but not offered by this minor version
}

// HostCalls are the functions of ABI weir1, in the order of the documents.
//
// Pointers are (ptr, len) pairs for input and (ptr, cap) pairs for output. A
// function with an output pair returns the length it has; when that is more
// than cap nothing was written, and the guest calls again with more room.
// body_read alone writes what fits and returns how much. A pointer outside the
// memory ends the call (trap).
var HostCalls = []HostCall{
	{Name: "event_read", Params: "ii", Results: "i"},                      // ptr cap: the Event (in weir_init: Init)
	{Name: "config_read", Params: "lii", Results: "i"},                    // config_id ptr cap: a Value
	{Name: "result_write", Params: "ii", Results: "i"},                    // ptr len: the Verdict, at most 256 KiB; the last write counts
	{Name: "log", Params: "iii", Results: ""},                             // level ptr len; 64 lines a call, 1 KiB each
	{Name: "log_level", Params: "", Results: "i"},                         // the least level that is kept
	{Name: "error_read", Params: "ii", Results: "i"},                      // ptr cap: text of the last negative result
	{Name: "metric_add", Params: "iil", Results: "i"},                     // name(ptr len) delta: a counter of the plugin's
	{Name: "headers_read", Params: "ii", Results: "i"},                    // ptr cap: a HeaderList
	{Name: "header_get", Params: "iiiii", Results: "i"},                   // name(ptr len) nth ptr cap: the value
	{Name: "parts_read", Params: "ii", Results: "i"},                      // ptr cap: a PartList
	{Name: "body_read", Params: "ilii", Results: "i"},                     // part offset ptr cap: octets, 0 at the end
	{Name: "part_hash", Params: "iiii", Results: "i"},                     // part Hash ptr cap: the digest
	{Name: "match_define", Params: "liii", Results: "i"},                  // config_id set ptr len: compiles a PatternSet
	{Name: "match", Params: "liiii", Results: "i"},                        // config_id set part ptr cap(octets): count of hits; u32 numbers of the patterns
	{Name: "match_text", Params: "liiiii", Results: "i"},                  // config_id set text(ptr len) ptr cap: as match
	{Name: "list_lookup", Params: "iiii", Results: "i", Grant: "lists"},   // LookupRequest(ptr len) ptr cap: a LookupResult
	{Name: "kv_get", Params: "iiii", Results: "i", Grant: "kv"},           // key(ptr len) ptr cap: the value
	{Name: "kv_set", Params: "iiiil", Results: "i", Grant: "kv"},          // key value(ptr len) ttl_ms, 0 for ever
	{Name: "kv_cas", Params: "iiiiiil", Results: "i", Grant: "kv"},        // key old(ptr len; len -1 absent) new(ptr len) ttl_ms: 1 done, 0 not
	{Name: "kv_delete", Params: "ii", Results: "i", Grant: "kv"},          // key
	{Name: "kv_add", Params: "iilli", Results: "i", Grant: "kv"},          // key delta ttl_ms out: the new i64 at out
	{Name: "kv_batch", Params: "ii", Results: "i", Grant: "kv"},           // KVBatch(ptr len): length of the KVBatchResult for reply_read
	{Name: "body_write", Params: "iii", Results: "i"},                     // part ptr len: appends to the content staged for a PartEdit of the part; its length so far
	{Name: "reply_read", Params: "ii", Results: "i"},                      // ptr cap: the reply of the last call that left one
	{Name: "dns_query", Params: "ii", Results: "i", Grant: "dns"},         // DNSRequest(ptr len): length of the DNSResponse for reply_read
	{Name: "http_fetch", Params: "ii", Results: "i", Grant: "http"},       // HTTPRequest(ptr len): length of the HTTPResponse for reply_read
	{Name: "dial", Params: "ii", Results: "i", Grant: "dial"},             // address(ptr len) "unix:/path" or "host:port": a connection's number; it ends with the call
	{Name: "conn_write", Params: "iii", Results: "i", Grant: "dial"},      // conn ptr len: all of it is written
	{Name: "conn_send", Params: "iill", Results: "l", Grant: "dial"},      // conn part offset length: writes a part's content without the guest; octets written, less at the part's end
	{Name: "conn_read", Params: "iii", Results: "i", Grant: "dial"},       // conn ptr cap: what there is, 0 at the end
	{Name: "conn_close", Params: "i", Results: "i", Grant: "dial"},        // conn
	{Name: "schedule", Params: "ii", Results: "i", Grant: "queue"},        // ScheduleRequest(ptr len)
	{Name: "message_get", Params: "ii", Results: "i", Grant: "queue"},     // MessageOrder(ptr len): length of the MessageInfo for reply_read
	{Name: "message_release", Params: "ii", Results: "i", Grant: "queue"}, // MessageOrder(ptr len): how many recipients changed
	{Name: "message_reject", Params: "ii", Results: "i", Grant: "queue"},  // as message_release: removed, and an authenticated sender is told
	{Name: "message_delete", Params: "ii", Results: "i", Grant: "queue"},  // as message_release: removed
	{Name: "message_submit", Params: "ii", Results: "i", Grant: "queue"},  // Submission(ptr len): length of its ID for reply_read
}
