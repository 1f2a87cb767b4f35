gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = score > 3
    do   = redirect("nobody")  # ERROR: Invalid function argument
  }
}
