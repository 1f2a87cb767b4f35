package api

import (
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/mailweir/weir/gateway/internal/accounts"
)

// The page of one's own account: its password, codes, passkeys and sessions. All
// of it is done by the API; a form has a token beside the cookie.

const accountPath = "/account"

// accountDone is what the page says once something was done, by the key that the
// address has.
var accountDone = map[string]string{
	"password": "The password is changed. Your other sessions have ended.",
	"codes":    "Codes are asked for no more.",
	"passkey":  "The passkey is added.",
	"removed":  "The passkey is removed.",
	"session":  "The session has ended.",
}

// accountView is what the page shows.
type accountView struct {
	Note     string
	Form     string // token
	Me       Me
	Account  *accounts.User // nil: there is none
	Sessions []accounts.Session
	Passkeys bool // can be added
}

// accountPages serves /account.
func (s *server) accountPages(who Authenticator, api http.Handler) http.Handler {
	p := &accountPage{s, inner{api}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := who.Identify(r)
		if s.Accounts == nil || err != nil || id.Session == "" {
			http.Redirect(w, r, signInPath, http.StatusSeeOther)
			return
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			p.show(w, r, id, http.StatusOK, accountDone[r.URL.Query().Get("done")])
		case http.MethodPost:
			if !s.Accounts.FormHolds(r, r.PostFormValue("form")) {
				p.show(w, r, id, http.StatusForbidden, "This form was open for too long, or is not of this page. Nothing was done; try again.")
				return
			}
			p.posted(w, r, id)
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			p.show(w, r, id, http.StatusMethodNotAllowed, "")
		}
	})
}

type accountPage struct {
	s     *server
	inner inner
}

func (p *accountPage) show(w http.ResponseWriter, r *http.Request, id accounts.Identity, status int, note string) {
	v := accountView{Note: note, Me: meOf(id), Form: p.s.Accounts.FormToken(r)}
	var own accounts.User
	var no *Problem
	switch err := p.inner.do(w, r, http.MethodGet, "/v1/me/account", nil, &own); {
	case err == nil:
		v.Account = &own
	case errors.As(err, &no) && no.Status == http.StatusForbidden: // they have none
	default:
		v.Note, status = saidOf(err)
	}
	var list listItems[accounts.Session]
	if err := p.inner.do(w, r, http.MethodGet, "/v1/sessions?own=true&limit=1000", nil, &list); err != nil {
		v.Note, status = saidOf(err)
	}
	v.Sessions = list.Items
	_, err := p.s.Accounts.BeginPasskeySignIn()
	v.Passkeys = err == nil
	p.write(w, status, "Your account", accountForms, v, "")
}

func (p *accountPage) write(w http.ResponseWriter, status int, title string, t *template.Template, data any, script template.JS) {
	body, err := render(t, data)
	if err != nil {
		p.s.log.Error("a page cannot be made", slog.Any("err", err))
		status, title, body, script = http.StatusInternalServerError, "This page cannot be shown", "", ""
	}
	writePage(w, status, htmlPage{Title: title, Body: body, Script: script})
}

// posted does what a form is for.
func (p *accountPage) posted(w http.ResponseWriter, r *http.Request, id accounts.Identity) {
	field := r.PostFormValue
	done, back := "", accountPath
	var err error
	switch field("do") {
	case "password":
		if field("password") != field("again") {
			err = problem(http.StatusUnprocessableEntity, "The new password is not the same both times. Nothing was changed.", "")
			break
		}
		done, err = "password", p.inner.do(w, r, http.MethodPost, "/v1/me/password", map[string]string{"old": field("old"), "password": field("password")}, nil)
	case "codes-begin":
		p.beginCodes(w, r, id)
		return
	case "codes-confirm":
		p.confirmCodes(w, r)
		return
	case "codes-end":
		done, err = "codes", p.inner.do(w, r, http.MethodPost, "/v1/me/totp/remove", OneCode{field("code")}, nil)
	case "passkey-begin":
		p.beginPasskey(w, r, id)
		return
	case "passkey-add":
		done, err = "passkey", p.inner.do(w, r, http.MethodPost, "/v1/me/passkeys", map[string]any{
			"state": field("state"), "credential": json.RawMessage(orElse(field("credential"), "null")), "name": field("name"),
		}, nil)
	case "passkey-remove":
		done, err = "removed", p.inner.do(w, r, http.MethodDelete, "/v1/me/passkeys/"+url.PathEscape(field("id")), nil, nil)
	case "session-end":
		if field("id") == id.Session {
			back = signInPath
		}
		done, err = "session", p.inner.do(w, r, http.MethodDelete, "/v1/sessions/"+url.PathEscape(field("id")), nil, nil)
	default:
		err = problem(http.StatusUnprocessableEntity, "There is no such form.", "")
	}
	if err != nil {
		note, status := saidOf(err)
		p.show(w, r, id, status, note)
		return
	}
	http.Redirect(w, r, back+"?done="+done, http.StatusSeeOther)
}

// codesView is what is shown while codes are switched on.
type codesView struct {
	Note, Form string
	Secret     string
	URI        template.URL  // an address that an app on the same device opens
	Picture    template.HTML // of the address
	Codes      []string      // recovery codes
}

func (p *accountPage) beginCodes(w http.ResponseWriter, r *http.Request, id accounts.Identity) {
	var e accounts.Enrolment
	if err := p.inner.do(w, r, http.MethodPost, "/v1/me/totp", nil, &e); err != nil {
		note, status := saidOf(err)
		p.show(w, r, id, status, note)
		return
	}
	v := codesView{Form: p.s.Accounts.FormToken(r), Secret: spaced(e.Secret), URI: template.URL(e.URI)} //nolint:gosec // made by package accounts, of what it escaped
	picture, err := qrPicture(e.URI)
	if err != nil {
		p.s.log.Error("a QR code cannot be drawn", slog.Any("err", err)) // the secret stands beside it
	}
	v.Picture = picture
	p.write(w, http.StatusOK, "Codes of an app", codesForm, v, "")
}

func (p *accountPage) confirmCodes(w http.ResponseWriter, r *http.Request) {
	v := codesView{Form: p.s.Accounts.FormToken(r)}
	var got RecoveryCodes
	if err := p.inner.do(w, r, http.MethodPost, "/v1/me/totp/confirm", OneCode{r.PostFormValue("code")}, &got); err != nil {
		note, status := saidOf(err)
		v.Note = note
		p.write(w, status, "Codes of an app", codesForm, v, "")
		return
	}
	v.Codes = got.Codes
	p.write(w, http.StatusOK, "Your recovery codes", codesForm, v, "")
}

// ceremonyView is a form whose script asks the browser for a passkey.
type ceremonyView struct {
	Do, Form, Action string
	State, Options   string
	Name             bool // is asked for
	Button, Text     string
}

func (p *accountPage) beginPasskey(w http.ResponseWriter, r *http.Request, id accounts.Identity) {
	var c accounts.Ceremony
	if err := p.inner.do(w, r, http.MethodPost, "/v1/me/passkeys/begin", nil, &c); err != nil {
		note, status := saidOf(err)
		p.show(w, r, id, status, note)
		return
	}
	p.write(w, http.StatusOK, "Add a passkey", ceremonyForm, ceremonyView{
		Do: "passkey-add", Form: p.s.Accounts.FormToken(r), Action: accountPath, State: c.State, Options: string(c.Options), Name: true, Button: "Add it",
		Text: "Your browser asks for your finger, face or PIN, or for another device.",
	}, passkeyScript)
}

// spaced is a secret in groups of four, to be typed.
func spaced(s string) string {
	var b []byte
	for i := range len(s) {
		if i > 0 && i%4 == 0 {
			b = append(b, ' ')
		}
		b = append(b, s[i])
	}
	return string(b)
}
