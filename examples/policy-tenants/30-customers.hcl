# One tenant for each line of customers.csv.

tenants "customers" {
  for_each = csvdecode(file("customers.csv"))
  name     = each.value.id
  domains  = split(" ", each.value.domains)
  rulesets = [ruleset.baseline, ruleset[each.value.plan]]
  route { hosts = split(" ", each.value.hosts) }
  retain { quarantine = each.value.plan == "gold" ? "30d" : "14d" }
}
