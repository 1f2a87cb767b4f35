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
        sender   = "x@spam.test"  # ERROR: Invalid value
        override = "maybe"  # ERROR: Invalid value
        header   = ["X-Spam"]  # ERROR: Invalid value
      }
    }
  }
}
