gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = score  # ERROR: Condition is not true or false
    do   = accept()
  }
}
