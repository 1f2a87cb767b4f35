package daemon_test

import (
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

const groupsPolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
plugin "stall" { source = "builtin:stall" }
ruleset "all" {
  filter "unscannable" { plugin = plugin.stall }
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.all]
  route { hosts = ["DESTINATION"] }
  recipients { local = ["ann@acme.test", "bob@acme.test"] }
  group "short" {
    members = ["ann@acme.test"]
    inbound {
      hold     = "1h"
      lifetime = "30m"
    }
  }
}
`

// Mail of a group's members ends after the group's hold time and lifetime, that
// of the others of the same domain does not.
func TestB140_mail_of_a_group_ends_in_its_own_time(t *testing.T) {
	if _, err := builtin.Module("stall"); err != nil {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal(err)
		}
		t.Skip("build the plugins with: make plugins")
	}
	encrypted, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", "messages", "encrypted-zip.eml"))
	if err != nil {
		t.Fatal(err)
	}
	dest := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"DOT": "451 4.3.0 not now"}})
	dir := configDir(t, strings.Replace(groupsPolicy, "DESTINATION", dest.Addr, 1))
	began := time.Date(2026, 11, 23, 4, 50, 0, 0, time.UTC)
	clk := newMoved(began)
	d, c, _ := gatewayAt(t, dir, clk)
	for _, rcpt := range []string{"ann@acme.test", "bob@acme.test"} {
		for _, body := range []string{"Subject: hello\r\n\r\nLunch?\r\n", string(encrypted)} {
			if err := smtp.SendMail(d.Addresses().Listeners["mx"], nil, "x@far.test", []string{rcpt}, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	is := func(q string) (out []string) {
		t.Helper()
		page, err := c.Search(t.Context(), client.Search{Q: q})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			out = append(out, r.Recipient)
		}
		slices.Sort(out)
		return out
	}
	until := func(q, want string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if got := strings.Join(is(q), " "); got == want {
				return
			} else if time.Now().After(end) {
				t.Fatalf("%s: %s, want %s", q, got, want)
			}
		}
	}
	until("status:queued sender:x@far.test", "ann@acme.test bob@acme.test")
	until("status:stalled", "ann@acme.test bob@acme.test")
	// Before its time nothing ends.
	clk.to(began.Add(20 * time.Minute))
	until("status:queued sender:x@far.test", "ann@acme.test bob@acme.test")
	clk.to(began.Add(35 * time.Minute))
	until("status:queue-bounced,queue-expired sender:x@far.test", "ann@acme.test")
	clk.to(began.Add(63 * time.Minute))
	until("status:quarantine-expired", "ann@acme.test")
	// The keeper has looked, and the queue has tried: the others are there still.
	until("status:stalled", "bob@acme.test")
	until("status:queued recipient:bob@acme.test", "bob@acme.test")
}
