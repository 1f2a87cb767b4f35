package builtin_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// tries counts, as far as the unlock plugin asks a store to.
type tries struct {
	filter.KV
	n atomic.Int64
}

func (k *tries) Add(_ context.Context, plugin, tenant, key string, delta int64, ttl time.Duration) (int64, error) {
	if plugin != "unlock" || tenant != "t" || key != "tries/01m" || ttl != time.Hour {
		return 0, filter.ErrBadRequest
	}
	return k.n.Add(delta), nil
}

// orders takes orders.
type orders struct {
	filter.Queue
	last  abi.MessageOrder
	count int
}

func (q *orders) Order(_ context.Context, verb, plugin, tenant string, o abi.MessageOrder) (int, error) {
	if verb != "release" || plugin != "unlock" || tenant != "t" {
		return 0, filter.ErrBadRequest
	}
	q.last = o
	q.count++
	return 1, nil
}

func archiveOf(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../../plugins/unlock/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unlock calls the action on a stalled message.
func (g *gate) unlock(msg, password string) (*abi.Verdict, error) {
	g.t.Helper()
	tree := g.parse(msg)
	p := abi.Object()
	p.Set("password", abi.String(password))
	ev := &abi.Event{
		Stage: abi.StageAction, Name: "open", ID: "01m", Tenant: "t", ConfigID: 1, Size: uint64(len(msg)), PartCount: uint32(len(tree.Parts().Parts)),
		Payload: p.Append(nil), Actor: "anna", Message: []abi.MessageInfo{{ID: "01m", Recipients: []abi.RecipientInfo{{
			N: 1, Status: "stalled", Class: "unscannable/encrypted-archive",
			Findings: []abi.Finding{{Main: "unscannable", Sub: "encrypted-archive", Action: abi.ActionStall}},
		}}}},
	}
	return g.Call(context.Background(), "unlock", ev, tree)
}

// The unlock plugin in Wasm.
func TestUnlock(t *testing.T) {
	kv, q := &tries{}, &orders{}
	g := single(t, "unlock", []string{"kv", "queue"}, abi.Object(), filter.Options{KV: kv, Queue: q})
	for _, c := range []struct{ name, pass, want string }{
		{"zipcrypto.zip", "nonsense", "kept: the password is wrong"},
		{"zipcrypto.zip", "secret!", "released"},
		{"aes256.zip", "nonsense", "kept: the password is wrong"},
		{"aes256.zip", "secret!", "released"},
		{"names.7z", "nonsense", "kept: the password is wrong"},
		{"names.7z", "secret!", "released"},
		{"nested.7z", "secret!", "released"},
		{"rar5-names.rar", "nonsense", "kept: the password is wrong"},
		{"rar5-names.rar", "secret!", "released"},
		{"program.zip", "secret!", "kept: there is something forbidden in it"},
		{"macro.zip", "secret!", "kept: there is something forbidden in it"},
	} {
		q.count = 0
		kv.n.Store(0)
		v, err := g.unlock(attached("a.bin", archiveOf(t, c.name)), c.pass)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		released := strings.HasPrefix(c.want, "released")
		if !strings.HasPrefix(v.Text, c.want) || released != (q.count == 1) || released && (q.last.ID != "01m" || q.last.Recipient != 1) {
			t.Errorf("%s with %s: %q %+v, %d orders %+v", c.name, c.pass, v.Text, v.Results, q.count, q.last)
		}
	}
	kv.n.Store(10)
	if v, err := g.unlock(attached("a.zip", archiveOf(t, "zipcrypto.zip")), "secret!"); err != nil || !strings.HasPrefix(v.Text, "there were too many tries") {
		t.Error(v, err)
	}
}

// BenchmarkUnlock is what a try costs, most of it for deriving the key.
func BenchmarkUnlock(b *testing.B) {
	g := single(b, "unlock", []string{"kv", "queue"}, abi.Object(), filter.Options{KV: &always{}, Queue: &orders{}})
	big := file{name: "a.bin", content: noise(4 << 20), store: true}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"zipcrypto", archiveOf(b, "zipcrypto.zip")}, {"aes256", archiveOf(b, "aes256.zip")}, {"7z", archiveOf(b, "solid.7z")}, {"rar5", archiveOf(b, "rar5.rar")}, {"plain_4MiB", zipOf(b, big)},
	} {
		msg := attached("a.bin", c.data)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := g.unlock(msg, "secret!"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type always struct{ filter.KV }

func (always) Add(context.Context, string, string, string, int64, time.Duration) (int64, error) {
	return 1, nil
}
