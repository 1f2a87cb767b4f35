package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/scope"
)

const (
	// maxBody bounds a request's body, in octets: 1,000 IDs take 30 kB.
	maxBody = 1 << 20
	// requestTimeout bounds one request when Services.Timeout is not set.
	requestTimeout = 30 * time.Second
)

// server holds what the handlers share.
type server struct {
	Services
	log       *slog.Logger
	streams   streams
	rates     gcra // of those who are known
	strangers gcra // of all others, by their network
	locked    tally
}

// New is the handler for the unix socket: whoever may open the socket is the
// administrator. Use NewListener for everything that has an address.
func New(s Services) http.Handler {
	return newServer(s).handler(only(func(r *http.Request) accounts.Identity {
		return accounts.Identity{Scope: scope.Admin(peerName(r.Context())), How: accounts.HowSocket}
	}))
}

// NewFor is the handler for one caller within this process, who is the
// administrator under that name.
func NewFor(s Services, actor string) http.Handler {
	return newServer(s).handler(only(func(*http.Request) accounts.Identity {
		return accounts.Identity{Scope: scope.Admin(actor), How: accounts.HowSocket}
	}))
}

// NewListener is the handler for the admin listener: health, sign-in and the
// OpenAPI document are free, everything else under /v1 wants somebody whom who
// knows.
func NewListener(s Services, who Authenticator) http.Handler { return newServer(s).handler(who) }

// Names of members are as they are written: the audit log reads them so, and
// nothing may be carried out that it reads otherwise.
func init() { huma.ValidateStrictCasing = true }

func newServer(s Services) *server {
	srv := &server{Services: s, log: s.Logger}
	if srv.log == nil {
		srv.log = slog.New(slog.DiscardHandler)
	}
	if srv.Timeout <= 0 {
		srv.Timeout = requestTimeout
	}
	if srv.Heartbeat <= 0 {
		srv.Heartbeat = heartbeat
	}
	if srv.Audit != nil {
		srv.Audit = naming{srv.Audit}
	}
	return srv
}

func (s *server) handler(who Authenticator) http.Handler {
	v1 := http.NewServeMux()
	doc := s.register(v1)
	spec, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic("api: the OpenAPI document does not marshal: " + err.Error()) // a mistake in the types above
	}

	top := http.NewServeMux()
	top.HandleFunc("GET /healthz", s.healthz)
	top.HandleFunc("GET /readyz", s.readyz)
	top.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(spec) // the caller may have left
	})
	if s.Metrics != nil {
		top.Handle("GET /metrics", s.metrics(who, promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{})))
	}
	guarded := s.guard(who, s.governed(who, unknownPaths(v1)))
	top.Handle("/v1/", guarded)
	top.Handle(accountPath, s.accountPages(who, guarded))
	top.Handle("/link/", s.linkPages(who))
	top.Handle(signInPath, s.signInPages(who))
	top.Handle(signInPath+"/", s.signInPages(who))
	return s.outer(unknownPaths(top))
}

// outer is what every request passes: a panic ends one request only, browsers
// of other origins may change nothing, and nothing is cached or sniffed.
func (s *server) outer(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, problem(http.StatusForbidden, "this request came from a page of another origin", ""))
	}))
	next = cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					panic(v) // net/http's own way to drop the connection
				}
				id := faultID()
				s.log.Error("request panicked", slog.String("fault", id), slog.String("path", r.URL.Path), slog.Any("panic", v))
				p := problem(http.StatusInternalServerError, "internal error "+id, "look for "+id+" in the gateway's log")
				p.ID = id
				writeProblem(w, p)
			}
		}()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

type scopeKey struct{}

// guard lets a request through with its scope. A network whose requests nobody
// vouches for is slowed down; whoever is known comes in from there all the same.
func (s *server) guard(who Authenticator, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, p := s.identify(who, r)
		if p != nil {
			if p.Status == http.StatusUnauthorized {
				if wait := s.knocked(who, r); wait > 0 {
					tooMany(w, wait, "too many requests without a valid session or token from this address")
					return
				}
				w.Header().Set("WWW-Authenticate", `Bearer realm="weir"`)
			}
			writeProblem(w, p)
			return
		}
		ctx := withSource(r.Context(), who.Source(r))
		ctx = context.WithValue(ctx, scopeKey{}, id.Scope)
		ctx = context.WithValue(ctx, identityKey{}, id)
		ctx = context.WithValue(ctx, requestKey{}, r)
		ctx = withName(ctx, id)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// scopeOf is the scope that guard found; without one the zero Scope, which
// sees nothing.
func scopeOf(ctx context.Context) scope.Scope {
	s, _ := ctx.Value(scopeKey{}).(scope.Scope)
	return s
}

// unknownPaths gives the mux's own 404 and 405 our shape.
func unknownPaths(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		rec := &headerOnly{header: w.Header()}
		mux.ServeHTTP(rec, r) // sets Allow on 405
		h := w.Header()
		h.Del("Content-Type")
		switch rec.status {
		case http.StatusMethodNotAllowed:
			writeProblem(w, problem(rec.status, r.Method+" does not apply to "+r.URL.Path, "this path takes "+h.Get("Allow")))
		default:
			writeProblem(w, problem(http.StatusNotFound, "there is no "+r.URL.Path, "the paths are listed in /openapi.json"))
		}
	})
}

type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) WriteHeader(code int)        { h.status = code }
func (h *headerOnly) Write(p []byte) (int, error) { return len(p), nil }

func (s *server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // the caller may have left
}

func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
	defer cancel()
	if err := s.Health.Ready(ctx); err != nil {
		s.log.WarnContext(ctx, "not ready", slog.Any("error", err))
		writeProblem(w, problem(http.StatusServiceUnavailable, "not ready: "+err.Error(), ""))
		return
	}
	s.healthz(w, r)
}

// register adds every route to the mux and returns the document about them.
func (s *server) register(mux *http.ServeMux) *huma.OpenAPI {
	cfg := huma.DefaultConfig("Weir", "1")
	cfg.CreateHooks = nil // no $schema member in answers
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.RejectUnknownQueryParameters = true
	cfg.Info.Description = "The mail filtering gateway's operator interface. On the unix socket the caller is the " +
		"administrator; on the admin listener /v1 wants a session (see /v1/sign-in), a token, or the bearer token in data_dir/admin.token."
	cfg.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	cfg.Components.SecuritySchemes, cfg.Security = waysIn()
	a := humago.New(mux, cfg)
	a.UseMiddleware(s.audited)
	s.messageRoutes(a)
	s.replyRoutes(a)
	s.actionRoutes(a)
	s.queueRoutes(a)
	s.systemRoutes(a)
	s.indexRoutes(a)
	s.pluginRoutes(a)
	s.listRoutes(a)
	s.identityRoutes(a)
	s.destinationRoutes(a)
	s.tlsRoutes(a)
	s.toolRoutes(a)
	s.archiveRoutes(a)
	s.sessionRoutes(a)
	s.signInRoutes(a)
	s.accountRoutes(a)
	s.auditRoutes(a)
	s.tailRoutes(a)
	s.savedRoutes(a)
	s.eventRoutes(a)
	s.exportRoutes(a)
	s.mailingRoutes(a)
	documentKeys(a.OpenAPI())
	return a.OpenAPI()
}

// OpenAPI is the document that /openapi.json serves, indented. It depends on
// the code alone.
func OpenAPI() ([]byte, error) {
	doc := newServer(Services{}).register(http.NewServeMux())
	b, err := json.MarshalIndent(doc, "", "  ")
	return append(b, '\n'), err
}

// route describes one operation.
func route(id, method, path, tag, summary, description string, errs ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{tag}, Summary: summary, Description: description,
		Errors: slices.Compact(slices.Sorted(slices.Values(append([]int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusInternalServerError}, errs...)))), MaxBodyBytes: maxBody,
	}
}
