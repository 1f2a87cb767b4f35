package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/export"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// The trailers of an export (RFC 9110 §6.6): how much it was. A download that
// has none is not whole.
const (
	TrailerRows    = "Weir-Rows"    // rows, or messages, that were written
	TrailerSkipped = "Weir-Skipped" // messages that were left out
)

// exportTypes are the formats by their media type.
var exportTypes = map[string]string{
	"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/jsonl", "zip": "application/zip", "mbox": "application/mbox",
}

// ExportInput are the parameters of an export.
type ExportInput struct {
	Q       string   `query:"q" maxLength:"4096" doc:"Filter in its text form; nothing matches everything"`
	Filter  string   `query:"filter" maxLength:"16384" doc:"Filter as JSON; narrows q"`
	IDs     []string `query:"ids" maxItems:"1000" doc:"Only these messages or recipients"`
	Format  string   `query:"format" enum:"csv,jsonl,zip,mbox" default:"csv" doc:"csv and jsonl list rows; zip and mbox hold the messages themselves"`
	Columns []string `query:"columns" doc:"Columns of csv and jsonl, in order: fields of a row, and all that a filter can ask about"`
	Zone    string   `query:"zone" maxLength:"64" default:"UTC" doc:"Time zone of times in csv"`
	BOM     bool     `query:"bom" doc:"Begin csv with a byte order mark, for spreadsheets that want one"`
	Limit   int      `query:"limit" minimum:"0" doc:"Rows, or messages, at most, the newest; 0 all"`
}

func (s *server) exportRoutes(a huma.API) {
	op := route("export", http.MethodGet, "/v1/export", "messages", "Export what a search finds",
		"Streams. The trailer "+TrailerRows+" tells how many rows or messages there were; without it, or with a connection that broke off, the download is not whole. "+
			"Messages are of quarantined, stalled, queued and archived mail, for those who may read it; each is written to the audit log before it is sent. What is left out is counted in "+TrailerSkipped+", and listed in a .zip.",
		http.StatusForbidden, http.StatusUnprocessableEntity)
	content := map[string]*huma.MediaType{}
	for _, t := range exportTypes {
		content[t] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "The export", Content: content}}
	huma.Register(a, op, s.export)
}

func (s *server) export(ctx context.Context, in *ExportInput) (*huma.StreamResponse, error) {
	if in.Format == "csv" || in.Format == "jsonl" {
		return s.exportBy(ctx, in, []lifecycle.Verb{lifecycle.ExportCSV}, query.Filter{})
	}
	return s.exportBy(ctx, in, contentVerbs, query.Filter{})
}

// exportBy is an export of what a filter lets through, and one of the verbs.
func (s *server) exportBy(ctx context.Context, in *ExportInput, verbs []lifecycle.Verb, within query.Filter) (*huma.StreamResponse, error) {
	f, p := filterOf(in.Q, in.Filter)
	if p == nil {
		p = CheckColumns(in.Columns)
	}
	if p != nil {
		return nil, p
	}
	if len(in.IDs) > 0 {
		ids := make([]string, len(in.IDs))
		for i, id := range in.IDs {
			if ids[i], p = s.complete(ctx, id); p != nil {
				return nil, p
			}
		}
		f = query.And(f, query.OneOf("id", ids...))
	}
	zone, err := time.LoadLocation(in.Zone)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("there is no time zone %q", in.Zone), "write it as Europe/Vienna, or UTC")
	}
	sc := scopeOf(ctx)
	rows := in.Format == "csv" || in.Format == "jsonl"
	f = query.And(f, within)
	if err := mayExport(sc, verbs); err != nil {
		return nil, s.problemOf(ctx, "exporting", err)
	}
	if rows && s.Audit != nil {
		if err := s.Audit.Record(ctx, audit.Entry{
			Actor: sc.Actor, Source: sourceOf(ctx), Tenant: sc.TenantName(), Action: string(lifecycle.ExportCSV),
			Details: map[string]string{"q": f.String(), "format": in.Format, "columns": strings.Join(in.Columns, " ")},
		}); err != nil {
			s.log.ErrorContext(ctx, "refused, for it cannot be recorded", slog.String("actor", sc.Actor), slog.String("action", "export-csv"), slog.Any("err", err))
			return nil, problem(http.StatusServiceUnavailable, "this cannot be recorded in the audit log, so nothing was done", "see the gateway's log")
		}
	}
	x := &exporter{s: s, sc: sc, f: f, in: in, verbs: verbs, limit: in.Limit}
	x.columns = Columns{Names: in.Columns, Zone: zone, Offered: func(r store.Row) []string { return s.Actions.Offered(sc, r.Message, r.Recipient) }}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", exportTypes[in.Format])
		hc.SetHeader("Content-Disposition", `attachment; filename="weir-export.`+in.Format+`"`)
		hc.SetHeader("Trailer", TrailerRows+", "+TrailerSkipped)
		w := paced(hc.BodyWriter())
		var err error
		if rows {
			err = x.rows(ctx, w)
		} else {
			err = x.messages(ctx, w)
		}
		if err != nil {
			s.log.WarnContext(ctx, "an export broke off", slog.String("actor", sc.Actor), slog.String("format", in.Format), slog.Int("written", x.written), slog.Any("error", err))
			panic(http.ErrAbortHandler) // the client must not take the part for the whole
		}
		hc.SetHeader(TrailerRows, strconv.Itoa(x.written))
		hc.SetHeader(TrailerSkipped, strconv.Itoa(x.skipped))
	}}, nil
}

// mayExport reports whether level and role may use one of the verbs at all.
func mayExport(sc scope.Scope, verbs []lifecycle.Verb) (err error) {
	for _, v := range verbs {
		for _, d := range []mail.Direction{mail.Inbound, mail.Outbound} {
			e := lifecycle.Permitted(v, d, sc.Level, sc.Role, false)
			if e == nil {
				return nil
			}
			if err == nil {
				err = e
			}
		}
	}
	return err
}

// exporter is one export.
type exporter struct {
	s       *server
	sc      scope.Scope
	f       query.Filter
	in      *ExportInput
	verbs   []lifecycle.Verb // of messages, in the order in which they are tried
	columns Columns
	limit   int
	written int
	skipped int
}

// errEnough ends an export at its limit.
var errEnough = errors.New("enough")

func (x *exporter) full() bool { return x.limit > 0 && x.written >= x.limit }

// rows lists recipients.
func (x *exporter) rows(ctx context.Context, w io.Writer) error {
	write, end, err := x.lines(w)
	if err != nil {
		return err
	}
	err = x.s.Exports.Each(ctx, x.sc, x.f, func(r store.Row) error {
		if x.full() {
			return errEnough
		}
		if lifecycle.Check(lifecycle.ExportCSV, x.sc.Query(r.Message, r.Recipient, false)) != nil {
			return nil
		}
		x.written++
		return write(r)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return end()
}

func (x *exporter) lines(w io.Writer) (write func(store.Row) error, end func() error, err error) {
	if x.in.Format == "jsonl" {
		j := export.NewJSONLines(w)
		return func(r store.Row) error { return j.Write(x.columns.Object(r)) }, j.Close, nil
	}
	names := x.in.Columns
	if len(names) == 0 {
		names = DefaultColumns
	}
	c, err := export.NewCSV(w, names, export.CSVOptions{BOM: x.in.BOM})
	if err != nil {
		return nil, nil, err
	}
	return func(r store.Row) error { return c.Write(x.columns.Cells(r)) }, c.Close, nil
}

// stall is how long a client may leave a piece of an export unread.
const stall = 2 * time.Minute

// pacer gives each write its own time: an export as a whole may take long.
type pacer struct {
	io.Writer
	c *http.ResponseController
}

func paced(w io.Writer) io.Writer {
	if rw, ok := w.(http.ResponseWriter); ok {
		return pacer{w, http.NewResponseController(rw)}
	}
	return w
}

func (p pacer) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(stall)) // where there is a connection
	return p.Writer.Write(b)
}
