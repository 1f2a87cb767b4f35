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
	{Name: "event_read", Params: "ii", Results: "i"},                    // ptr cap: the Event (in weir_init: Init)
	{Name: "config_read", Params: "lii", Results: "i"},                  // config_id ptr cap: a Value
	{Name: "result_write", Params: "ii", Results: "i"},                  // ptr len: the Verdict, at most 256 KiB; the last write counts
	{Name: "log", Params: "iii", Results: ""},                           // level ptr len; 64 lines a call, 1 KiB each
	{Name: "log_level", Params: "", Results: "i"},                       // the least level that is kept
	{Name: "error_read", Params: "ii", Results: "i"},                    // ptr cap: text of the last negative result
	{Name: "metric_add", Params: "iil", Results: "i"},                   // name(ptr len) delta: a counter of the plugin's
	{Name: "headers_read", Params: "ii", Results: "i"},                  // ptr cap: a HeaderList
	{Name: "header_get", Params: "iiiii", Results: "i"},                 // name(ptr len) nth ptr cap: the value
	{Name: "parts_read", Params: "ii", Results: "i"},                    // ptr cap: a PartList
	{Name: "body_read", Params: "ilii", Results: "i"},                   // part offset ptr cap: octets, 0 at the end
	{Name: "part_hash", Params: "iiii", Results: "i"},                   // part Hash ptr cap: the digest
	{Name: "match_define", Params: "liii", Results: "i"},                // config_id set ptr len: compiles a PatternSet
	{Name: "match", Params: "liiii", Results: "i"},                      // config_id set part ptr cap(octets): count of hits; u32 numbers of the patterns
	{Name: "match_text", Params: "liiiii", Results: "i"},                // config_id set text(ptr len) ptr cap: as match
	{Name: "list_lookup", Params: "iiii", Results: "i", Grant: "lists"}, // LookupRequest(ptr len) ptr cap: a LookupResult
	{Name: "kv_get", Params: "iiii", Results: "i", Grant: "kv"},         // key(ptr len) ptr cap: the value
	{Name: "kv_set", Params: "iiiil", Results: "i", Grant: "kv"},        // key value(ptr len) ttl_ms, 0 for ever
	{Name: "kv_cas", Params: "iiiiiil", Results: "i", Grant: "kv"},      // key old(ptr len; len -1 absent) new(ptr len) ttl_ms: 1 done, 0 not
	{Name: "kv_delete", Params: "ii", Results: "i", Grant: "kv"},        // key
	{Name: "kv_add", Params: "iilli", Results: "i", Grant: "kv"},        // key delta ttl_ms out: the new i64 at out
	{Name: "body_write", Later: true},
	{Name: "dns_query", Grant: "dns", Later: true},
	{Name: "http_fetch", Grant: "http", Later: true},
	{Name: "dial", Grant: "dial", Later: true},
	{Name: "schedule", Grant: "queue", Later: true},
	{Name: "message_get", Grant: "queue", Later: true},
	{Name: "message_release", Grant: "queue", Later: true},
	{Name: "message_reject", Grant: "queue", Later: true},
	{Name: "message_delete", Grant: "queue", Later: true},
	{Name: "message_submit", Grant: "queue", Later: true},
}
