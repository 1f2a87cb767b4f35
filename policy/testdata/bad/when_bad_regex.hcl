gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = matches("(", message.subject)  # ERROR: Invalid function argument
    do   = accept()
  }
}
