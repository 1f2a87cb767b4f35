package mtasts_test

import (
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mtasts"
)

// FuzzParse: whatever a policy host sends gives a policy that can be used and
// reads the same again, or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(enforce))
	f.Add([]byte("version: STSv1\nmode: none\nmax_age: 1"))
	f.Add([]byte("version: STSv1\nmode: testing\nmx: *.é.test\nmx:\xff\nmax_age: 9999999999"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := mtasts.Parse(text)
		if err != nil {
			return
		}
		_ = p.Matches("mx.dest.test")
		if p.MaxAge < 0 || p.Matches("") || p.Mode != mtasts.None && len(p.MX) == 0 {
			t.Errorf("%+v", p)
		}
		again, err := mtasts.Parse([]byte(strings.Join(p.Lines(), "\n")))
		if err != nil || strings.Join(again.Lines(), "\n") != strings.Join(p.Lines(), "\n") {
			t.Errorf("%q became %+v, %v", p.Lines(), again, err)
		}
	})
}
