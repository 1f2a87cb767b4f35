# Mail that is locked is held; the desk gets a ticket for it, is reminded, and
# lets it go:  weir action desk unlock ID

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

plugin "desk" {
  source = "desk.wasm"
  grant { queue = true }
  config { # of its actions and schedules, and of filters without a config block
    password = "open sesame"
    remind   = "2s"
    desk     = ["desk@demo.test"]
  }
}

ruleset "front" {
  filter "desk" { plugin = plugin.desk }
  action "ticket" {
    when = finding.sub == "locked"
    run  = [call(plugin.desk, "ticket", { text = "Locked mail from ${sender.address}." })]
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.front]
  route { hosts = ["127.0.0.1:2526"] }
  notify { stalled = [] } # the desk's reminder does that
}
