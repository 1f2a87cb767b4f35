package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ReportCmd sums up what went through.
type ReportCmd struct {
	Outbound ReportOutboundCmd `cmd:"" help:"How outgoing mail of late stands, with each message's log."`
	TLS      ReportTLSCmd      `cmd:"" name:"tls" help:"How TLS to recipients' domains went on a day (RFC 8460)."`
	List     ReportListCmd     `cmd:"" help:"Reports that are sent by mail, and when."`
	RunNow   ReportRunCmd      `cmd:"" name:"run" help:"Make one of these now and send it."`
}

// ReportOutboundCmd is B95.
type ReportOutboundCmd struct {
	Since  string `default:"-24h" placeholder:"TIME" help:"Received then or later: -2h, today, 2026-11-20."`
	Sender string `short:"s" placeholder:"ADDRESS" help:"Envelope sender; * and ? stand for any text."`
	Tenant string `short:"t" placeholder:"NAME" help:"Tenant."`
	Query  string `short:"q" placeholder:"QUERY" help:"Filter as in \"weir help search\"."`
	Limit  int    `short:"n" default:"20" help:"Messages that are told of, the newest; 500 at most."`
}

// Run prints the sums, then the newest messages and what happened to each.
func (c *ReportOutboundCmd) Run(ctx context.Context, g *Globals) error {
	v := g.view()
	since, err := query.ParseTime(c.Since, v.now)
	if err != nil {
		return usageError{"--since: " + err.Error(), "see: weir help search"}
	}
	filter, err := (&FilterFlags{Sender: c.Sender, Tenant: c.Tenant, Query: c.Query}).filter(query.Filter{})
	if err != nil {
		return err
	}
	if c.Limit < 0 || c.Limit > 500 {
		return usageError{"--limit is from 0 to 500", "for more, see: weir log search direction:outbound"}
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	rep, err := cl.Outbound(ctx, filter.String(), since, c.Limit)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(rep)
	}
	if rep.Messages == 0 {
		fmt.Fprintln(os.Stderr, "weir: no outgoing mail since "+v.short(rep.Since))
		return quiet(exitNoMatch)
	}
	showOutbound(g.screen(), v, rep)
	return nil
}

func showOutbound(s *terminal.Screen, v view, rep *api.OutboundReport) {
	p := story{s, v}
	total := 0
	for _, n := range rep.Counts {
		total += n
	}
	p.para(0, fmt.Sprintf("Outgoing mail since %s: %s to %s", v.long(rep.Since), count(rep.Messages, "message"), count(total, "recipient")))
	fmt.Fprintln(s)
	t := terminal.NewTable(terminal.Column{Title: "STATUS"}, terminal.Column{Title: "RECIPIENTS", Right: true}, terminal.Column{Title: "MEANING", Min: 20, End: true})
	for _, st := range mail.Statuses() {
		if n := rep.Counts[string(st)]; n > 0 {
			t.AddCells(terminal.Cell{Text: string(st), Style: statusStyle(string(st))}, plain(strconv.Itoa(n)), plain(statusMeaning(string(st))))
		}
	}
	_ = t.Write(s) // as every line of a story: a screen that is gone is noticed at the end
	ids := make([]string, len(rep.Recent))
	for i := range rep.Recent {
		ids[i] = rep.Recent[i].ID
	}
	ids = shortIDs(ids)
	for i := range rep.Recent {
		p.outgoing(&rep.Recent[i], ids[i])
	}
	if more := rep.Messages - len(rep.Recent); more > 0 {
		fmt.Fprintf(s, "\nand %s more; --limit shows them\n", count(more, "message"))
	}
}

// outgoing tells of one message: who to whom, how each recipient stands, and
// what happened.
func (p story) outgoing(m *api.OutboundMessage, id string) {
	fmt.Fprintln(p.s)
	head := terminal.Clean(sender(m.Sender)) + nonEmpty(", ", terminal.Clean(m.Subject))
	p.hang(p.s.Paint(terminal.Bold, p.v.short(m.Received))+"  "+p.s.Paint(terminal.Dim, id)+"  ", len(p.v.short(m.Received))+len(id)+4, head)
	for i := range m.Recipients {
		r := &m.Recipients[i]
		line := "to " + terminal.Clean(r.Recipient) + ": " + p.s.Paint(statusStyle(r.Status), r.Status)
		p.hang("  ", 5, line+nonEmpty(", ", r.State)+nonEmpty(", next try ", p.v.until(r.Next)))
	}
	for i := range m.Events {
		e := &m.Events[i]
		at := e.At.In(p.v.loc).Format("15:04:05")
		if e.At.In(p.v.loc).YearDay() != m.Received.In(p.v.loc).YearDay() {
			at = e.At.In(p.v.loc).Format("Jan 02 15:04:05")
		}
		p.hang("    "+p.s.Paint(terminal.Dim, at)+"  ", 6+len(at), terminal.Clean(happened(e, len(m.Recipients) > 1)))
	}
}

// happenedWords say in a word what an event is.
var happenedWords = map[mail.EventType]string{
	mail.EventReception: "taken", mail.EventVerdict: "judged", mail.EventDelivery: "delivered", mail.EventTransientFailure: "put off", mail.EventBounce: "refused for good",
	mail.EventExpiration: "given up", mail.EventAdminBounce: "returned", mail.EventRemove: "removed", mail.EventFreeze: "frozen", mail.EventThaw: "thawed",
	mail.EventRetry: "made due", mail.EventRebind: "re-routed", mail.EventCopy: "copied", mail.EventArchive: "archive", mail.EventQuarantine: "quarantined", mail.EventStall: "stalled",
	mail.EventRelease: "released", mail.EventDiscard: "dropped", mail.EventRecovered: "recovered", mail.EventNotice: "notice sent", mail.EventRejection: "rejected",
}

// happened is one line of a message's log in plain words. The recipient is
// named where there are several.
func happened(e *api.Event, several bool) string {
	line := happenedWords[mail.EventType(e.Type)]
	if line == "" {
		line = e.Type
	}
	if e.Type == string(mail.EventNotice) && strings.HasPrefix(e.Text, notify.KindDSN+" ") { // others are to administrators
		line = "told the sender"
	}
	if several && e.N > 0 {
		line += " for " + e.Recipient
	}
	switch {
	case e.Host != "":
		line += " by " + e.Host
	case e.Actor != "":
		line += " by " + e.Actor
	case e.Type == string(mail.EventReception):
		line += nonEmpty(" from ", e.Client)
	}
	if e.Reply != nil {
		line += ": " + replyLine(e.Reply)
	}
	return line + nonEmpty(": ", e.Text)
}
