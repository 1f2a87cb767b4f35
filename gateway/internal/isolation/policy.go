package isolation

import (
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/daemon/daemontest"
)

// What is Acme's has these words in it, and nothing else has: where one of them
// shows up in an answer to somebody else, and was not in the question, something
// came through. The names of tenants and domains are their own marks, because
// questions have to hold them.
const (
	Acme       = "zqacme"
	AcmeDomain = "zephyrine.test"
	AcmeOther  = "zephyrine.example"
	Mark       = "quince" // in subjects, bodies, names, notes, replies
)

// The tenant whose people look around, and a third one.
const (
	Beta       = "beta"
	BetaDomain = "beta.test"
	BetaOther  = "beta.example"
	Gamma      = "gamma"
)

// Marks are the words that are Acme's.
func Marks() []string { return []string{Acme, "zephyrine", Mark} }

// tenant is one of the world's.
type tenant struct {
	name    string
	domains []string
	mark    string
}

func (t tenant) domain() string { return t.domains[0] }

var tenants = []tenant{
	{Acme, []string{AcmeDomain, AcmeOther}, Mark},
	{Beta, []string{BetaDomain, BetaOther}, "betaword"},
	{Gamma, []string{"gamma.test"}, "gammaword"},
}

const gatewayPolicy = daemontest.Listeners + `
gateway {
  hostname        = "mx.weir.test"
  data_dir        = "../data"
  resolver        = [%[1]q]
  direct_inbound  = "20s"
  direct_outbound = "20s"
  dane            = false
  mta_sts         = false
}
admin {
  address = "127.0.0.1:0"
  url     = "https://mail.weir.test"
  limits {
    requests = 10000000
    burst    = 100000
    streams  = 1000
  }
}
retry "slow" {
  phase {
    until = "4d"
    every = "12h"
  }
}
route "world" { hosts = [%[2]q] }
via "world" { route = route.world }
report "all" {
  at     = ["1. 07:00"]
  to     = ["root@weir.test"]
  search = "status:queued"
}
`

// modules are the plugins of the world, where they are built. Acme's are its
// alone.
const modules = `
plugin "quincebayes" {
  source = "builtin:bayes"
  grant { kv = true }
}
plugin "betabayes" {
  source = "builtin:bayes"
  grant { kv = true }
}
`

const tenantPolicy = `
route "NAME-MARK-way" { hosts = ["PEER"] }
ruleset "NAME-MARK-rules" {
FILTER
  action "MARK-quarantine" {
    when = matches("to-quarantine", message.subject)
    do   = quarantine("MARK suspicious")
  }
  action "MARK-stall" {
    when = matches("to-stall", message.subject)
    do   = stall("MARK unreadable")
  }
  action "MARK-reject" {
    when = matches("to-reject", message.subject)
    do   = reject(550, "5.7.1", "MARK unwanted")
  }
  action "MARK-discard" {
    when = matches("to-discard", message.subject)
    do   = discard("MARK forgotten")
  }
}
tenant "NAME" {
  domains  = [DOMAINS]
  rulesets = [ruleset.NAME-MARK-rules]
  routes   = [route.NAME-MARK-way]
  force    = "domain"
  route { hosts = ["PEER"] }
  recipients {
    verify = "callout"
    local  = ["later.anna@DOMAIN"]
  }
  inbound {
    retry = retry.slow
    via "together" { # one way, and so one attempt, for all tenants
      recipient = ["later.anna@DOMAIN"]
      route     = route.world
    }
  }
  outbound { retry = retry.slow }
  retain { archive = "30d" }
  notify { stalled = ["MARK-watch@DOMAIN"] }
  list "MARK-list" { entries = ["MARK.enemy.test"] }
  digest { at = ["1. 07:00"] }
  report "MARK-report" {
    at     = ["1. 07:00"]
    to     = ["MARK-boss@DOMAIN"]
    search = "status:queued subject:MARK"
  }
  events "MARK-events" {
    file { path = "../MARK-events.jsonl" }
  }
}
`

// files are the policy, by file name. plugins tells whether modules are built.
func files(dns, peer string, plugins bool) map[string]string {
	out := map[string]string{"10-gateway.hcl": fmt.Sprintf(gatewayPolicy, dns, peer)}
	if plugins {
		out["11-plugins.hcl"] = modules
	}
	for i, t := range tenants {
		filter := ""
		if m := map[string]string{Acme: "quincebayes", Beta: "betabayes"}[t.name]; plugins && m != "" {
			filter = fmt.Sprintf("  filter \"%s\" {\n    plugin = plugin.%s\n  }\n", t.mark+"-filter", m)
		}
		quoted := make([]string, len(t.domains))
		for j, d := range t.domains {
			quoted[j] = fmt.Sprintf("%q", d)
		}
		out[fmt.Sprintf("%d-%s.hcl", 20+i, t.mark)] = strings.NewReplacer(
			"FILTER", filter, "NAME", t.name, "MARK", t.mark, "DOMAINS", strings.Join(quoted, ", "), "DOMAIN", t.domain(), "PEER", peer,
		).Replace(tenantPolicy)
	}
	return out
}
