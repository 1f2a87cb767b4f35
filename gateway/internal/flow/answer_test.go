package flow

import "testing"

// The one reply after DATA, every pair of fates, by hand from the architecture
// document: d delivered, p pending, h held, q queueable, u unknown, r refused
// by the destination, j rejected by policy, f a filter failed.
var answerTable = map[string]string{
	"d": "dphqurjf=250",
	"p": "phqurjf=250",
	"h": "hqurjf=250",
	"q": "q=250 u=451 r=250 j=250 f=250",
	"u": "urjf=451",
	"r": "rj=5xx f=451",
	"j": "j=5xx f=451",
	"f": "f=451",
}

var fateLetters = map[byte]fate{
	'd': fateDelivered, 'p': fatePending, 'h': fateHeld, 'q': fateQueueable, 'u': fateUnknown, 'r': fateRefused, 'j': fateRejected, 'f': fateUnfiltered,
}

// expected looks a pair up in the table, in either order.
func expected(a, b byte) string {
	for _, pair := range [][2]byte{{a, b}, {b, a}} {
		letters := ""
		for _, field := range split(answerTable[string(pair[0])]) {
			letters = field[0]
			for i := 0; i < len(letters); i++ {
				if letters[i] == pair[1] {
					return field[1]
				}
			}
		}
	}
	return ""
}

// split reads "ab=250 c=451".
func split(s string) [][2]string {
	var out [][2]string
	for s != "" {
		i := 0
		for s[i] != '=' {
			i++
		}
		out = append(out, [2]string{s[:i], s[i+1 : i+4]})
		s = s[i+4:]
		if s != "" {
			s = s[1:]
		}
	}
	return out
}

var answerNames = map[answer]string{takeIt: "250", refuseIt: "5xx", laterPlease: "451"}

func TestDecidePairs(t *testing.T) {
	letters := "dphqurjf"
	for i := range letters {
		for j := range letters {
			a, b := letters[i], letters[j]
			want := expected(a, b)
			if want == "" {
				t.Fatalf("the table has no cell %c%c", a, b)
			}
			if got := answerNames[decide([]fate{fateLetters[a], fateLetters[b]})]; got != want {
				t.Errorf("%c%c: %s, want %s", a, b, got, want)
			}
		}
		single := expected(letters[i], letters[i])
		if got := answerNames[decide([]fate{fateLetters[letters[i]]})]; got != single {
			t.Errorf("%c alone: %s, want %s", letters[i], got, single)
		}
	}
}

// A third recipient never turns a 250 with something delivered into a
// refusal: what was delivered cannot be taken back.
func TestDecideKeepsWhatWasDelivered(t *testing.T) {
	all := []fate{fateDelivered, fatePending, fateHeld, fateQueueable, fateUnknown, fateRefused, fateRejected, fateUnfiltered}
	for _, a := range all {
		for _, b := range all {
			if got := decide([]fate{a, b, fateDelivered}); got != takeIt {
				t.Errorf("%d %d delivered: %s", a, b, answerNames[got])
			}
		}
	}
}
