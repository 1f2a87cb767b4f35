gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {  # ERROR: Missing attribute
    when = score > 3
  }
}
