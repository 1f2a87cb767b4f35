plugin "shout" {
  source   = "../shout/shout.wasm"
  on_error = "stall"
}

ruleset "manners" {
  filter "capitals" {
    plugin = plugin.shout
    config { letters = 10 }
  }
  action "shouting" {
    when = finding.main == "spam"
    do   = quarantine("it shouts")
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.manners]
  route { hosts = [var.sink] }
}
