# One organisation: mail in and out, and different treatment for a board
# whose encrypted attachments nobody may lose.

gateway {
  hostname = "mx.office.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
  rulesets  = [ruleset.edge]
}

listener "submission" {
  address   = "127.0.0.1:2587"
  direction = "outbound"
  allow     = local.office
}

admin { address = "127.0.0.1:8080" }

locals {
  office = ["127.0.0.0/8", "::1"]
}

plugin "rules" {
  source = "builtin:rules"
  grant { lists = true } # its rules ask named lists
}

plugin "stall" {
  source   = "builtin:stall"
  on_error = "stall"
}

# Impatient: what cannot be delivered within a day comes back.
retry "day" {
  phase {
    until  = "1d"
    every  = "5m"
    factor = 1.5
  }
  delay_notice = "2h"
}

list "partners" {
  entries = ["partner.test", "billing@supplier.test"]
}

# Before the recipient's tenant is known.
ruleset "edge" {
  action "liar" {
    when = matches("(?i)^(localhost|mx\\.office\\.test)$", helo) && !cidrmatch(client.ip, local.office...)
    do   = reject(550, "5.7.1", "That is my name")
  }
}

ruleset "incoming" {
  filter "lists" {
    plugin = plugin.rules
    config {
      allow "partners" { list = [list.partners] }
      block "executables" {
        attachment_name = ["*.exe", "*.js", "*.scr"]
        class           = "attachment/executable"
        override        = true # also of those who are allowed: the action below decides
      }
    }
  }
  filter "unscannable" {
    plugin = plugin.stall
    when   = message.has_attachments
    config { causes = ["encrypted-archive"] }
  }
  action "executables" {
    when = finding.sub == "executable"
    do   = listed(list.partners, sender.address) ? quarantine("executable of a partner") : reject(550, "5.7.1", "Executables are not accepted here")
  }
}

tenant "office" {
  domains = ["office.test"]
  route {
    hosts = ["127.0.0.1:2526"]
    tls   = "opportunistic"
  }
  recipients {
    verify = "callout"
    local  = ["postmaster@office.test"]
  }
  inbound {
    rulesets        = [ruleset.incoming]
    encrypted       = "stall"
    allow_encrypted = ["bank.test"]
  }
  outbound {
    retry    = retry.day
    lifetime = "12h"
  }
  group "board" {
    members = ["ceo@office.test", "*-board@office.test"]
    inbound { encrypted = "quarantine" }
  }
  notify { stalled = ["postmaster@office.test"] }
  retain {
    log        = "90d"
    quarantine = "30d"
  }
}
