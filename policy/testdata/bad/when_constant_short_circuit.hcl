gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = score > 3 || true  # ERROR: Condition is constant
    do   = accept()
  }
}
