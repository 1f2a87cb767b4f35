package filter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter/meter"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/grant"
	"github.com/mailweir/weir/sdk/abi/manifest"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// hostFunc is one host function. Its result goes to st[0], by the ABI.
type hostFunc func(in *instance, c *call, mem guestMemory, st []uint64)

// hostFuncs are the functions of module weir1, by name.
var hostFuncs = map[string]hostFunc{
	"event_read":   eventRead,
	"config_read":  configRead,
	"result_write": resultWrite,
	"log":          logWrite,
	"log_level":    logLevel,
	"error_read":   errorRead,
	"metric_add":   metricAdd,
	"headers_read": headersRead,
	"header_get":   headerGet,
	"parts_read":   partsRead,
	"body_read":    bodyRead,
	"part_hash":    partHash,
	"match_define": matchDefine,
	"match":        matchPart,
	"match_text":   matchText,
	"list_lookup":  listLookup,
	"kv_get":       kvGet,
	"kv_set":       kvSet,
	"kv_cas":       kvCas,
	"kv_delete":    kvDelete,
	"kv_add":       kvAdd,
	"kv_batch":     kvBatch,
	"body_write":   bodyWrite,
	"reply_read":   replyRead,
	"dns_query":    dnsQuery,
	"http_fetch":   httpFetch,
	"dial":         dialAddress,
	"conn_write":   connWrite,
	"conn_send":    connSend,
	"conn_read":    connRead,
	"conn_close":   connClose,

	"schedule":        scheduleCall,
	"message_get":     messageGet,
	"message_release": messageVerb("release"),
	"message_reject":  messageVerb("reject"),
	"message_delete":  messageVerb("delete"),
	"message_submit":  messageSubmit,
}

// guestMemory reads and writes the guest's memory; a pointer that is outside
// of it ends the guest.
type guestMemory struct {
	api.Memory
	fn string
}

func (m guestMemory) at(p, n uint64) []byte {
	b, ok := m.Read(uint32(p), uint32(n))
	if !ok {
		panic(trap("bad pointer in " + m.fn))
	}
	return b
}

// str copies a short text out; what is longer than limit is cut right after it,
// so that it equals nothing that is at most limit long.
func (m guestMemory) str(p, n uint64, limit int) string {
	b := m.at(p, n)
	return string(b[:min(len(b), limit+1)])
}

// give writes b to (ptr, cap) if it fits and returns its length.
func (m guestMemory) give(b []byte, p, capacity uint64) int32 {
	to := m.at(p, capacity)
	if len(b) <= len(to) {
		copy(to, b)
	}
	return int32(len(b))
}

func result(st []uint64, n int32) { st[0] = api.EncodeI32(n) }

type instanceKey struct{}

func instanceOf(ctx context.Context) *instance {
	in, _ := ctx.Value(instanceKey{}).(*instance)
	return in
}

// bind makes a wazero function of f. A guest may call the host only during a
// call of its own, which wazero guarantees but for a bug.
func bind(name string, f hostFunc) api.GoModuleFunction {
	return api.GoModuleFunc(func(ctx context.Context, m api.Module, st []uint64) {
		in := instanceOf(ctx)
		if in == nil || in.call == nil || m.Memory() == nil {
			panic(trap(name + " outside of a call"))
		}
		// A loop of host calls that copy much would otherwise run past the
		// deadline: the meter counts instructions, not what the host does.
		if time.Since(start) >= in.call.until {
			panic(errDeadline)
		}
		if in.call.fault(name, st) {
			return
		}
		f(in, in.call, guestMemory{m.Memory(), name}, st)
	})
}

func types(s string) []api.ValueType {
	out := make([]api.ValueType, len(s))
	for i := range s {
		out[i] = api.ValueTypeI32
		if s[i] == 'l' {
			out[i] = api.ValueTypeI64
		}
	}
	return out
}

// link puts the host modules into a runtime: all of WASI's cut, the metering
// tick, and of weir1 what needs no grant or whose grant is in effect. A grant
// that is asked for as optional and was not given has functions that answer
// "denied"; so has, in the gateway's own plugins, one that is not asked for:
// several of them are one program, and import what any of them needs.
func link(ctx context.Context, r wazero.Runtime, m *manifest.Manifest, granted map[string][]string, trusted bool) error {
	b := r.NewHostModuleBuilder(abi.Module)
	for _, h := range abi.HostCalls {
		f := hostFuncs[h.Name]
		if h.Later || f == nil {
			continue
		}
		if _, ok := granted[h.Grant]; h.Grant != "" && !ok {
			if g, ok := m.Grant(h.Grant); !(ok && g.Optional || !ok && trusted) {
				continue
			}
			f = denied(h)
		}
		b.NewFunctionBuilder().WithGoModuleFunction(bind(h.Name, f), types(h.Params), types(h.Results)).Export(h.Name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("linking %s: %w", abi.Module, err)
	}
	if err := linkWASI(ctx, r); err != nil {
		return err
	}
	_, err := r.NewHostModuleBuilder(meter.Module).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(tick), nil, nil).Export(meter.Function).Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("linking %s: %w", meter.Module, err)
	}
	return nil
}

func denied(h abi.HostCall) hostFunc {
	return func(_ *instance, c *call, _ guestMemory, st []uint64) {
		code := c.fail(abi.ErrDenied, `grant "`+h.Grant+`" is not given`)
		if result(st, code); h.Results == "l" {
			st[0] = uint64(int64(code))
		}
	}
}

// checkImports explains what would not link.
func checkImports(cm wazero.CompiledModule, m *manifest.Manifest, granted map[string][]string, trusted bool) error {
	if len(cm.ImportedMemories()) > 0 {
		return fmt.Errorf("imports a memory; a plugin must have its own")
	}
	for _, f := range cm.ImportedFunctions() {
		mod, name, _ := f.Import()
		switch mod {
		case meter.Module:
			continue // only the rewriter's own gets this far
		case wasiModule:
			if _, ok := wasiFuncs[name]; !ok {
				return fmt.Errorf("imports %s.%s, which is no function of WASI preview 1", mod, name)
			}
			continue
		case abi.Module:
		default:
			return fmt.Errorf("imports %s.%s; weir offers the modules %s and %s only", mod, name, abi.Module, wasiModule)
		}
		i := slices.IndexFunc(abi.HostCalls, func(h abi.HostCall) bool { return h.Name == name })
		if i < 0 {
			return fmt.Errorf("imports %s.%s, which is not in ABI version %d", mod, name, abi.Major)
		}
		h := abi.HostCalls[i]
		if h.Later || hostFuncs[h.Name] == nil {
			return fmt.Errorf("imports %s.%s, which this version of weir does not offer yet", mod, name)
		}
		if _, ok := granted[h.Grant]; h.Grant == "" || ok {
			continue
		}
		g, asked := m.Grant(h.Grant)
		switch {
		case !asked && trusted:
		case !asked:
			return fmt.Errorf("imports %s.%s, which needs grant %q, and its manifest does not ask for it", mod, name, h.Grant)
		case !g.Optional:
			return fmt.Errorf("imports %s.%s, which needs grant %q; add to the plugin block: grant { %s }", mod, name, h.Grant, grant.Example(h.Grant))
		}
	}
	return nil
}

// effective is manifest ∩ HCL. A required grant that HCL does not give is an error.
func effective(m *manifest.Manifest, hcl map[string][]string) (map[string][]string, error) {
	out := map[string][]string{}
	var missing []string
	for _, g := range m.Grants {
		if what, ok := hcl[g.Kind]; ok {
			out[g.Kind] = what
		} else if !g.Optional {
			missing = append(missing, fmt.Sprintf("%s (%s)", g.Kind, g.Reason))
		}
	}
	if len(missing) > 0 {
		kind, _, _ := strings.Cut(missing[0], " ")
		return nil, fmt.Errorf("asks for %s; add to the plugin block: grant { %s }", strings.Join(missing, ", "), grant.Example(kind))
	}
	return out, nil
}
