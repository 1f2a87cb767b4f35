gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" { source = "builtin:rules" }
plugin "stall" { source = "builtin:stall" }
plugin "watch" {
  source = "builtin:rules"
  mode   = "observe"
}

list "vip" { entries = ["vip.test", "boss@friend.test", "192.0.2.0/24", ".deep.test"] }

locals {
  limit = 6
}

ruleset "baseline" {
  filter "lists" { plugin = plugin.rules }
  filter "watch" { plugin = plugin.watch }
  filter "unscannable" {
    plugin = plugin.stall
    when   = message.has_attachments
  }
  action "label" {
    when = finding.sub == "newsletter"
    do   = tag("newsletter")
  }
  action "spam" {
    when = finding.main == "spam" && score >= local.limit
    do   = quarantine("spam score ${score}")
  }
  action "executables" {
    when = finding.sub == "executable"
    do   = reject(550, "5.7.1", "Executables are not accepted here")
  }
  action "never-reached" {
    when = finding.sub == "executable"
    do   = accept()
  }
  action "mild" {
    when = finding.main == "harmless"
    do   = accept()
  }
  action "big" {
    when = message.size > 1000000
    do   = tempfail(452, "4.3.1", "Too large for now: ${message.size}")
  }
  action "empty" {
    when = finding.main == "" && header("X-Catch") == "yes"
    do   = redirect("catch@acme.test")
  }
  action "broken" {
    when = finding.sub == "boom" && parseint(finding.extra, 10) > 1
    do   = discard("boom")
  }
  action "bad-reply" {
    when = finding.sub == "dynamic"
    do   = reject(tonumber(finding.extra), "5.7.1", "x")
  }
  action "vip" {
    when = finding.sub == "vip" && listed(list.vip, sender.address)
    do   = accept()
  }
}

ruleset "edge" {
  action "liar" {
    when = finding.sub == "helo" && matches("^(localhost|\\[127)", helo)
    do   = reject(554, "5.7.1", "Say who you are")
  }
  action "lan" {
    when = cidrmatch(client.ip, "10.0.0.0/8", "::1")
    do   = discard("from the lan")
  }
}

listener "mx" {
  address   = ":2525"
  direction = "inbound"
  rulesets  = [ruleset.edge]
}

tenant "default" {
  domains  = ["default.test"]
  rulesets = [ruleset.baseline]
  route { hosts = ["127.0.0.1:2526"] }
}

tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.baseline]
  route { hosts = ["127.0.0.1:2526"] }
  inbound {
    encrypted       = "stall"
    allow_encrypted = ["bank.test", "*@post.test"]
  }
  outbound {
    encrypted       = "reject"
    allow_encrypted = ["lawyer@bank.test"]
  }
  group "board" {
    members = ["ceo@acme.test", "*-board@acme.test"]
    inbound { encrypted = "quarantine" }
  }
  group "lab" {
    members = ["lab@acme.test"]
    inbound { encrypted = "allow" }
  }
}
