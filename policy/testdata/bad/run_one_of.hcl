gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "hook" { source = "builtin:hook" }

ruleset "baseline" {
  action "a" {
    when = score > 3
    run  = [call(plugin.hook, "post", { text = "x", level = "loud" })]  # ERROR: Invalid value
  }
}
