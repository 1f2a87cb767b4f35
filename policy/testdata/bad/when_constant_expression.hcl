gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = 1 == 1  # ERROR: Condition is constant
    do   = accept()
  }
}
