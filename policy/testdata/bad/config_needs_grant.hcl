gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" { source = "builtin:rules" }

list "partners" { entries = ["partner.test"] }

ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      allow "partners" {
        list = [list.partners]  # ERROR: Missing grant
      }
    }
  }
}
