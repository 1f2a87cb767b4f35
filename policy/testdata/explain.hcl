gateway {
  hostname = "mx.test"
  data_dir = "./var"
}
listener "mx" {
  address   = ":2525"
  direction = "inbound"
  rulesets  = [ruleset.early]
}
listener "submission" {
  address   = ":2587"
  direction = "outbound"
  auth      = "none"
  allow     = ["127.0.0.1/32"]
}
plugin "rules" { source = "builtin:rules" }
list "partners" { entries = ["partner.test"] }
retry "quick" {
  phase {
    until = "1h"
    every = "5m"
  }
}
ruleset "early" {
  filter "helo" {
    plugin = plugin.rules
    when   = helo == "bad.test"
  }
}
ruleset "baseline" {
  filter "always" { plugin = plugin.rules }
  filter "partners" {
    plugin = plugin.rules
    when   = listed(list.partners, sender.domain)
  }
  filter "attached" {
    plugin = plugin.rules
    when   = message.has_attachments && sender.domain != "bank.test" && header("X") == ""
    mode   = "observe"
  }
  action "spam" {
    when = finding.main == "spam" && score >= 6
    do   = quarantine("spam score ${score}")
  }
  action "boss" {
    when = recipient.local == "boss"
    do   = tag("boss")
  }
}
route "slow" {
  hosts = ["192.0.2.9:25"]
  retry = retry.quick
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.baseline]
  route { hosts = ["127.0.0.1:2526"] }
  recipients { local = ["sales@acme.test"] }
  inbound {
    encrypted       = "quarantine"
    allow_encrypted = ["bank.test"]
    lifetime        = "30m"
    via "boss" {
      recipient = ["boss@acme.test"]
      route     = route.slow
    }
  }
  outbound {
    secure "channel" {
      when = recipient.domain == "bank.test"
      tls  = "verified"
    }
  }
}
