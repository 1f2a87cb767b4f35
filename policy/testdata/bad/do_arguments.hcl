gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = score > 3
    do   = reject(550)  # ERROR: Not enough function arguments
  }
}
