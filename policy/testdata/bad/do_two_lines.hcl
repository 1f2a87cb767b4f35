gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = score > 3
    do   = reject(550, "5.7.1", "no\r\n250 yes")  # ERROR: Invalid function argument
  }
}
