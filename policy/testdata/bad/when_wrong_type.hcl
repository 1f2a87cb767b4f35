gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = score > "high"  # ERROR: Invalid operand
    do   = accept()
  }
}
