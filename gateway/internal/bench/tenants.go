package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// tenantsConfig is a policy of n tenants with a configuration of their own for
// each of the three standard filters.
func tenantsConfig(data, nextHop string, n int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `
gateway {
  hostname = "bench.weir.test"
  data_dir = %q
  log_level = "warn"
}
%splugin "rules" { source = "builtin:rules" }
plugin "attachments" { source = "builtin:attachments" }
plugin "stall" { source = "builtin:stall" }
`, data, mxListener)
	for i := range n {
		fmt.Fprintf(&b, `
ruleset "r%[1]d" {
  filter "lists" {
    plugin = plugin.rules
    config {
      allow "partners" { sender = ["*@partner%[1]d.test"] }
      block "spammers" { sender_domain = ["spam%[1]d.test", "*.spam%[1]d.test", "junk.test"] }
      block "words" { subject = ["*lottery %[1]d*", "/win+er%[1]d/"] }
    }
  }
  filter "attachments" {
    plugin = plugin.attachments
    config {
      rule "own" {
        extension = ["x%[1]d", "exe"]
        class     = "attachment/own"
        action    = "reject"
      }
    }
  }
  filter "unscannable" {
    plugin = plugin.stall
    config {
      causes = ["encrypted-archive", "unreadable"]
      limits { entries = %[2]d }
    }
  }
}
tenant "t%[1]d" {
  domains  = ["t%[1]d.test"]
  rulesets = [ruleset.r%[1]d]
  route {
    hosts          = [%[3]q]
    tls            = "none"
    connections    = 2
    per_connection = 1000
  }
  recipients {
    verify = "local"
    local  = ["*@t%[1]d.test"]
  }
}
`, i, 1000+i, nextHop)
	}
	return []byte(b.String())
}

// manyTenants prints the gateway's memory with n tenants: after the start, and
// after mail for all of them, with and without attachments.
func manyTenants(path, dir string, s *sink, n int) error {
	begin := time.Now()
	sys, err := serve(path, filepath.Join(dir, "tenants"), "weir", func(data string) []byte { return tenantsConfig(data, s.addr, n) })
	if err != nil {
		return err
	}
	defer sys.stop()
	report := func(when string) {
		all, anon := sys.rss()
		fmt.Printf("%-44s RSS %4d MiB, anonymous %4d MiB\n", when, all>>20, anon>>20)
	}
	report(fmt.Sprintf("%d tenants, started in %v", n, time.Since(begin).Round(10*time.Millisecond)))
	domain := func(i int) string { return fmt.Sprintf("t%d.test", i%n) }
	for _, l := range []struct {
		what string
		size int
		att  bool
		each int
	}{{"4 KiB", 4 << 10, false, 10}, {"50 KiB with an attachment", 50 << 10, true, 5}, {"4 KiB again", 4 << 10, false, 10}} {
		want := s.n.Load() + int64(n*l.each)
		took, err := loadTo(sys.addr, *sessions, n*l.each, message(l.size, l.att), domain)
		if err != nil {
			return err
		}
		for end := time.Now().Add(time.Minute); s.n.Load() < want && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		report(fmt.Sprintf("%d × %s, %.0f/s", n*l.each, l.what, float64(n*l.each)/took.Seconds()))
	}
	time.Sleep(20 * time.Second)
	report("after 20 s of quiet")
	return nil
}
