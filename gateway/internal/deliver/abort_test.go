package deliver

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// waitFor polls until ok; the tests use it for what another process would see.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

func TestAbort_before_the_dot_stops_everything(t *testing.T) {
	for _, verb := range []string{"GREETING", "EHLO", "MAIL", "RCPT", "DATA"} {
		t.Run(verb, func(t *testing.T) {
			s := smtptest.Script{Reply: map[string]string{verb: smtptest.Hang}}
			if verb == "GREETING" {
				s.Greeting = smtptest.Hang
			}
			p, other := smtptest.Start(t, s), smtptest.Start(t, smtptest.Script{})
			a := engine(t, nil).Start(context.Background(), request(t, static(p.Addr, other.Addr), "a@b.test"))
			waitFor(t, "the hang", func() bool {
				if verb == "GREETING" {
					return p.Accepted() == 1
				}
				l := p.Lines()
				return len(l) > 0 && strings.HasPrefix(l[len(l)-1], verb)
			})
			if first, again := a.Abort(), a.Abort(); !first || !again {
				t.Fatal("not aborted")
			}
			<-a.Done()
			res := a.Result()
			if res.Rcpts[0].Outcome != Deferred || !res.Aborted || res.Rcpts[0].MayDuplicate || other.Accepted() != 0 || len(p.Messages()) != 0 {
				t.Errorf("%s\n%s", show(res), transcripts(res))
			}
		})
	}
}

// TestAbort_within_the_body: the peer must never see a complete message.
func TestAbort_within_the_body(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining})
	r := request(t, static(p.Addr), "a@b.test")
	pr, pw := io.Pipe()
	r.Open = func() (io.ReadCloser, error) { return pr, nil }
	a := engine(t, nil).Start(context.Background(), r)
	_, _ = pw.Write([]byte(body)) // returns when the sender has read it
	if !a.Abort() {
		t.Fatal("not aborted")
	}
	pw.Close()
	<-a.Done()
	p.Shut()
	if res := a.Result(); !res.Aborted || len(p.Messages()) != 0 || strings.Contains(p.Raw(), "\r\n.\r\n") {
		t.Errorf("%s, sent %q", show(res), p.Raw())
	}
}

func TestAbort_past_the_dot_waits(t *testing.T) {
	release := make(chan struct{})
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining, LMTP: func(string) string { <-release; return "250 2.0.0 at last" }})
	r := request(t, static(p.Addr), "a@b.test")
	r.Route.LMTP = true
	a := engine(t, nil).Start(context.Background(), r)
	waitFor(t, "the dot", func() bool { return strings.HasSuffix(p.Raw(), "\r\n.\r\n") })
	if a.Abort() {
		t.Fatal("aborted past the dot")
	}
	select {
	case <-a.Done():
		t.Fatal("did not wait")
	default:
	}
	close(release)
	<-a.Done()
	if res := a.Result(); show(res) != "1 delivered 250 2.0.0 at last" || res.Aborted || a.Abort() {
		t.Errorf("%s", show(res))
	}
}

// TestContext_is_a_hard_stop: before the dot at once, past it after DotGrace.
func TestContext_is_a_hard_stop(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"DOT": smtptest.Hang}})
	other := smtptest.Start(t, smtptest.Script{})
	why := errors.New("shutting down")
	e := engine(t, func(o *Options) { o.DotGrace = 100 * time.Millisecond })
	ctx, cancel := context.WithCancelCause(context.Background())
	a := e.Start(ctx, request(t, static(p.Addr, other.Addr), "a@b.test"))
	waitFor(t, "the dot", func() bool { return strings.HasSuffix(p.Raw(), "\r\n.\r\n") })
	cancel(why)
	<-a.Done()
	if res := a.Result(); !res.Rcpts[0].MayDuplicate || other.Accepted() != 0 {
		t.Errorf("%s\n%s", show(res), transcripts(res))
	}
	a = e.Start(ctx, request(t, static(other.Addr), "a@b.test"))
	<-a.Done()
	if res := a.Result(); !res.Aborted || len(other.Messages()) != 0 {
		t.Errorf("%s", show(res))
	}
}

func TestClose_ends_attempts_and_goodbyes(t *testing.T) {
	hangs := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"MAIL": smtptest.Hang}})
	good := smtptest.Start(t, smtptest.Script{})
	e := engine(t, nil)
	run(t, e, request(t, static(good.Addr), "a@b.test"))
	a := e.Start(context.Background(), request(t, static(hangs.Addr), "a@b.test"))
	waitFor(t, "MAIL", func() bool { return len(hangs.Lines()) == 2 })
	e.Close()
	<-a.Done()
	if !a.Result().Aborted {
		t.Errorf("%s", show(a.Result()))
	}
	if l := good.Lines(); l[len(l)-1] != "QUIT" {
		t.Errorf("%q", l)
	}
	a = e.Start(context.Background(), request(t, static(good.Addr), "a@b.test"))
	<-a.Done()
	if res := a.Result(); !res.Aborted || len(res.Rcpts) != 1 || !res.Rcpts[0].Reply.Temporary() {
		t.Errorf("%+v", res)
	}
}
