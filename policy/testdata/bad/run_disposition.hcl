gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "hook" { source = "builtin:hook" }

ruleset "baseline" {
  action "a" {
    when = score > 3
    run  = [quarantine("no")]  # ERROR: Unknown function
  }
}
