package main

import (
	"fmt"
	"os"
)

// hosted is the tenant under load; neighbour is reached in process; world is
// everybody else.
const (
	hosted    = "crash.test"
	neighbour = "neighbour.test"
	world     = "world.test"
)

// config is the policy of the gateway under test: everything is known valid,
// so everything may be queued, and direct delivery has little time, so both
// paths are taken. The filters hold what load marks for it.
const config = `
gateway {
  hostname        = "crash.weir.test"
  data_dir        = %[1]q
  direct_inbound  = "400ms"
  direct_outbound = "400ms"
  watermark       = %[3]q
}

listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  limits {
    per_client = 1000
    commands   = 100000
    errors     = 1000
  }
}

listener "submission" {
  address   = "127.0.0.1:0"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
  limits {
    per_client = 1000
    commands   = 100000
    errors     = 1000
  }
}

plugin "rules" { source = "builtin:rules" }

plugin "stall" {
  source   = "builtin:stall"
  on_error = "stall"
}

retry "fast" {
  phase {
    until = "10h"
    every = "1s"
  }
}

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      block "offers" {
        subject = ["*offer*"]
        class   = "spam/subject"
        action  = "quarantine"
      }
      block "spammers" {
        sender_domain = ["spam.test"]
        class         = "list/sender"
      }
    }
  }
  filter "unscannable" {
    plugin = plugin.stall
    when   = message.has_attachments
    config { causes = ["encrypted-archive", "unreadable"] }
  }
}

tenant "hosted" {
  domains  = ["crash.test"]
  rulesets = [ruleset.baseline]
  route {
    hosts       = [%[2]q]
    connections = 20
  }
  recipients {
    verify = "local"
    local  = ["*@crash.test"]
  }
  inbound { retry = retry.fast }
  outbound { retry = retry.fast }
  notify { stalled = [] }
  retain {
    failed  = "1h"
    archive = "30d"
  }
}

# The way to the world is by the routing table, over a host that is not there.
route "world" {
  hosts       = ["127.0.0.1:1", %[2]q]
  connections = 20
}
via "world" {
  recipient = ["*@world.test"]
  route     = route.world
}

# The destination is left alone when it is in trouble, but not for long.
destination "all" {
  domains       = ["crash.test", "neighbour.test", "world.test"]
  routes        = [route.world]
  connections   = 20
  rate          = "400/1s"
  backoff       = "1s"
  max_backoff   = "2s"
  suspend_after = 10
  suspend_for   = "1s"
}

tenant "neighbour" {
  domains  = ["neighbour.test"]
  rulesets = [ruleset.baseline]
  route {
    hosts       = [%[2]q]
    connections = 20
  }
  recipients {
    verify = "local"
    local  = ["*@neighbour.test"]
  }
  inbound { retry = retry.fast }
  notify { stalled = [] }
}
`

// writeConfig writes the policy of a gateway with its data in dir.
func writeConfig(file, dir, destination, watermark string) error {
	return os.WriteFile(file, fmt.Appendf(nil, config, dir, destination, watermark), 0o600)
}
