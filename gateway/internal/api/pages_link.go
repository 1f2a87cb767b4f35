package api

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/digest"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/notify"
)

// The pages behind the links of digests: whoever has such a link is asked once
// more, by a form. GET never acts, because programs follow the links of mail
// before people do. Nobody has to sign in: the link's signature is the right,
// and it is for one action on one message.

// linkLimits bound what one network may ask of these pages, and send to those
// of sign-in, in a minute.
var linkLimits = Limits{Requests: 60, Burst: 60}

// maxToken is the longest token that is looked at, in octets.
const maxToken = 2048

// linkVerbs are what links do, by their path.
var linkVerbs = map[string]lifecycle.Verb{"release": lifecycle.Release, "remove": lifecycle.RemoveQuarantined}

// linkPages serves /link/VERB/TOKEN.
func (s *server) linkPages(who Authenticator) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		source := who.Source(r)
		words := linkWordsFor(r.Header.Get("Accept-Language"))
		if wait := s.strangers.take("l "+network(source), linkLimits, s.now()); wait > 0 {
			w.Header().Set("Retry-After", retryAfter(wait))
			writePage(w, http.StatusTooManyRequests, words.notice(words.busy, words.busyText))
			return
		}
		name, token, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/link/"), "/")
		verb, ok := linkVerbs[name]
		if !ok || token == "" || len(token) > maxToken || s.Mailings == nil {
			writePage(w, http.StatusNotFound, words.notice(words.unknown, words.unknownText))
			return
		}
		ctx, cancel := s.bounded(r.Context())
		defer cancel()
		var k digest.Linked
		var err error
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			k, err = s.Mailings.Look(ctx, verb, token)
		case http.MethodPost:
			// Once it is in the audit log it is done, whether the caller waits or not.
			k, err = s.Mailings.Act(context.WithoutCancel(ctx), verb, token, source)
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			writePage(w, http.StatusMethodNotAllowed, words.notice(words.unknown, words.unknownText))
			return
		}
		switch {
		case errors.Is(err, digest.ErrLinkOver):
			writePage(w, http.StatusGone, words.notice(words.expired, words.expiredText))
		case errors.Is(err, digest.ErrLink):
			writePage(w, http.StatusNotFound, words.notice(words.unknown, words.unknownText))
		case err != nil:
			s.log.ErrorContext(ctx, "a link of a digest failed", slog.String("action", string(verb)), slog.Any("err", err))
			writePage(w, http.StatusServiceUnavailable, words.notice(words.failed, words.failedText))
		default:
			writePage(w, http.StatusOK, linkPage(verb, k))
		}
	})
}

var linkBody = template.Must(template.New("link").Parse(`<p class="note">{{.Say}}</p>
<dl>
<dt>{{.Words.From}}</dt><dd>{{.From}}</dd>
<dt>{{.Words.Subject}}</dt><dd>{{.Subject}}</dd>
<dt>{{.Words.To}}</dt><dd>{{.Mailbox}}</dd>
<dt>{{.Words.Received}}</dt><dd>{{.Received}}</dd>
{{if .Reason}}<dt>{{.Words.Why}}</dt><dd>{{.Reason}}</dd>
{{end}}</dl>
{{if .Button}}<form method="post"><button type="submit">{{.Button}}</button></form>
{{end}}`))

// linkPage shows the message behind a link, and a form where the link can still
// do what it is for.
func linkPage(verb lifecycle.Verb, k digest.Linked) htmlPage {
	w := linkWordsOf(k.Language)
	zone := k.Zone
	if zone == nil {
		zone = time.UTC
	}
	view := struct {
		Say, From, Subject, Mailbox, Received, Reason, Button string
		Words                                                 linkLabels
	}{
		From: notify.Harmless(k.From, 200), Subject: notify.Harmless(k.Subject, 300), Mailbox: notify.Harmless(k.Mailbox, 320), Reason: notify.Harmless(k.Reason, 400),
		Received: k.Received.In(zone).Format("2006-01-02 15:04 MST"), Words: w.labels,
	}
	title := ""
	release := verb == lifecycle.Release
	switch {
	case k.State == digest.StateHeld && release:
		title, view.Say, view.Button = w.releaseAsk, w.releaseSay, w.release
	case k.State == digest.StateHeld:
		title, view.Say, view.Button = w.removeAsk, w.removeSay, w.remove
	case k.State == digest.StateReleased && k.Done:
		title, view.Say = w.released, w.releasedSay
	case k.State == digest.StateReleased:
		title, view.Say = w.alreadyReleased, w.releasedSay
	case k.State == digest.StateRemoved && k.Done:
		title, view.Say = w.removed, w.removedSay
	case k.State == digest.StateRemoved:
		title, view.Say = w.alreadyRemoved, w.removedSay
	case k.State == digest.StateStays:
		title, view.Say = w.stays, w.staysSay
	default:
		title, view.Say = w.over, w.overSay
	}
	var b strings.Builder
	_ = linkBody.Execute(&b, view)                                               // a strings.Builder takes everything
	return htmlPage{Title: title, Lang: w.lang, Body: template.HTML(b.String())} //nolint:gosec // made by a template
}
