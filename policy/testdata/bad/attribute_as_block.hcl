gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" { source = "builtin:rules" }

ruleset "baseline" {
  filter "lists" { plugin = plugin.rules }
}

tenant "acme" {  # ERROR: Missing attribute
  domains { a = "acme.test" }  # ERROR: An attribute is written as a block
}
