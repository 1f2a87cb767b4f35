gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = listed(list.vip, sender.address)  # ERROR: Unknown list
    do   = accept()
  }
}
