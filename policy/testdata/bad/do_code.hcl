gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = score > 3
    do   = reject(450, "5.7.1", "no")  # ERROR: Invalid function argument
  }
}
