# Every block and nearly every attribute of the language.
gateway {
  hostname        = "mx.weir.test"
  data_dir        = "/var/lib/weir"
  watermark       = "2GiB"
  direct_inbound  = "20s"
  direct_outbound = "0s"
  resolver        = ["127.0.0.1", "[::1]:5353"]
  bare_lf         = "normalise"
  max_received    = 30
  log_level       = "debug"
  log_format      = "json"
  queue {
    workers = 8
    per_hop = 2
  }
}

variable "backend" {
  default     = "127.0.0.1:2526"
  description = "where acme's mail goes"
}

variable "networks" {
  type    = list(string)
  default = ["10.0.0.0/8"]
}

locals {
  all  = concat(local.base, [ruleset.extra])
  base = [ruleset.baseline]
  data = jsondecode(file("tenants.json"))
}

listener "mx" {
  address   = ":2525"
  direction = "inbound"
  bare_lf   = "refuse"
  rulesets  = [ruleset.extra]
  tls { auto = "self-signed" }
  limits {
    message_size        = "10MiB"
    recipients          = 5
    connections         = 20
    per_client          = 3
    errors              = 2
    commands            = 100
    stage_timeout       = "30s"
    data_timeout        = "1m"
    transaction_timeout = "1m30s"
    min_rate            = 100
  }
}

listener "submission" {
  address   = "127.0.0.1:2587"
  direction = "outbound"
  allow     = concat(["192.0.2.1", "::1"], var.networks)
}

admin { address = "[::1]:8080" }

plugin "rules" {
  source   = "builtin:rules"
  on_error = { message = "stall", rcpt_to = "tempfail" }
  grant { lists = true }
}

plugin "own" {
  source    = "./own.wasm"
  digest    = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  on_error  = "pass"
  isolation = "message"
  mode      = "observe"
  limits {
    memory    = "32MiB"
    deadline  = { message = "20s", connect = "50ms" }
    instances = 2
    wait      = "500ms"
  }
  grant {
    dial = ["unix:/run/clamav/clamd.ctl"]
    dns  = true
    kv   = false
  }
}

plugin "typed" { source = "builtin:typed" }

retry "patient" {
  delay_notice = "1h"
  phase {
    until  = "1w"
    every  = "10m"
    factor = 2
  }
}

list "partners" {
  entries = ["Partner.test", "@friend.test"]
  file    = "partners.txt"
}

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    when   = direction == "inbound" && sender.address != ""
    config {
      allow "partners" { list = [list.partners] }
      block "spammers" {
        sender_domain = ["spam.test"]
        header        = { X-Spam = "yes" }
      }
      block "more" { sender = ["*@more.test"] }
    }
  }
  action "spam" {
    when = finding.main == "spam" && (score >= 6 || contains(recipients, "trap@acme.test"))
    do   = length(recipients) > 10 ? reject(550, "5.7.1", "no") : quarantine("spam")
  }
}

ruleset "extra" {
  filter "own" {
    plugin = plugin.own
    mode   = "enforce"
    config {
      depth = 3
      server "a" { hosts = ["x", "y"] }
      server "b" {}
    }
  }
  filter "typed" {
    plugin = plugin.typed
    when   = true
    config {
      key   = "k"
      size  = "2KiB"
      shape = { a = 1 }
      server { host = "h" }
    }
  }
}

tenant "acme" {
  domains  = ["ACME.test", "bücher.example"]
  rulesets = local.all
  route {
    hosts          = [var.backend, "mail.acme.test"]
    tls            = "required"
    helo           = "out.weir.test"
    source         = "192.0.2.9"
    connections    = 4
    per_connection = 7
  }
  recipients {
    verify      = "local"
    local       = ["sales@acme.test", "*-list@acme.test"]
    valid_for   = "1d"
    invalid_for = "10m"
  }
  inbound {
    encrypted       = "quarantine"
    allow_encrypted = ["bank.test"]
    retry           = retry.patient
    lifetime        = "2d"
    hold            = "3d"
    keep_rejected   = false
  }
  outbound {
    lifetime = "24h"
    rulesets = [ruleset.baseline]
    route { mx = "smart.test" }
  }
  notify { stalled = ["admin@acme.test"] }
  retain {
    log        = "10d"
    quarantine = "0d"
  }
  group "board" {
    members = ["ceo@acme.test"]
    inbound { encrypted = "reject" }
    outbound { retry = retry.standard }
  }
  list "partners" { entries = ["only-acme.test"] }
}

tenants "data" {
  for_each = local.data
  name     = each.key
  domains  = each.value.domains
  rulesets = [ruleset[each.value.plan]]
  route {
    hosts    = each.value.hosts
    protocol = "lmtp"
  }
}
