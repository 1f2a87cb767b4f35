package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

var (
	spamWords = strings.Fields("viagra casino winner lottery prize claim urgent million dollars inheritance pills cheap offer limited bonus credit unclaimed transfer beneficiary")
	hamWords  = strings.Fields("meeting agenda project review deadline invoice attached schedule lunch thanks regards minutes budget draft report quarter planning colleague")
	neutral   = strings.Fields("the and you with this that from have will your please about there which would could when what time today tomorrow")
)

// letter makes a message of 40 words, a third of them telling.
func letter(r *rand.Rand, telling []string) string {
	var out []string
	for range 40 {
		from := neutral
		if r.IntN(3) == 0 {
			from = telling
		}
		out = append(out, from[r.IntN(len(from))])
	}
	return strings.Join(out, " ")
}

func host(t testing.TB) *sdktest.Host {
	t.Helper()
	h := sdktest.New(t)
	h.SetConfig(abi.Object())
	return h
}

func give(h *sdktest.Host, text string) {
	h.ClearMessage()
	h.AddHeader("Subject", "about something")
	h.AddHeader("From", "x@y.test")
	h.AddPart(abi.Part{Type: "text/plain"}, []byte(text))
	h.SetRaw([]byte(text))
}

func act(t testing.TB, h *sdktest.Host, name, text string) *abi.Verdict {
	t.Helper()
	give(h, text)
	return h.Run(&abi.Event{Stage: abi.StageAction, Name: name})
}

// class is what a message is found to be.
func found(h *sdktest.Host, text string) (string, float64) {
	give(h, text)
	v := h.Run(&abi.Event{Stage: abi.StageMessage})
	if len(v.Findings) == 0 {
		return "", 0
	}
	return v.Findings[0].Main, v.Findings[0].Score
}

func TestLearnAndJudge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := host(t)
	for i := range 30 {
		if got, _ := found(h, letter(r, spamWords)); got != "" {
			t.Fatalf("after %d messages something is said: %s", i, got)
		}
		act(t, h, "train_spam", letter(r, spamWords))
		act(t, h, "train_ham", letter(r, hamWords))
	}
	var right, wrong int
	for range 200 {
		for kind, words := range map[string][]string{"spam": spamWords, "ham": hamWords} {
			got, score := found(h, letter(r, words))
			switch got {
			case kind:
				right++
				if (kind == "spam") != (score > 0) || math.Abs(score) > 5 {
					t.Errorf("%s scores %v", kind, score)
				}
			case "":
			default:
				wrong++
			}
		}
	}
	if right < 380 || wrong > 0 {
		t.Errorf("%d of 400 right, %d wrong", right, wrong)
	}
	v := act(t, h, "judge", letter(r, spamWords))
	if !strings.HasPrefix(v.Text, "probability of spam 9") && !strings.HasPrefix(v.Text, "probability of spam 100") || len(v.Results) < 5 {
		t.Errorf("%+v", v)
	}
}

// A message counts once, and learning it anew as the other takes it back.
func TestLearnOnce(t *testing.T) {
	h := host(t)
	counts := func() string {
		of := func(key string) count {
			b := h.KV[key]
			if len(b) != 8 {
				t.Fatalf("%s: %x", key, b)
			}
			return unpack(int64(binary.LittleEndian.Uint64(b)))
		}
		return fmt.Sprint(of("n"), of("w:casino"))
	}
	for _, c := range []struct{ action, text, want string }{
		{"train_spam", "learned", "{1 0} {1 0}"}, {"train_spam", "learned before", "{1 0} {1 0}"},
		{"train_ham", "learned, and what was learned before taken back", "{0 1} {0 1}"},
		{"forget", "forgotten", "{0 0} {0 0}"}, {"forget", "nothing was learned of it", "{0 0} {0 0}"}, {"train_ham", "learned", "{0 1} {0 1}"},
	} {
		if v := act(t, h, c.action, "casino tonight"); v.Text != c.text || counts() != c.want {
			t.Errorf("%s: %q, %s", c.action, v.Text, counts())
		}
	}
}

func TestWords(t *testing.T) {
	h := host(t)
	h.AddHeader("Subject", "Big NEWS")
	h.AddHeader("From", `"A" <a@Shop.Test>`)
	h.AddPart(abi.Part{Type: "text/html"}, []byte(`<style>p{color:red}</style><p>Hello <b>wörld</b> $100</p><a href="https://Click.Here.test/x?y">go now</a><script>evil()</script>`))
	h.AddPart(abi.Part{Type: "application/zip", Attachment: true, Filename: "A.ZIP"}, nil)
	h.SetRaw([]byte("x"))
	v := h.Run(&abi.Event{Stage: abi.StageAction, Name: "train_spam"})
	if v.Text != "learned" {
		t.Fatal(v.Text)
	}
	for _, w := range []string{"s:big", "s:news", "f:shop.test", "u:click.here.test", "hello", "wörld", "$100", "now", "a:application/zip", "x:.zip"} {
		if h.KV["w:"+w] == nil {
			t.Errorf("%q was not learned", w)
		}
	}
	for _, w := range []string{"color", "evil", "href"} {
		if h.KV["w:"+w] != nil {
			t.Errorf("%q was learned", w)
		}
	}
}

func TestChiSquare(t *testing.T) {
	for _, c := range []struct {
		x    float64
		v    int
		want float64
	}{{5.991, 2, 0.05}, {18.307, 10, 0.05}, {0, 4, 1}, {31.41, 20, 0.05}, {2000, 10, 0}} {
		if got := chiSquare(c.x, c.v); math.Abs(got-c.want) > 0.0005 {
			t.Errorf("chi-square %v of %d: %v, want %v", c.x, c.v, got, c.want)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("<b>x</b> http://a.b/ ünï")
	f.Fuzz(func(t *testing.T, s string) {
		b := &bag{seen: map[string]bool{}}
		links(s, b)
		split(strip(s), b.add)
		for _, w := range b.words {
			if len(w) > 70 || w == "" {
				t.Errorf("%q", w)
			}
		}
	})
}
