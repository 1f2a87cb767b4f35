gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = cidrmatch(client.ip, "10.0.0.0/33")  # ERROR: Invalid function argument
    do   = accept()
  }
}
