gateway {
  hostname = "mx.weir.test"
  data_dir = 5  # ERROR: Invalid value
}

listner "mx" {  # ERROR: Unknown block
}

listener "mx" {
  address   = "2525"  # ERROR: Invalid value
  direction = "in"  # ERROR: Invalid value
}

tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.nope]  # ERROR: Unknown ruleset
  route { hosts = [] }  # ERROR: Route goes nowhere
}
