# The policy that `make run` uses. It runs as it stands, on loopback only.
# Every block and attribute: gateway/docs/hcl-reference.md.

gateway {
  hostname = "mx.weir.test" # in EHLO, Received and delivery status notifications
  data_dir = "./var"        # queue, journal and spool
}

# Mail for the domains hosted here.
listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
  tls { auto = "self-signed" }
}

# Mail of their users for the world. Clients are admitted by address.
listener "submission" {
  address   = "127.0.0.1:2587"
  direction = "outbound"
  allow     = ["127.0.0.0/8", "::1"]
  tls { auto = "self-signed" }
}

# HTTP API. The command line uses the socket data_dir/weir.sock.
admin { address = "127.0.0.1:8080" }

plugin "rules" {
  source = "builtin:rules"
  grant { lists = true } # those that operators add to, from log and quarantine
}

plugin "stall" {
  source   = "builtin:stall"
  on_error = "stall" # what it cannot inspect is held, not passed
}

# Every 15 minutes, then ever slower, for 4 days.
retry "standard" {
  phase {
    until = "2h"
    every = "15m"
  }
  phase {
    until  = "16h"
    every  = "15m"
    factor = 1.5
  }
  phase {
    until = "4d"
    every = "6h"
  }
  delay_notice = "4h"
}

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      allow "partners" { sender_domain = ["partner.test"] }
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
  # What becomes of findings can be changed here, by class.
  action "spam" {
    when = finding.main == "spam" && score >= 6
    do   = quarantine("spam score ${score}")
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.baseline]
  route { hosts = ["127.0.0.1:2526"] } # weir sink
  recipients {
    verify = "callout"           # ask the destination whether a recipient exists
    local  = ["local@demo.test"] # always accepted and queued, also in an outage
  }
  inbound { encrypted = "stall" }
  outbound { lifetime = "24h" }
}
