//go:build !wasip1

package sdk

import "github.com/mailweir/weir/sdk/abi"

// Instance is a native stand-in for one instance of the registered plugin: it
// has the cache of built configurations.
type Instance struct {
	plugin *Plugin
	h      Host
	cache  configCache
}

// NewInstance runs the plugin's Init on h. Of several plugins it is the one that
// in names.
func NewInstance(h Host, in abi.Init) (*Instance, error) {
	p, err := choose(in.Plugin)
	if err != nil {
		return nil, err
	}
	if p.Init != nil {
		if err := p.Init(in); err != nil {
			return nil, err
		}
	}
	return &Instance{plugin: p, h: h}, nil
}

// Run runs the hook of the event's stage. The event and the verdict pass
// through their encodings, as they do in Wasm.
func (i *Instance) Run(ev *abi.Event) (*abi.Verdict, error) {
	out, err := i.plugin.run(i.h, &i.cache, ev.Append(nil), nil)
	if err != nil {
		return nil, err
	}
	v := new(abi.Verdict)
	return v, v.Decode(out)
}

type host = Host

func hostConfigRead(h host, id uint64) ([]byte, error)         { return h.ConfigRead(id) }
func hostLog(h host, l abi.LogLevel, line string)              { h.Log(l, line) }
func hostLogLevel(h host) abi.LogLevel                         { return h.LogLevel() }
func hostMetricAdd(h host, name string, delta int64) error     { return h.MetricAdd(name, delta) }
func hostHeadersRead(h host) ([]byte, error)                   { return h.HeadersRead() }
func hostHeaderGet(h host, name string, n int) ([]byte, error) { return h.HeaderGet(name, n) }
func hostPartsRead(h host) ([]byte, error)                     { return h.PartsRead() }
func hostListLookup(h host, req []byte) ([]byte, error)        { return h.ListLookup(req) }
func hostKVGet(h host, key string) ([]byte, error)             { return h.KVGet(key) }
func hostKVDelete(h host, key string) error                    { return h.KVDelete(key) }

func hostBodyRead(h host, part int32, off int64, p []byte) (int, error) {
	return h.BodyRead(part, off, p)
}

func hostPartHash(h host, part int32, alg abi.Hash) ([]byte, error) { return h.PartHash(part, alg) }

func hostMatchDefine(h host, id uint64, set uint32, def []byte) error {
	return h.MatchDefine(id, set, def)
}

func hostMatch(h host, id uint64, set uint32, part int32, hits []uint32) (int, error) {
	return h.Match(id, set, part, hits)
}

func hostMatchText(h host, id uint64, set uint32, text string, hits []uint32) (int, error) {
	return h.MatchText(id, set, text, hits)
}

func hostKVSet(h host, key string, value []byte, ttl int64) error { return h.KVSet(key, value, ttl) }

func hostKVCas(h host, key string, old, value []byte, ttl int64) (bool, error) {
	return h.KVCompareAndSwap(key, old, value, ttl)
}

func hostKVAdd(h host, key string, delta, ttl int64) (int64, error) { return h.KVAdd(key, delta, ttl) }
