gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" { source = "builtin:rules" }

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    when   = contains(tags, "a")  # ERROR: Unknown name
  }
  action "tags" {
    when = tags == "a"  # ERROR: Condition is constant
    do   = discard("x")
  }
}
