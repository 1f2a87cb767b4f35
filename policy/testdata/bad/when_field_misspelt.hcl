gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = finding.mian == "spam"  # ERROR: Unknown field
    do   = accept()
  }
}
