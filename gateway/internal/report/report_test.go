package report_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/report"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// rows are messages in memory, newest first.
type rows struct {
	ms     []*store.Message
	looked int
}

func (r *rows) Each(_ context.Context, f query.Filter, do func(store.Row) error) error {
	match, err := query.Compile(f, now)
	if err != nil {
		return err
	}
	for _, m := range r.ms {
		for i := range m.Recipients {
			if row := (store.Row{Message: m, Recipient: &m.Recipients[i]}); match.Match(row) {
				r.looked++
				if err := do(row); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *rows) Events(_ context.Context, id mail.ID) ([]mail.Event, error) {
	return []mail.Event{{Type: mail.EventReception, Message: id}, {Type: mail.EventDelivery, Message: id, N: 1}, {Type: mail.EventFreeze, Message: id, N: 2}}, nil
}

func address(s string) mail.Address {
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// put adds a message that is older than all before it.
func (r *rows) put(ago time.Duration, dir mail.Direction, from string, rcpts ...store.Recipient) *store.Message {
	at := now.Add(-ago)
	m := &store.Message{ID: mail.DeriveID(mail.ID{}, at, fmt.Sprint(len(r.ms))), Direction: dir, Received: at, Sender: address(from), Recipients: rcpts}
	for i := range rcpts {
		rcpts[i].N = i + 1
	}
	r.ms = append(r.ms, m)
	return m
}

func rcpt(to string, st mail.Status, code int, text string) store.Recipient {
	r := store.Recipient{Address: address(to), Status: st, Tenant: "acme", Route: "mx", NextHop: address(to).Domain()}
	if code != 0 {
		r.Last = mail.NewReply(code, "4.2.1", text)
	}
	return r
}

// TestB95_queue_by_destination_reason_and_age sums up as qshape does.
func TestB95_queue_by_destination_reason_and_age(t *testing.T) {
	r := &rows{}
	for i := range 7 {
		r.put(time.Duration(i)*time.Minute, mail.Outbound, "a@acme.test", rcpt(fmt.Sprintf("u%d@big.test", i), mail.StatusQueued, 451, fmt.Sprintf("queue file %08dABC for <u%d@big.test> from 192.0.2.%d is over its limit of %d", i, i, i, i)))
	}
	r.put(20*time.Minute, mail.Outbound, "a@acme.test", rcpt("x@small.test", mail.StatusQueued, 0, ""), rcpt("y@small.test", mail.StatusQueueFrozen, 0, ""))
	r.put(time.Hour, mail.Outbound, "b@other.test", rcpt("z@big.test", mail.StatusDelivered, 250, "OK"))
	r.put(100*time.Hour, mail.Outbound, "", store.Recipient{Address: address("old@gone.test"), Status: mail.StatusQueued, Tenant: "beta"})
	r.ms[7].Recipients[1].Reason = "frozen by root: look"

	s, err := report.Queue(t.Context(), r, scope.Admin("root"), query.Filter{}, []string{"destination", "reason", "tenant", "sender"}, 2, now)
	if err != nil {
		t.Fatal(err)
	}
	if s.All.Total != 10 || s.All.Frozen != 1 || !s.All.Oldest.Equal(now.Add(-100*time.Hour)) || s.Counts[mail.StatusQueued] != 9 || s.Counts[mail.StatusDelivered] != 0 {
		t.Errorf("%+v", s.All)
	}
	if got := fmt.Sprint(s.All.Ages); got != "[7 2 0 0 0 0 0 1]" {
		t.Errorf("ages %s", got)
	}
	for by, want := range map[string]string{
		"destination": "big.test 7, small.test 2, others 1",
		"tenant":      "acme 9, beta 1, others 0",
		"sender":      "a@acme.test 9, <> 1, others 0",
		"reason":      "451 4.2.1 queue file (ID) for (address) from (IP) is over its limit of # 7, frozen: frozen by root: look 1, others 2",
	} {
		var got []string
		for _, g := range s.By[by] {
			got = append(got, fmt.Sprint(g.Key, " ", g.Total))
		}
		if text := strings.Join(append(got, fmt.Sprint("others ", s.Others[by])), ", "); text != want {
			t.Errorf("%s: %s\nwant %s", by, text, want)
		}
	}
	// Another scope's mail is not counted.
	s, err = report.Queue(t.Context(), r, scope.Domain("anna", "other.test"), query.Filter{}, []string{"destination"}, 5, now)
	if err != nil || s.All.Total != 0 {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := report.Queue(t.Context(), r, scope.Admin("root"), query.Filter{}, []string{"weather"}, 5, now); !errors.Is(err, query.ErrInvalid) {
		t.Error(err)
	}
	if _, err := report.Queue(t.Context(), r, scope.Scope{}, query.Filter{}, nil, 5, now); err == nil {
		t.Error("a scope that is not one")
	}
}

// TestB95_outbound_report has sums over all, the log of the newest, and stops
// where the time it is about begins.
func TestB95_outbound_report(t *testing.T) {
	r := &rows{}
	r.put(time.Minute, mail.Outbound, "a@acme.test", rcpt("x@far.test", mail.StatusDelivered, 250, "OK"), rcpt("y@far.test", mail.StatusQueued, 451, "later"))
	r.put(time.Hour, mail.Inbound, "x@far.test", rcpt("a@acme.test", mail.StatusDelivered, 250, "OK"))
	r.put(2*time.Hour, mail.Outbound, "b@other.test", rcpt("x@far.test", mail.StatusBounced, 550, "no"))
	for i := range 50 {
		r.put(30*time.Hour+time.Duration(i)*time.Minute, mail.Outbound, "a@acme.test", rcpt("x@far.test", mail.StatusDelivered, 250, "OK"))
	}
	rep, err := report.Outbound(t.Context(), r, scope.Admin("root"), query.Filter{}, now.Add(-24*time.Hour), now, 1)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Messages != 2 || fmt.Sprint(rep.Counts) != "map[bounced:1 delivered:1 queued:1]" || len(rep.Recent) != 1 || rep.Recent[0].Message != r.ms[0] || len(rep.Recent[0].Events) != 3 {
		t.Errorf("%+v", rep)
	}
	if r.looked > 4 {
		t.Errorf("%d rows were read: the journal's past is left alone", r.looked)
	}
	// Of a message a mailbox sees its own part, and so of its log.
	rep, err = report.Outbound(t.Context(), r, scope.Scope{Level: lifecycle.LevelDomain, Domains: []string{"other.test"}, Actor: "o"}, query.Filter{}, now.Add(-24*time.Hour), now, 9)
	if err != nil || rep.Messages != 1 || len(rep.Recent[0].Events) != 2 {
		t.Errorf("%+v %v", rep, err)
	}
}
