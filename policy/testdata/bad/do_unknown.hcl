gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = score > 3
    do   = rejct(550, "5.7.1", "no")  # ERROR: Unknown function
  }
}
