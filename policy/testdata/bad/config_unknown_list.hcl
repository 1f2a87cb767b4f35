gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:rules"
  grant { lists = true }
}

list "partners" { entries = ["partner.test"] }

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      allow "partners" {
        list = ["partners", "operator.allow-sender", "partner"]  # ERROR: Unknown list
      }
    }
  }
}
