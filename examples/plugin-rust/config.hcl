# What comes in waves is tagged; the rest of a large one waits in quarantine.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

plugin "waves" {
  source   = "waves.wasm"
  on_error = "pass" # it is no loss when this one is out of order
  grant { kv = true }
}

ruleset "manners" {
  filter "waves" {
    plugin = plugin.waves
    config {
      limit  = 1
      window = "10m"
    }
  }
  action "wave" {
    when = finding.sub == "wave"
    do   = quarantine("wave")
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.manners]
  route { hosts = ["127.0.0.1:2526"] }
}
