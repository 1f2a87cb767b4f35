package journal

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// history makes the mail of a service provider: hundreds of tenants and
// thousands of senders, of each some that are much larger than most.
type history struct {
	r     *rand.Rand
	at    time.Time
	every time.Duration
	n     int // messages so far
}

// Days is how long a history is.
const Days = 30

func newHistory(records int, end time.Time) *history {
	span := Days * 24 * time.Hour
	return &history{r: rand.New(rand.NewPCG(3, 4)), at: end.Add(-span), every: span / time.Duration(records)}
}

// skewed is below k, and mostly far below.
func (h *history) skewed(k int) int {
	return int(float64(k) * h.r.Float64() * h.r.Float64() * h.r.Float64())
}

var words = []string{"invoice", "report", "hello", "meeting", "offer", "payment", "newsletter", "order", "ticket", "update", "contract", "delivery", "project", "question", "reminder", "security", "travel", "holiday", "budget", "review"}

func address(s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic("bench: " + err.Error()) // made here
	}
	return a
}

// next makes a message with one recipient, or a few.
func (h *history) next() *store.Message {
	h.n++
	r := h.r
	rcpts := 1
	if r.IntN(10) == 0 {
		rcpts = 2 + r.IntN(3)
	}
	h.at = h.at.Add(h.every * time.Duration(rcpts))
	tenant := "t" + strconv.Itoa(h.skewed(300))
	m := &store.Message{
		ID: mail.NewID(h.at), Received: h.at, Direction: mail.Inbound, Size: int64(2000 + h.skewed(500_000)), Policy: "3fa9c01d22ab17ef",
		Sender: address(fmt.Sprintf("u%d@s%d.example", h.skewed(200_000), h.skewed(20_000))),
		Client: mail.Client{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(h.skewed(256)), byte(r.IntN(256))}), 2525),
			Helo: "mx.s.example", Name: "mx.s.example", Listener: "mx", TLS: "TLS1.3"},
		Summary: store.Summary{
			Subject: fmt.Sprintf("%s %s %d", words[r.IntN(len(words))], words[h.skewed(len(words))], h.skewed(100_000)),
			From:    "Somebody <somebody@s.example>", To: "You <you@t.example>", MessageID: fmt.Sprintf("<%d.%d@s.example>", h.n, r.IntN(1e9)),
		},
	}
	if r.IntN(5) == 0 {
		m.Summary.Attachments = []string{"report.pdf"}
	}
	if r.IntN(4) == 0 {
		m.Direction = mail.Outbound
	}
	for i := range rcpts {
		m.Recipients = append(m.Recipients, h.recipient(i+1, tenant))
	}
	return m
}

func (h *history) recipient(n int, tenant string) store.Recipient {
	rc := store.Recipient{
		N: n, Address: address(fmt.Sprintf("p%d@%s.test", h.skewed(2000), tenant)), Tenant: tenant, Status: mail.StatusDelivered, Changed: h.at.Add(2 * time.Second),
		Route: "tenant:" + tenant + ":in", NextHop: "10.0.0.1:25", Schedule: "standard", LastHost: "mail." + tenant + ".test", LastAddr: "10.0.0.1:25",
		Last: mail.NewReply(250, "2.0.0", "OK queued as 1234567890"), Attempts: 1,
	}
	found := func(st mail.Status, class mail.Class, why string) {
		rc.Status, rc.Class, rc.Rule, rc.Last, rc.Attempts = st, class, "policy.hcl:42", nil, 0
		rc.Findings = []mail.Finding{{Filter: "baseline", Plugin: "baseline", Class: class, Score: 7, Explanation: why}}
		rc.Score = 7
	}
	switch k := h.r.IntN(1000); {
	case k < 100:
		found(mail.StatusRejected, mail.Class{Main: "spam", Sub: "content"}, "the text looks like advertising")
	case k < 110:
		found(mail.StatusRejected, mail.Class{Main: "list", Sub: "sender"}, "the sender is on the block list")
	case k < 112:
		rc.Status, rc.Reason = mail.StatusBounced, "no such user"
		rc.Last = mail.NewReply(550, "5.1.1", "no such user")
	}
	return rc
}
