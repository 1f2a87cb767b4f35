# What the plugin finds is tagged here, and quarantined where scores add up.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

plugin "shout" {
  source   = "shout.wasm"
  on_error = "pass" # it is no loss when this one is out of order
}

ruleset "manners" {
  filter "capitals" {
    plugin = plugin.shout
    config { letters = 10 }
  }
  action "shouting" {
    when = finding.sub == "shouting"
    do   = score >= 3 ? quarantine("shouting") : tag("shouting")
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.manners]
  route { hosts = ["127.0.0.1:2526"] }
}
