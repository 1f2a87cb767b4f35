package digest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/export"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// report makes and sends a report of what its search finds, with relative times
// counted from due. again tells orders by hand apart.
func (s *Service) report(ctx context.Context, r policy.Report, due time.Time, to []string, again string) (*store.Message, error) {
	made, body, err := s.composeReport(ctx, r, due, to, again)
	if err != nil {
		return nil, fmt.Errorf("report %q: %w", r.Name, err)
	}
	return made, s.o.Payer.Send(ctx, made, body, "the report "+r.Name)
}

func (s *Service) composeReport(ctx context.Context, r policy.Report, due time.Time, to []string, again string) (*store.Message, []byte, error) {
	out := notify.ReportMail{Tenant: r.Tenant, Name: r.Name, Due: due, Search: r.Search, Zone: r.Times.Zone(), Again: again}
	for _, text := range to {
		a, err := mail.ParseAddress(text)
		if err != nil {
			return nil, nil, fmt.Errorf("to: %w", err)
		}
		out.To = append(out.To, a)
	}
	if err := s.gather(ctx, r, &out); err != nil {
		return nil, nil, err
	}
	return notify.Report(out, s.options(r.Tenant, r.Language))
}

// gather runs the search and writes its rows into a .zip, as long as that may be
// attached.
func (s *Service) gather(ctx context.Context, r policy.Report, out *notify.ReportMail) error {
	f, err := query.Parse(r.Search)
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	sc := scope.Admin("report " + r.Name)
	if r.Tenant != "" {
		sc = scope.Tenant("report "+r.Name, r.Tenant)
	}
	name := r.Name + "-" + out.Due.In(out.Zone).Format("2006-01-02")
	file, err := newAttachment(name+"."+r.Format, r.Columns, r.Format, s.o.Table(r.Columns, out.Zone), r.Attach)
	if err != nil {
		return err
	}
	counts := map[mail.Status]int{}
	err = s.o.Log.Each(ctx, sc, query.Resolve(f, out.Due), func(row store.Row) error {
		out.Rows++
		counts[row.Recipient.Status]++
		return file.add(row)
	})
	if err != nil {
		return err
	}
	for _, st := range mail.Statuses() {
		if counts[st] > 0 {
			out.Statuses = append(out.Statuses, notify.Count{Name: string(st), N: counts[st]})
		}
	}
	if out.Rows == 0 {
		return nil
	}
	out.Content, out.TooLarge, err = file.end()
	if err == nil && !out.TooLarge {
		out.Attachment = name + ".zip"
	}
	return err
}

// attachment is a table in a .zip in memory, up to a limit.
type attachment struct {
	buf   bounded
	zip   *export.Zip
	write func(store.Row) error
	close func() error
	full  bool
}

func newAttachment(name string, columns []string, format string, t Table, most int64) (*attachment, error) {
	a := &attachment{buf: bounded{most: most}}
	a.zip = export.NewZip(&a.buf)
	w, err := a.zip.Create(name)
	if err != nil {
		return nil, err
	}
	if format == "jsonl" {
		j := export.NewJSONLines(w)
		a.write, a.close = func(r store.Row) error { return j.Write(t.Object(r)) }, j.Close
		return a, nil
	}
	c, err := export.NewCSV(w, columns, export.CSVOptions{BOM: true})
	if err != nil {
		return nil, err
	}
	a.write, a.close = func(r store.Row) error { return c.Write(t.Cells(r)) }, c.Close
	return a, nil
}

// add writes a row; what is over the limit is dropped.
func (a *attachment) add(r store.Row) error {
	if a.full {
		return nil
	}
	return a.over(a.write(r))
}

func (a *attachment) over(err error) error {
	if errors.Is(err, errTooLarge) {
		a.full, err = true, nil
		a.buf.Buffer = bytes.Buffer{}
	}
	return err
}

// end gives the .zip, or says that it is too large.
func (a *attachment) end() (content []byte, tooLarge bool, err error) {
	for _, f := range []func() error{a.close, a.zip.Close} {
		if !a.full {
			if err := a.over(f()); err != nil {
				return nil, false, err
			}
		}
	}
	return a.buf.Bytes(), a.full, nil
}

var errTooLarge = errors.New("larger than may be attached")

type bounded struct {
	bytes.Buffer
	most int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.Len()+len(p)) > b.most {
		return 0, errTooLarge
	}
	return b.Buffer.Write(p)
}

// ErrNoReport: the policy has no such report.
var ErrNoReport = errors.New("there is no such report")

// Planned is a report and when it was and will be due.
type Planned struct {
	policy.Report
	Last, Next time.Time // zero: never
}

// Rule is where it is declared, file:line.
func (p Planned) Rule() string { return fmt.Sprintf("%s:%d", p.Range.Filename, p.Range.Start.Line) }

// Reports are those of the policy of now.
func (s *Service) Reports(ctx context.Context) ([]Planned, error) {
	now := s.o.Clock.Now()
	var out []Planned
	for _, r := range s.o.Policy().Reports() {
		k, _, err := s.mark(ctx, "report/"+r.Tenant+"/"+r.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, Planned{Report: r, Last: k.Since, Next: r.Times.Next(now)})
	}
	return out, nil
}

// RunReport makes a report now, for to or, where that is empty, for those who
// always get it. The next scheduled one comes all the same.
func (s *Service) RunReport(ctx context.Context, tenant, name string, to []string) (*store.Message, error) {
	for _, r := range s.o.Policy().Reports() {
		if r.Tenant != tenant || r.Name != name {
			continue
		}
		if len(to) == 0 {
			to = r.To
		}
		now := s.o.Clock.Now()
		return s.report(ctx, r, now, to, mail.NewID(now).String())
	}
	return nil, ErrNoReport
}
