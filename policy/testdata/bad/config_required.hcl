gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "typed" { source = "builtin:typed" }

ruleset "baseline" {
  filter "s" {
    plugin = plugin.typed
    config {  # ERROR: Missing attribute # ERROR: Missing block
      wait = 5  # ERROR: Invalid value
      size = "big"  # ERROR: Invalid value
    }
  }
}
