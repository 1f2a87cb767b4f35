package sqlindex

import (
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Finished mail that still has a body is found without a look at all that is
// finished: the keeper asks for it every hour.
func TestBodiesOfFinishedMailHaveAnIndex(t *testing.T) {
	x := newIndex(t)
	var ms []*store.Message
	for i := range 3 * usual.few {
		at := now.Add(time.Duration(i-3*usual.few) * time.Second)
		ms = append(ms, &store.Message{ID: mail.NewID(at), Received: at, Direction: mail.Inbound, HasBody: i%usual.few == 0,
			Recipients: []store.Recipient{{N: 1, Address: address(t, "you@acme.test"), Tenant: "acme", Status: mail.StatusDelivered, Changed: at}}})
	}
	apply(t, x, 1, ms...)
	f := query.And(query.OneOf("status", "delivered", "bounced", "released"), query.Where("has_body", query.Is, "yes"))
	if pl := planOf(t, x, f); !pl.sparse || len(pl.access) != 1 || !strings.Contains(pl.access[0].from, "by_body") {
		t.Fatalf("%+v", pl)
	}
	got, exact := all(t, x, f, 500)
	if len(got) != 3 || !exact {
		t.Errorf("%d rows, exact %v", len(got), exact)
	}
	m := ms[2*usual.few]
	m.HasBody = false // the index follows
	apply(t, x, 2, m)
	if got, _ = all(t, x, f, 500); len(got) != 2 {
		t.Errorf("%d rows once one has lost its body", len(got))
	}
}
