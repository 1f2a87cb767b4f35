gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = scroe > 5  # ERROR: Unknown name
    do   = accept()
  }
}
