gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" { source = "builtin:rules" }

ruleset "baseline" {
  filter "lists" { plugin = plugin.rules }
}

tenant "acme" {
  domains = ["acme.test"]
  route { hosts = ["127.0.0.1:2526"] }
  rulesets = [ruleset.baseline, ruleset.basline]  # ERROR: Unknown ruleset
}
