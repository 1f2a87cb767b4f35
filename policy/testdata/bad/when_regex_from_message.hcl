gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = matches(header("X-Re"), message.subject)  # ERROR: Invalid function argument
    do   = accept()
  }
}
