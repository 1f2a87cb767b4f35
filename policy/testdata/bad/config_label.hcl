gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" { source = "builtin:rules" }

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      block {  # ERROR: Wrong number of labels
        sender = ["*@spam.test"]
      }
    }
  }
}
