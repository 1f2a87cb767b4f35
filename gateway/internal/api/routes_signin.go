package api

import (
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/audit"
)

// Ways are the ways to sign in that there are.
type Ways struct {
	Password bool      `json:"password"`
	Link     bool      `json:"link" doc:"Users of mailboxes may have a link mailed"`
	Passkey  bool      `json:"passkey"`
	OIDC     []OIDCWay `json:"oidc"`
}

// OIDCWay is one provider.
type OIDCWay struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Start string `json:"start" doc:"Path that sends the browser to the provider"`
}

// PasskeyAnswer is what a browser made of a ceremony.
type PasskeyAnswer struct {
	State      string         `json:"state" minLength:"1" maxLength:"8192"`
	Credential map[string]any `json:"credential" doc:"PublicKeyCredential.toJSON()"`
}

// PasskeyParam names a passkey.
type PasskeyParam struct {
	ID string `path:"id" maxLength:"1400"`
}

// redirectOutput sends a browser elsewhere.
type redirectOutput struct {
	Status    int
	Location  string        `header:"Location"`
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (s *server) signInRoutes(a huma.API) {
	const tag = "sign-in"
	bad := []int{http.StatusNotFound, http.StatusTooManyRequests, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	open := func(id, method, path, summary, description string) huma.Operation {
		op := route(id, method, path, tag, summary, description, bad...)
		op.Security = []map[string][]string{{}}
		return op
	}
	huma.Register(a, open("sign-in-ways", http.MethodGet, "/v1/sign-in/ways", "The ways to sign in that there are", ""), s.ways)
	huma.Register(a, open("ask-link", http.MethodPost, "/v1/sign-in/link", "Have a link mailed to a mailbox",
		"The answer is the same whether there is such a mailbox or not. The link holds once, for half an hour."), s.askLink)
	huma.Register(a, open("open-link", http.MethodPost, "/v1/sign-in/link/open", "Sign in by a link", "The page behind the link does so once it is confirmed."), s.openLink)
	huma.Register(a, open("begin-passkey-sign-in", http.MethodPost, "/v1/sign-in/passkey/begin", "Sign in with a passkey: what to ask the browser for", ""), s.beginPasskeySignIn)
	huma.Register(a, open("passkey-sign-in", http.MethodPost, "/v1/sign-in/passkey", "Sign in with a passkey", ""), s.passkeySignIn)
	start := open("begin-oidc", http.MethodGet, "/v1/sign-in/oidc/{provider}", "Sign in by a provider of OpenID Connect", "For browsers: answers with a redirection.")
	start.DefaultStatus = http.StatusFound
	huma.Register(a, start, s.beginOIDC)
	back := open("finish-oidc", http.MethodGet, "/v1/sign-in/oidc/{provider}/callback", "Where a provider sends the browser back to", "For browsers: signs in and answers with a redirection.")
	back.DefaultStatus = http.StatusSeeOther
	huma.Register(a, back, s.finishOIDC)
	mine := func(id, method, path, summary string) huma.Operation {
		return own(route(id, method, path, tag, summary, "", append(bad, http.StatusForbidden)...))
	}
	huma.Register(a, mine("begin-passkey", http.MethodPost, "/v1/me/passkeys/begin", "Add a passkey: what to ask the browser for"), s.beginPasskey)
	huma.Register(a, mine("add-passkey", http.MethodPost, "/v1/me/passkeys", "Add a passkey to one's own account"), s.addPasskey)
	huma.Register(a, mine("remove-passkey", http.MethodDelete, "/v1/me/passkeys/{id}", "Remove one's own passkey"), s.removePasskey)
}

func (s *server) ways(context.Context, *struct{}) (*output[Ways], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	_, err := s.Accounts.BeginPasskeySignIn()
	out := Ways{Password: true, Link: s.Accounts.MailsLinks(), Passkey: err == nil, OIDC: []OIDCWay{}}
	for _, p := range s.Accounts.Providers() {
		out.OIDC = append(out.OIDC, OIDCWay{p.Name, p.Title, "/v1/sign-in/oidc/" + url.PathEscape(p.Name)})
	}
	return &output[Ways]{out}, nil
}

// LinkAsked is the answer to who asks for a link, always.
type LinkAsked struct {
	Text string `json:"text"`
}

const linkAsked = "If there is such a mailbox here, a link was mailed to it. It holds once, for half an hour."

func (s *server) askLink(ctx context.Context, in *struct {
	Body struct {
		Mailbox string `json:"mailbox" minLength:"3" maxLength:"320"`
	}
}) (*output[LinkAsked], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	if err := s.Accounts.AskLink(in.Body.Mailbox, fromOf(ctx)); err != nil {
		return nil, s.accountsProblem(ctx, "asking for a link", err)
	}
	return &output[LinkAsked]{LinkAsked{linkAsked}}, nil
}

func (s *server) openLink(ctx context.Context, in *struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"2048"`
	}
}) (*cookieOutput[SignedIn], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	e, err := s.Accounts.LinkSignIn(ctx, in.Body.Token, fromOf(ctx))
	return s.entered(ctx, e.Who, accounts.HowLink, e, err)
}

func (s *server) beginPasskeySignIn(ctx context.Context, _ *struct{}) (*output[accounts.Ceremony], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	c, err := s.Accounts.BeginPasskeySignIn()
	if err != nil {
		return nil, s.accountsProblem(ctx, "signing in", err)
	}
	return &output[accounts.Ceremony]{c}, nil
}

func (s *server) passkeySignIn(ctx context.Context, in *struct{ Body PasskeyAnswer }) (*cookieOutput[SignedIn], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	answer, err := json.Marshal(in.Body.Credential)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, "the browser's answer does not read", "")
	}
	e, err := s.Accounts.PasskeySignIn(ctx, in.Body.State, answer, fromOf(ctx))
	return s.entered(ctx, e.Who, accounts.HowPasskey, e, err)
}

func (s *server) beginPasskey(ctx context.Context, _ *struct{}) (*output[accounts.Ceremony], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	c, err := s.Accounts.BeginPasskey(ctx, identityOf(ctx))
	if err != nil {
		return nil, s.accountsProblem(ctx, "adding a passkey", err)
	}
	return &output[accounts.Ceremony]{c}, nil
}

func (s *server) addPasskey(ctx context.Context, in *struct {
	Body struct {
		PasskeyAnswer
		Name string `json:"name" minLength:"1" maxLength:"100" doc:"The device it is on"`
	}
}) (*output[accounts.Passkey], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	answer, err := json.Marshal(in.Body.Credential)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, "the browser's answer does not read", "")
	}
	p, err := s.Accounts.AddPasskey(ctx, identityOf(ctx), in.Body.Name, in.Body.State, answer)
	if err != nil {
		return nil, s.accountsProblem(ctx, "adding a passkey", err)
	}
	return &output[accounts.Passkey]{p}, nil
}

func (s *server) removePasskey(ctx context.Context, in *PasskeyParam) (*output[Changed], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	if err := s.Accounts.RemovePasskey(ctx, identityOf(ctx), in.ID); err != nil {
		return nil, s.accountsProblem(ctx, "removing a passkey", err)
	}
	return &output[Changed]{Changed{1}}, nil
}

// ProviderParam names a provider.
type ProviderParam struct {
	Provider string `path:"provider" maxLength:"64"`
}

func (s *server) beginOIDC(ctx context.Context, in *ProviderParam) (*redirectOutput, error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	to, cookie, err := s.Accounts.BeginOIDC(requestOf(ctx), in.Provider)
	if err != nil {
		return nil, s.oidcProblem(ctx, in.Provider, err)
	}
	return &redirectOutput{Status: http.StatusFound, Location: to, SetCookie: []http.Cookie{*cookie}}, nil
}

// oidcProblem is accountsProblem with the words of providers: what one says is
// for the log.
func (s *server) oidcProblem(ctx context.Context, provider string, err error) error {
	if errors.Is(err, accounts.ErrProvider) {
		s.log.WarnContext(ctx, "a sign-in by a provider failed", slog.String("provider", provider), slog.Any("err", err))
	}
	return s.accountsProblem(ctx, "signing in", err)
}

func (s *server) finishOIDC(ctx context.Context, in *struct {
	ProviderParam
	Code    string `query:"code" maxLength:"4096"`
	State   string `query:"state" maxLength:"4096"`
	Error   string `query:"error" maxLength:"1000"`
	Text    string `query:"error_description" maxLength:"4096"`
	URI     string `query:"error_uri" maxLength:"4096"`
	Issuer  string `query:"iss" maxLength:"4096"`
	Scope   string `query:"scope" maxLength:"4096"`
	Session string `query:"session_state" maxLength:"4096"`
	User    string `query:"authuser" maxLength:"100"`
	Prompt  string `query:"prompt" maxLength:"100"`
	Domain  string `query:"hd" maxLength:"300"`
}) (*redirectOutput, error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	e, err := s.Accounts.OIDCSignIn(ctx, requestOf(ctx), in.Provider, fromOf(ctx))
	if errors.Is(err, accounts.ErrProvider) {
		s.log.WarnContext(ctx, "a sign-in by a provider failed", slog.String("provider", in.Provider), slog.Any("err", err))
		err = accounts.ErrProvider
	}
	out, err := s.entered(ctx, e.Who, accounts.HowOIDC+" "+in.Provider, e, err)
	if err != nil {
		return nil, err
	}
	return &redirectOutput{Status: http.StatusSeeOther, Location: signInPath, SetCookie: out.SetCookie}, nil
}

// The pages for people: a form to sign in, without a script.

const signInPath = "/sign-in"

var signInForm = template.Must(template.New("sign-in").Parse(`{{with .Note}}<p class="note">{{.}}</p>{{end}}
{{if .Me}}<dl><dt>You are</dt><dd>{{.Me.Who}}</dd><dt>Level</dt><dd>{{.Me.Level}}, {{.Me.Role}}</dd>{{with .Me.Tenant}}<dt>Tenant</dt><dd>{{.}}</dd>{{end}}</dl>
{{if .Me.Session}}<p><a href="/account">Your account and sessions</a></p>{{end}}
<form method="post" action="/sign-in"><input type="hidden" name="do" value="sign-out"><button>Sign out</button></form>
{{else if .Pending}}<form method="post" action="/sign-in"><input type="hidden" name="do" value="code"><input type="hidden" name="pending" value="{{.Pending}}">
<p><label>Code of your app, or a recovery code<br><input name="code" autocomplete="one-time-code" inputmode="numeric" required autofocus maxlength="64"></label></p><button>Sign in</button></form>
{{else}}<form method="post" action="/sign-in"><input type="hidden" name="do" value="password">
<p><label>Name<br><input name="name" autocomplete="username" required maxlength="254"></label></p>
<p><label>Password<br><input name="password" type="password" autocomplete="current-password" required maxlength="1024"></label></p><button>Sign in</button></form>
{{if .Ways.Passkey}}<form method="post" action="/sign-in"><input type="hidden" name="do" value="passkey-begin"><button>Sign in with a passkey</button></form>{{end}}
{{range .Ways.OIDC}}<p><a href="{{.Start}}">{{.Title}}</a></p>{{end}}
{{if .Ways.Link}}<h2>Your own mailbox</h2><form method="post" action="/sign-in"><input type="hidden" name="do" value="link">
<p><label>Mail address<br><input name="mailbox" type="email" autocomplete="email" required maxlength="320"></label></p><button>Mail me a link</button></form>{{end}}{{end}}`))

var linkForm = template.Must(template.New("link").Parse(`<p>Sign in as <strong>{{.}}</strong>, to see the mail that is held or queued for this address?</p>
<form method="post"><button>Sign in</button></form>`))

func render(t *template.Template, data any) (template.HTML, error) {
	var b strings.Builder
	err := t.Execute(&b, data)
	return template.HTML(b.String()), err //nolint:gosec // the template escapes
}

type signInPage struct {
	Note    string
	Me      *Me
	Pending string
	Ways    Ways
}

// signInPages serves /sign-in and /sign-in/link/TOKEN. What strangers send there
// is limited by their network.
func (s *server) signInPages(who Authenticator) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+signInPath, func(w http.ResponseWriter, r *http.Request) { s.signInPage(w, r, who) })
	mux.HandleFunc("POST "+signInPath, func(w http.ResponseWriter, r *http.Request) { s.signInPosted(w, r, who) })
	mux.HandleFunc(signInPath+"/link/{token}", func(w http.ResponseWriter, r *http.Request) { s.linkPage(w, r, who) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Accounts == nil {
			writePage(w, http.StatusNotFound, htmlPage{Title: "There are no accounts here"})
			return
		}
		source := who.Source(r)
		if _, err := who.Identify(r); err != nil && mutates(r.Method) && overNetwork(r) {
			if wait := s.strangers.take("p "+network(source), linkLimits, s.now()); wait > 0 {
				tooManyPage(w, wait)
				return
			}
		}
		ctx := withSource(r.Context(), source)
		ctx = context.WithValue(ctx, requestKey{}, r)
		mux.ServeHTTP(w, r.WithContext(ctx))
	})
}

func tooManyPage(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", retryAfter(wait))
	writePage(w, http.StatusTooManyRequests, htmlPage{Title: "Too many tries", Body: `<p>Wait a while, then <a href="/sign-in">try again</a>.</p>`})
}

func (s *server) showSignIn(w http.ResponseWriter, status int, p signInPage) {
	title := "Sign in"
	if p.Me != nil {
		title = "Signed in"
	}
	if ways, err := s.ways(context.Background(), nil); err == nil {
		p.Ways = ways.Body
	}
	body, err := render(signInForm, p)
	if err != nil {
		s.log.Error("a page cannot be made", slog.Any("err", err))
		status, title = http.StatusInternalServerError, "This page cannot be shown"
	}
	writePage(w, status, htmlPage{Title: title, Body: body})
}

func (s *server) signInPage(w http.ResponseWriter, r *http.Request, who Authenticator) {
	var p signInPage
	if id, err := who.Identify(r); err == nil {
		me := meOf(id)
		p.Me = &me
	}
	s.showSignIn(w, http.StatusOK, p)
}

func (s *server) signInPosted(w http.ResponseWriter, r *http.Request, who Authenticator) {
	ctx := r.Context()
	var e accounts.Entry
	var err error
	name, how := signInName(r.PostFormValue("name")), accounts.HowPassword
	switch r.PostFormValue("do") {
	case "sign-out":
		if id, gone := who.Identify(r); gone == nil && s.Audit != nil {
			if err := s.Audit.Record(ctx, audit.Entry{Actor: id.Scope.Actor, Source: sourceOf(ctx), Tenant: id.Scope.TenantName(), Action: "sign-out"}); err != nil {
				s.showSignIn(w, http.StatusServiceUnavailable, signInPage{Note: "This cannot be recorded at the moment. Try again."})
				return
			}
		}
		if err := s.Accounts.SignOut(r); err != nil {
			s.log.ErrorContext(ctx, "signing out", slog.Any("err", err))
			s.showSignIn(w, http.StatusInternalServerError, signInPage{Note: "You could not be signed out. Try again."})
			return
		}
		http.SetCookie(w, s.Accounts.Cookie(r, ""))
		http.Redirect(w, r, signInPath, http.StatusSeeOther)
		return
	case "link":
		note, status := linkAsked, http.StatusOK
		if err := s.Accounts.AskLink(r.PostFormValue("mailbox"), fromOf(ctx)); err != nil {
			note, status = saidOf(s.accountsProblem(ctx, "asking for a link", err))
		}
		s.showSignIn(w, status, signInPage{Note: note})
		return
	case "passkey-begin":
		c, err := s.Accounts.BeginPasskeySignIn()
		var body template.HTML
		if err == nil {
			body, err = render(ceremonyForm, ceremonyView{
				Do: "passkey", Action: signInPath, State: c.State, Options: string(c.Options), Button: "Sign in",
				Text: "Your browser asks which passkey you want to use.",
			})
		}
		if err != nil {
			note, status := saidOf(s.accountsProblem(ctx, "signing in", err))
			s.showSignIn(w, status, signInPage{Note: note})
			return
		}
		writePage(w, http.StatusOK, htmlPage{Title: "Sign in with a passkey", Body: body, Script: passkeyScript})
		return
	case "passkey":
		how = accounts.HowPasskey
		e, err = s.Accounts.PasskeySignIn(ctx, r.PostFormValue("state"), []byte(r.PostFormValue("credential")), fromOf(ctx))
		name = e.Who
	case "code":
		how = accounts.HowPassword + " and code"
		e, err = s.Accounts.SecondStep(ctx, r.PostFormValue("pending"), r.PostFormValue("code"), fromOf(ctx))
		name = e.Who
	default:
		e, err = s.Accounts.SignIn(ctx, name, r.PostFormValue("password"), fromOf(ctx))
	}
	out, err := s.entered(ctx, name, how, e, err)
	if err != nil {
		note, status := saidOf(err)
		s.showSignIn(w, status, signInPage{Note: note})
		return
	}
	if out.Body.Pending != "" {
		s.showSignIn(w, http.StatusOK, signInPage{Pending: out.Body.Pending})
		return
	}
	s.admit(w, r, out)
}

// admit sets the cookie and shows where one is.
func (s *server) admit(w http.ResponseWriter, r *http.Request, out *cookieOutput[SignedIn]) {
	for i := range out.SetCookie {
		http.SetCookie(w, &out.SetCookie[i])
	}
	http.Redirect(w, r, signInPath, http.StatusSeeOther)
}

// saidOf is what a page says of an error.
func saidOf(err error) (string, int) {
	var p *Problem
	if errors.As(err, &p) {
		return p.Detail, p.Status
	}
	return "That did not work. Try again.", http.StatusInternalServerError
}

// linkPage asks before it signs in: programs follow links of mail before
// people do.
func (s *server) linkPage(w http.ResponseWriter, r *http.Request, _ Authenticator) {
	ctx := r.Context()
	token := r.PathValue("token")
	gone := htmlPage{Title: "This link does not hold any more", Body: `<p>It holds once, for half an hour. <a href="/sign-in">Ask for a new one.</a></p>`}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		mailbox, err := s.Accounts.LookLink(ctx, token)
		if err != nil {
			writePage(w, http.StatusGone, gone)
			return
		}
		body, err := render(linkForm, mailbox)
		if err != nil {
			s.log.ErrorContext(ctx, "a page cannot be made", slog.Any("err", err))
		}
		writePage(w, http.StatusOK, htmlPage{Title: "Sign in", Body: body})
	case http.MethodPost:
		e, err := s.Accounts.LinkSignIn(ctx, token, fromOf(ctx))
		out, refused := s.entered(ctx, e.Who, accounts.HowLink, e, err)
		var wait *accounts.Wait
		if errors.As(err, &wait) {
			tooManyPage(w, wait.For)
			return
		}
		if refused != nil {
			writePage(w, http.StatusGone, gone)
			return
		}
		s.admit(w, r, out)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		writePage(w, http.StatusMethodNotAllowed, gone)
	}
}
