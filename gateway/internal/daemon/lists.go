package daemon

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/store/softkv"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// noClients admits nobody: a prefix that no client address has.
var noClients = []netip.Prefix{}

// namedLists gives plugins the named lists: those of the policy, and what
// operators added to them.
type namedLists struct {
	s     *snapshots
	names *listNames
	added *lists.Lists
}

// override is what an operator chose for a class of findings (B37).
func (d *Daemon) override(tenant, main, sub, extra string) (policy.Override, bool) {
	o, ok := d.lists.Action(tenant, main, sub, extra)
	if o.Action == "deliver" {
		o.Action = "continue"
	}
	return policy.Override{Action: o.Action, By: o.By}, ok
}

// listNames remembers which lists a policy has.
type listNames struct {
	mu  sync.Mutex
	of  *policy.Policy
	has map[string]bool
}

func newLists(s *snapshots, added *lists.Lists) namedLists { return namedLists{s, &listNames{}, added} }

// Lookup implements filter.Lists: the first key that is listed.
func (l namedLists) Lookup(_ context.Context, tenant, list string, keys []string) (key, value string, found bool, err error) {
	if lists.Known(list) {
		key, value, found = l.added.Lookup(tenant, list, keys)
		return key, value, found, nil
	}
	p := l.s.policy()
	if !l.names.known(p, tenant, list) {
		return "", "", false, filter.ErrNoList
	}
	for _, k := range keys {
		// The policy's lists are for everybody: a mailbox's part of a key is no
		// part of an address.
		if _, _, own := lists.SplitKey(k); !own && p.Listed(tenant, list, k) {
			return k, k, true, nil
		}
	}
	key, value, found = l.added.Lookup(tenant, list, keys)
	return key, value, found, nil
}

// listed is the policy's function listed(), with what operators added.
func (l namedLists) listed(tenant, list, key string) bool {
	if l.s.policy().Listed(tenant, list, key) {
		return true
	}
	_, ok := l.added.Find(tenant, list, "", key)
	return ok
}

func (n *listNames) known(p *policy.Policy, tenant, list string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of != p {
		n.of, n.has = p, map[string]bool{}
		for _, l := range p.Lists() {
			n.has[l.Tenant+"\x00"+l.Name] = true
		}
	}
	return n.has["\x00"+list] || n.has[tenant+"\x00"+list]
}

// pluginKV is the soft store as plugins see it. What a plugin writes without a
// time-to-live, what it has learnt above all, and what it swaps is on disk when
// the call returns; the rest is as soft as the store.
type pluginKV struct {
	s      *softkv.Store
	noSync bool // for tests
}

// quota is how much a plugin may keep for one tenant: what the policy of now
// says. The gateway's own state has no bound.
func (d *Daemon) quota(plugin string) int64 {
	p := d.snaps.policy()
	if p == nil {
		return 0
	}
	for _, pl := range p.Plugins() {
		if pl.Name == plugin {
			return pl.Limits.KV
		}
	}
	return 0
}

// durable ends a write.
func (k pluginKV) durable(wanted bool, err error) error {
	if err != nil || !wanted || k.noSync {
		return err
	}
	return k.s.Sync()
}

func (k pluginKV) Get(_ context.Context, plugin, tenant, key string) ([]byte, bool, error) {
	return k.s.Get(plugin, tenant, key)
}

func (k pluginKV) Set(_ context.Context, plugin, tenant, key string, value []byte, ttl time.Duration) error {
	return k.durable(ttl == 0, k.s.Set(plugin, tenant, key, value, ttl))
}

func (k pluginKV) CompareAndSwap(_ context.Context, plugin, tenant, key string, old, value []byte, ttl time.Duration) (bool, error) {
	done, err := k.s.CAS(plugin, tenant, key, old, value, ttl)
	return done, k.durable(done, err)
}

func (k pluginKV) Delete(_ context.Context, plugin, tenant, key string) error {
	return k.s.Delete(plugin, tenant, key)
}

func (k pluginKV) Add(_ context.Context, plugin, tenant, key string, delta int64, ttl time.Duration) (int64, error) {
	n, err := k.s.Add(plugin, tenant, key, delta, ttl)
	return n, k.durable(ttl == 0, err)
}

func (k pluginKV) Batch(_ context.Context, plugin, tenant string, ops []abi.KVRequest) ([]abi.KVResult, error) {
	batch := make([]softkv.Op, len(ops))
	lasting := false
	for i, o := range ops {
		lasting = lasting || o.TTLMs == 0 && (o.Op == abi.KVOpSet || o.Op == abi.KVOpAdd)
		batch[i] = softkv.Op{Kind: softkv.OpKind(o.Op), Key: o.Key, Value: o.Value, Delta: o.Delta, TTL: time.Duration(o.TTLMs) * time.Millisecond}
	}
	done, err := k.s.Batch(plugin, tenant, batch, filter.MaxKVReply)
	if errors.Is(err, softkv.ErrBatch) {
		return nil, filter.ErrKVReply
	}
	if err := k.durable(lasting, err); err != nil {
		return nil, err
	}
	out := make([]abi.KVResult, len(done))
	for i, r := range done {
		out[i] = abi.KVResult{Found: r.Found, Value: r.Value, Number: r.Sum}
	}
	return out, nil
}
