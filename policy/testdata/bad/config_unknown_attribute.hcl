gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" { source = "builtin:rules" }

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      block "spam" {
        sender_domian = ["spam.test"]  # ERROR: Unknown attribute
      }
    }
  }
}
