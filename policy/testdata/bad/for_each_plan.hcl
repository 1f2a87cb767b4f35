gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" { source = "builtin:rules" }

ruleset "baseline" {
  filter "lists" { plugin = plugin.rules }
}

tenants "more" {
  for_each = csvdecode(file("customers.csv"))
  name     = each.value.id
  domains  = split(" ", each.value.domains)
  rulesets = [ruleset.baseline, ruleset[each.value.plan]]  # ERROR: Unknown ruleset
}
