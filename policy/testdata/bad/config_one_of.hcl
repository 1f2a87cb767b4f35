gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "stall" { source = "builtin:stall" }

ruleset "baseline" {
  filter "s" {
    plugin = plugin.stall
    config { causes = ["macro", "encrypted-archiv"] }  # ERROR: Invalid value
  }
}
